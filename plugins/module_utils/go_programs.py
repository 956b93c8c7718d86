"""Static Go programs whose bytes do not depend on where they were built. Standard library only."""

import hashlib
import os
import subprocess
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from ansible_collections.scratchlab.lab.plugins.module_utils.lab_packages import (
    STATE,
    read_json,
    write_json,
)
from ansible_collections.scratchlab.lab.plugins.module_utils.lab_probe import SEARCH, go

# No path of the build machine (-trimpath), no commit (-buildvcs), no symbols, no build id: the same
# bytes from any folder for one Go version and architecture (measured with Go 1.19 and 1.24).
FLAGS = ["-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid="]


class BuildError(Exception):
    """A program could not be built; the text says why and what mends it."""


def build(programs, epoch, check):
    """Build each of ``programs`` (Go file: program) where source, flags or Go changed, or where the
    program is not the one that was built; gives their names. What several need of Go's library is
    compiled once. ``epoch`` is their modification time, in seconds since 1970; with ``check``
    nothing is built. Raises BuildError.
    """
    found = go()
    with ExitStack() as clean:

        @cache
        def scratch():
            return clean.enter_context(TemporaryDirectory(prefix="go-", dir=STATE))

        return [
            output
            for source, output in programs.items()
            if _build_one(found, Path(source), Path(output), epoch, None if check else scratch)
        ]


def _build_one(found, source, output, epoch, scratch):
    """Build one program where that is due; gives whether it was (would be, without ``scratch``,
    which makes a folder)."""
    stamp = output.with_name(output.name + ".receipt")
    wish = {"go": found["version"], "flags": FLAGS, "source": _sha256(source)}
    current = _sha256(output)
    if current and read_json(stamp, {}) == {**wish, "program": current}:
        if int(output.stat().st_mtime) == epoch:
            return False
        if scratch:
            os.utime(output, (epoch, epoch))
        return True
    if scratch:
        if not found["path"]:
            raise BuildError("no Go on this machine; run ./lab --tags provision,build")
        aside = output.with_name(output.name + ".new")
        _compile(found["path"], source, aside, scratch())
        aside.chmod(0o755)
        os.utime(aside, (epoch, epoch))
        aside.replace(output)
        write_json(stamp, {**wish, "program": _sha256(output)})
    return True


def _compile(program, source, output, scratch):
    """Compile ``source`` to ``output``; Go's cache lies in ``scratch``."""
    done = subprocess.run(
        [program, "build", *FLAGS, "-o", str(output), str(source)],
        capture_output=True,
        text=True,
        check=False,
        cwd=source.parent,
        env={
            "PATH": SEARCH,
            "HOME": scratch,
            "GOCACHE": scratch + "/cache",
            "GOPATH": scratch,
            "GOFLAGS": "",
            "GOENV": "off",
            "GO111MODULE": "off",
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "0",
            "GOOS": "linux",
        },
    )
    if done.returncode:
        raise BuildError(
            f"{program} could not build {source}: {done.stderr.strip()[-600:]} "
            "-- mend what it names (a full disk?), then run ./lab again"
        )


def _sha256(path):
    """SHA-256 of a file, empty where it is missing."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
