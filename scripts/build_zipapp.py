#!/usr/bin/env python3
"""Build scratchlab as one file that runs by any Python 3.11 or newer: ``build_zipapp.py OUTPUT``.

With ``--agent ARCHITECTURE`` (amd64, arm64, ...; repeatable) it carries the agent of its debug
containers, which otherwise Go builds where it is needed; that takes Go here.

The same sources and locks give the same bytes on every machine: pure Python only, sorted names,
pinned times, nothing compressed (zlib's output differs between its builds). Needs only Python's
standard library, and uv or pip for the locked dependencies. Prints ``built`` or ``unchanged``.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from scratchlab import agent
from scratchlab.errors import LabError

HERE = Path(__file__).resolve().parent
LOCK = HERE.parent / "requirements" / "scratchlab.txt"
SHEBANG = b"#!/usr/bin/python3\n"
# A zip's modules are compiled anew at every start (0.6 s). Root unpacks the file once to where
# Python can keep what it compiled; without that folder it runs from the zip all the same.
MAIN = """\
import os
import sys
import zipfile

CACHE = "/var/cache/scratchlab/DIGEST"


def unpack():
    aside = f"{CACHE}.{os.getpid()}"
    os.umask(0o022)  # nobody but root may ever write there
    with zipfile.ZipFile(os.path.dirname(os.path.abspath(__file__))) as archive:
        archive.extractall(aside)
    try:
        os.rename(aside, CACHE)
    except OSError:  # another start was quicker
        import shutil

        shutil.rmtree(aside, ignore_errors=True)


try:
    if os.geteuid() == 0 and not os.path.isdir(CACHE):
        unpack()
    if os.stat(CACHE).st_uid == 0:
        sys.path.insert(0, CACHE)
except OSError:
    pass

from scratchlab.__main__ import main

sys.exit(main())
"""
TIME = (1980, 1, 1, 0, 0, 0)  # the oldest that a zip can hold
# What only rich's syntax and Markdown views need, and pip's console scripts. No view of ours does.
LEFT_OUT = {"pygments", "markdown_it", "mdurl", "bin", "__pycache__", "tests", "win32"}
# Compiled parts (each of these packages falls back to Python), stubs, and what pip writes.
LEFT_OUT_SUFFIXES = {".so", ".pyd", ".pyi", ".pyc", ".typed", ".c", ".pxd", ".pyx"}


class BuildError(Exception):
    """The file cannot be built; the text says what mends it."""


def dependencies(build: Path) -> Path:
    """A folder with the locked dependencies, made once per lock. Raises BuildError."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    folder = build / f"dependencies-{digest}"
    if folder.is_dir():
        return folder
    aside = build / f"dependencies-{digest}.{os.getpid()}"
    shutil.rmtree(aside, ignore_errors=True)
    said = []
    for installer in installers():
        wish = [
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "--only-binary",
            ":all:",
            "--target",
            str(aside),
            "-r",
            str(LOCK),
        ]
        done = subprocess.run([*installer, *wish], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            aside.rename(folder)
            return folder
        said.append(f"{installer[0]}: {done.stderr.strip()[-400:]}")
    shutil.rmtree(aside, ignore_errors=True)
    raise BuildError(
        "scratchlab's dependencies could not be fetched: "
        + ("; ".join(said) or "neither uv nor pip is here")
        + " -- check the network and run ./lab"
    )


def installers() -> Iterator[list[str]]:
    """Commands that take ``--require-hashes`` and keep nothing in ~/.cache, the quickest first."""
    near = [Path(sys.executable).with_name("uv"), HERE.parent / ".venv" / "bin" / "uv"]
    uv = next((str(path) for path in near if path.exists()), shutil.which("uv"))
    if uv:
        yield [uv, "pip", "install", "--no-cache"]
    for python in (sys.executable, str(HERE.parent / ".venv" / "bin" / "python")):
        probe = [python, "-m", "pip"]
        if (
            Path(python).exists()
            and not subprocess.run(
                [*probe, "--version"], capture_output=True, check=False
            ).returncode
        ):
            yield [*probe, "install", "--no-cache-dir"]


def members(root: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file below ``root`` that the program may need."""
    for path in root.rglob("*"):
        name = path.relative_to(root)
        needless = LEFT_OUT.intersection(name.parts) or path.suffix in LEFT_OUT_SUFFIXES
        # Of what pip writes, the version (asked by importlib.metadata) and the licences stay.
        if name.parts[0].endswith(".dist-info"):
            needless = name.parts[1:2] not in (("METADATA",), ("licenses",))
        if path.is_file() and not needless:
            yield str(name), path.read_bytes()


def write(output: Path, files: dict[str, bytes]) -> bool:
    """Write the program; False where it was there already, byte for byte."""
    output.parent.mkdir(parents=True, exist_ok=True)
    aside = output.with_name(f"{output.name}.{os.getpid()}")
    with open(aside, "wb") as stream:
        stream.write(SHEBANG)
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for name in sorted(files):
                info = zipfile.ZipInfo(name, TIME)
                info.create_system = 3  # Unix, on whatever system this runs
                info.external_attr = 0o100644 << 16
                archive.writestr(info, files[name])
    if output.exists() and output.read_bytes() == aside.read_bytes():
        aside.unlink()
        return False
    aside.chmod(0o755)
    aside.replace(output)
    return True


def agents(architectures: list[str]) -> Iterator[tuple[str, bytes]]:
    """Name and content of the agents to carry along. Raises BuildError."""
    for one in architectures:
        try:
            yield f"scratchlab/agent/{agent.CARRIED.format(one)}", agent.build(one)
        except LabError as error:
            raise BuildError(str(error)) from error


def build(output: Path, architectures: list[str]) -> bool:
    """Build the program at ``output``; False where nothing changed. Raises BuildError."""
    output.parent.mkdir(parents=True, exist_ok=True)
    files = dict(members(dependencies(output.parent)))
    files |= {f"scratchlab/{name}": body for name, body in members(HERE / "scratchlab")}
    files |= dict(agents(architectures))
    digest = hashlib.sha256(
        b"".join(b"%s %d " % (n.encode(), len(b)) + b for n, b in sorted(files.items()))
    ).hexdigest()[:16]
    files["__main__.py"] = MAIN.replace("DIGEST", digest).encode()
    return write(output, files)


def main() -> None:
    """Build, and say whether anything changed."""
    parser = argparse.ArgumentParser(description="Build scratchlab as one file.")
    parser.add_argument("output", type=Path)
    parser.add_argument("--agent", action="append", default=[], metavar="ARCHITECTURE")
    wish = parser.parse_args()
    try:
        print("built" if build(wish.output.absolute(), wish.agent) else "unchanged")
    except (BuildError, OSError) as error:
        sys.exit(f"build_zipapp: {error}")


if __name__ == "__main__":
    main()
