"""The agent of a debug container: its source (Go), and the program for an engine's processor.

The program is carried along, or built with Go here. Needs only Python's standard library.
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

from scratchlab.errors import LabError

CARRIED = "linux-{}"  # beside this file, in a scratchlab that carries it
# As plugins/module_utils/go_programs.py builds the lab's own program: the same bytes
# from any folder for one Go version and architecture.
_FLAGS = ("-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=")
_SEARCH = f"/usr/local/go/bin{os.pathsep}/usr/lib/go/bin"  # beside PATH
_SECONDS = 600.0  # the standard library is compiled along, on an emulated machine too


def binary(architecture: str) -> bytes:
    """The agent for ``linux/ARCHITECTURE`` (a GOARCH name). Raises LabError.

    A scratchlab that ``build_zipapp.py --agent`` made carries some. Otherwise Go builds it once
    for each version of the agent, and it is kept in the cache.
    """
    carried = resources.files(__package__).joinpath(CARRIED.format(architecture))
    if carried.is_file():
        return carried.read_bytes()
    sources = _sources()
    kept = _cache() / f"agent-{_digest(sources)}-{architecture}"
    try:
        return kept.read_bytes()
    except OSError:
        built = build(architecture, sources)
    with contextlib.suppress(OSError):  # a home that cannot be written to: built again next time
        _keep(kept, built)
    return built


def build(architecture: str, sources: dict[str, bytes] | None = None) -> bytes:
    """Build the agent with Go; raises LabError when there is no Go, or it cannot."""
    go = shutil.which("go") or shutil.which("go", path=_SEARCH)
    what = f"this scratchlab carries no agent for linux/{architecture}"
    if go is None:
        raise LabError(
            f"{what}, and there is no Go here to build it",
            "install Go (`apt-get install golang-go`), or use a scratchlab that was built with"
            f" `build_zipapp.py --agent {architecture}` where Go is",
        )
    with tempfile.TemporaryDirectory(prefix="scratchlab-agent-") as folder:
        files = sources or _sources()
        for name, text in files.items():
            (Path(folder) / name).write_bytes(text)
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": folder,
            "GOCACHE": f"{folder}/cache",
            "GOPATH": f"{folder}/path",
            "GOENV": "off",
            "GO111MODULE": "off",
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "0",
            "GOOS": "linux",
            "GOARCH": architecture,
        }
        try:
            done = subprocess.run(
                [
                    go,
                    "build",
                    *_FLAGS,
                    "-o",
                    "agent",
                    *files,
                ],  # by file: "." would put the folder in
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LabError(f"{what}, and {go} could not build it: {error}") from error
        if done.returncode:
            said = " ".join(done.stderr.split())[-400:]
            raise LabError(f"{what}, and {go} could not build it: {said}")
        return (Path(folder) / "agent").read_bytes()


def _sources() -> dict[str, bytes]:
    folder = resources.files(__package__)
    files = (one for one in folder.iterdir() if one.name.endswith(".go"))
    return {one.name: one.read_bytes() for one in sorted(files, key=lambda one: one.name)}


def _digest(sources: dict[str, bytes]) -> str:
    digest = hashlib.sha256(repr(_FLAGS).encode())
    for name, text in sources.items():
        digest.update(f"{name} {len(text)} ".encode() + text)
    return digest.hexdigest()[:16]


def _cache() -> Path:
    if os.geteuid() == 0:
        return Path("/var/cache/scratchlab")  # the lab's, `./lab destroy` removes it
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home) / "scratchlab"


def _keep(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    fd, aside = tempfile.mkstemp(dir=path.parent, prefix=".agent-")
    with os.fdopen(fd, "wb") as out:
        out.write(data)
    os.rename(aside, path)
