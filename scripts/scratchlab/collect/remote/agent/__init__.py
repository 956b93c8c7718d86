"""The agent of a debug container: its source (Go), and the program for an engine's processor.

A zipapp can include the program; otherwise Go builds it on this machine. This module needs only
Python's standard library.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from importlib import resources
from pathlib import Path

from scratchlab import temporary
from scratchlab.atomic import write_bytes
from scratchlab.deadlines import LateError, allowed
from scratchlab.errors import LabError

BUNDLED = "linux-{}"  # file name beside this one, in a zipapp built with the agent; a GOARCH
# As in plugins/module_utils/go_programs.py: the same bytes from any directory for one
# Go version and architecture.
_FLAGS = ("-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=")
_SEARCH = f"/usr/local/go/bin{os.pathsep}/usr/lib/go/bin"  # after PATH
_TIMEOUT = 600.0  # seconds: Go compiles its standard library too


def binary(architecture: str) -> bytes:
    """The agent program for ``linux/ARCHITECTURE`` (a GOARCH name). Raises LabError.

    It is bundled in a zipapp that ``build_zipapp.py --agent`` made. Otherwise Go builds it once for
    each version of the agent, into the cache.
    """
    bundled = resources.files(__package__).joinpath(BUNDLED.format(architecture))
    if bundled.is_file():
        return bundled.read_bytes()
    sources = _sources()
    cached = _cache() / f"agent-{_digest(sources)}-{architecture}"
    try:
        return cached.read_bytes()
    except OSError:
        program = build(architecture, sources)
    with contextlib.suppress(OSError):  # where the cache cannot be written, Go builds it every time
        cached.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_bytes(cached, program, mode=0o600)
    return program


def build(architecture: str, sources: dict[str, bytes] | None = None) -> bytes:
    """Build the agent with Go. Raises LabError when Go is not installed or fails."""
    go = shutil.which("go") or shutil.which("go", path=_SEARCH)
    what = f"this scratchlab does not include the agent for linux/{architecture}"
    if go is None:
        raise LabError(
            f"{what}, and Go is not installed to build it",
            "install Go (`apt-get install golang-go`), or use a scratchlab built with"
            f" `build_zipapp.py --agent {architecture}` on a machine with Go",
        )
    directory = temporary.make("agent", tempfile.gettempdir())
    try:
        files = sources or _sources()
        for name, text in files.items():
            (Path(directory) / name).write_bytes(text)
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": directory,
            "GOCACHE": f"{directory}/cache",
            "GOPATH": f"{directory}/path",
            "GOTMPDIR": directory,
            "GOENV": "off",
            "GO111MODULE": "off",
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "0",
            "GOOS": "linux",
            "GOARCH": architecture,
        }
        limit = allowed(_TIMEOUT)
        try:
            done = subprocess.run(
                # File by file: "." would make the program depend on the directory's name.
                [go, "build", *_FLAGS, "-o", "agent", *files],
                cwd=directory,
                env=environment,
                capture_output=True,
                text=True,
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise LateError(f"{what}, and {go} did not build it", limit) from error
        except OSError as error:
            raise LabError(f"{what}, and {go} failed to build it: {error}") from error
        if done.returncode:
            errors = " ".join(done.stderr.split())[-400:]
            raise LabError(f"{what}, and {go} failed to build it: {errors}")
        return (Path(directory) / "agent").read_bytes()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _sources() -> dict[str, bytes]:
    directory = resources.files(__package__)
    files = (file for file in directory.iterdir() if file.name.endswith(".go"))
    return {file.name: file.read_bytes() for file in sorted(files, key=lambda file: file.name)}


def _digest(sources: dict[str, bytes]) -> str:
    digest = hashlib.sha256(repr(_FLAGS).encode())
    for name, text in sources.items():
        digest.update(f"{name} {len(text)} ".encode() + text)
    return digest.hexdigest()[:16]


def _cache() -> Path:
    if os.geteuid() == 0:
        return Path("/var/cache/scratchlab")  # the lab's own; `./lab destroy` removes it
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home) / "scratchlab"
