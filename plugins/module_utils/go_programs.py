"""Static Go programs whose bytes do not depend on where they were built.

Needs only the standard library.
"""

import hashlib
import os
import subprocess
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from ansible_collections.scratchlab.lab.plugins.module_utils.lab_probe import SEARCH, go
from ansible_collections.scratchlab.lab.plugins.module_utils.receipt_files import (
    STATE,
    ReceiptError,
    read_json,
    write_json,
)

# No path of the build machine (-trimpath), no commit (-buildvcs), no symbols, no build id: the same
# bytes from any directory for one Go version and architecture (measured with Go 1.19 and 1.24).
FLAGS = ["-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid="]


class BuildError(Exception):
    """A program could not be built; the text names the reason and the remedy."""


def build(programs, epoch, check):
    """Build each of ``programs`` (Go file: program) that is stale, and return their names.

    A program is stale if its source, flags or Go changed, or if its bytes did. Shared parts of
    Go's library are compiled once. ``epoch`` is the modification time of the programs, in seconds
    since 1970. With ``check``, builds nothing. Raises BuildError.
    """
    compiler = go()
    with ExitStack() as clean:

        @cache
        def scratch():
            return clean.enter_context(TemporaryDirectory(prefix="go-", dir=STATE))

        return [
            output
            for source, output in programs.items()
            if _build_program(
                compiler, Path(source), Path(output), epoch, None if check else scratch
            )
        ]


def _build_program(compiler, source, output, epoch, scratch):
    """Build one program if it is stale; return whether it was.

    ``scratch`` makes a temporary directory; without it, nothing is built.
    """
    stamp = output.with_name(output.name + ".receipt")
    inputs = {"go": compiler["version"], "flags": FLAGS, "source": _sha256(source)}
    current = _sha256(output)
    if current and _read(stamp) == {**inputs, "program": current}:
        if int(output.stat().st_mtime) == epoch:
            return False
        if scratch:
            os.utime(output, (epoch, epoch))
        return True
    if scratch:
        if not compiler["path"]:
            raise BuildError("no Go on this machine; run the role golang first")
        temporary = output.with_name(output.name + ".new")
        _compile(compiler["path"], source, temporary, scratch())
        temporary.chmod(0o755)
        os.utime(temporary, (epoch, epoch))
        temporary.replace(output)
        write_json(stamp, {**inputs, "program": _sha256(output)})
    return True


def _read(stamp):
    """Return what a program was built from; nothing, and so stale, if the file is damaged."""
    try:
        return read_json(stamp, {})
    except ReceiptError:
        return {}


def _compile(program, source, output, scratch):
    """Compile ``source`` to ``output``, with Go's cache in ``scratch``."""
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
            "-- fix what it names (a full disk?), then run the same command again"
        )


def _sha256(path):
    """Return the SHA-256 of a file, empty if it is missing."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
