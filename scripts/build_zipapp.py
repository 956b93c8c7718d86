#!/usr/bin/env python3
"""Build scratchlab as one file for any Python from 3.11: ``build_zipapp.py OUTPUT``.

With ``--agent ARCHITECTURE`` (amd64, arm64, ...; repeatable) it contains the agent of its debug
containers, which Go otherwise builds where it is needed; building it needs Go on this machine.

The same sources and locks build the same bytes on every machine: pure Python only, sorted names,
fixed times, no compression (zlib's output differs between its builds). Needs only Python's
standard library, and uv or pip for the locked dependencies. Prints ``built`` or ``unchanged``.

Every run of the lab starts this, and mostly nothing has changed: then it reads the sources and the
program, and writes nothing. ``OUTPUT.made`` says from what content which program was made.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from scratchlab import commit

HERE = Path(__file__).resolve().parent
LOCK = HERE.parent / "requirements" / "scratchlab.txt"
SHEBANG = b"#!/usr/bin/python3\n"
# Python compiles the modules in a zip at every start (0.6 s). Root therefore unpacks the file once,
# to where Python keeps the compiled modules; without that directory the zip runs all the same. What
# a killed run left there goes with the next one. Any Python from 2.7 can read this file.
MAIN = """\
import os
import sys

if sys.version_info < (3, 11):
    sys.stderr.write(
        "scratchlab: it needs Python 3.11 or newer, and %s is Python %d.%d;"
        " install one, and run: python3.11 %s ...\\n"
        % ((sys.executable,) + tuple(sys.version_info[:2]) + (os.path.dirname(__file__),))
    )
    sys.exit(2)

CACHE = "/var/cache/scratchlab/DIGEST"


def unpack():
    import zipfile

    temporary = "%s.%d" % (CACHE, os.getpid())
    os.umask(0o022)  # only root may write there
    with zipfile.ZipFile(os.path.dirname(os.path.abspath(__file__))) as archive:
        archive.extractall(temporary)
    try:
        os.rename(temporary, CACHE)
    except OSError:  # another run was first
        import shutil

        shutil.rmtree(temporary, ignore_errors=True)


def remove_leftovers():
    # Directories DIGEST.PID of root's whose process is gone.
    directory = os.path.dirname(CACHE)
    for name in os.listdir(directory):
        digest, dot, pid = name.partition(".")
        path = os.path.join(directory, name)
        if dot and len(digest) == len("DIGEST") and pid.isdigit() and os.lstat(path).st_uid == 0:
            if not os.path.exists("/proc/" + pid) and os.path.exists("/proc/self"):
                import shutil

                shutil.rmtree(path, ignore_errors=True)  # refuses a link


try:
    if os.geteuid() == 0:
        if os.path.isdir(os.path.dirname(CACHE)):
            remove_leftovers()
        if not os.path.isdir(CACHE):
            unpack()
    if os.stat(CACHE).st_uid == 0:
        sys.path.insert(0, CACHE)
except OSError:
    pass

from scratchlab.__main__ import main

sys.exit(main())
"""
TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold
# Packages for rich's syntax and Markdown views, which scratchlab does not use; console scripts.
LEFT_OUT = {"pygments", "markdown_it", "mdurl", "bin", "__pycache__", "tests", "win32"}
# Compiled modules (each of these packages falls back to Python), stubs, and files of pip.
LEFT_OUT_SUFFIXES = {".so", ".pyd", ".pyi", ".pyc", ".typed", ".c", ".pxd", ".pyx"}


class BuildError(Exception):
    """The file cannot be built; the message has the remedy."""


def dependencies(build: Path) -> Path:
    """The directory with the locked dependencies, made once for each lock. Raises BuildError."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    directory = build / f"dependencies-{digest}"
    if directory.is_dir():
        return directory
    temporary = build / f"dependencies-{digest}.{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    failures = []
    for installer in installers():
        arguments = [
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "--only-binary",
            ":all:",
            "--target",
            str(temporary),
            "-r",
            str(LOCK),
        ]
        # A pip.conf with user = true would forbid --target.
        environment = {**os.environ, "PIP_USER": "0"}
        done = subprocess.run(
            [*installer, *arguments], capture_output=True, text=True, check=False, env=environment
        )
        if done.returncode == 0:
            return put_in_place(temporary, directory)
        failures.append(f"{installer[0]}: {done.stderr.strip()[-400:]}")
    shutil.rmtree(temporary, ignore_errors=True)
    raise BuildError(
        "scratchlab's dependencies could not be fetched: "
        + ("; ".join(failures) or "neither uv nor pip is installed")
        + " -- check the network and run ./lab"
    )


def show_dependencies(directory: Path) -> None:
    """Let the link ``dependencies`` lead to ``directory``. What runs on the controller imports from
    there: of a directory Python keeps bytecode, of a zip it compiles all modules at every start.
    """
    link = directory.with_name("dependencies")
    if not link.is_symlink() or os.readlink(link) != directory.name:
        fresh = link.with_name(f"dependencies.{os.getpid()}")
        fresh.symlink_to(directory.name)
        fresh.rename(link)


def put_in_place(temporary: Path, directory: Path) -> Path:
    """Rename a complete directory; one that another build put there meanwhile is as good."""
    try:
        temporary.rename(directory)
    except OSError:
        if not directory.is_dir():
            raise
        shutil.rmtree(temporary, ignore_errors=True)
    return directory


def installers() -> Iterator[list[str]]:
    """Commands that support ``--require-hashes`` and leave no cache, the fastest first."""
    paths = [Path(sys.executable).with_name("uv"), HERE.parent / ".venv" / "bin" / "uv"]
    uv = next((str(path) for path in paths if path.exists()), shutil.which("uv"))
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


def members(root: Path, below: str = "") -> Iterator[tuple[str, bytes]]:
    """The name and content of every file in ``root`` that the program may need."""
    for item in os.scandir(root / below):
        name = below + item.name
        if item.is_dir(follow_symlinks=False):
            if _is_needed(name):
                yield from members(root, f"{name}/")
        elif item.is_file() and _is_needed(name, os.path.splitext(name)[1]):
            with open(item.path, "rb") as file:
                yield name, file.read()


def _is_needed(name: str, suffix: str = "") -> bool:
    first, _, rest = name.partition("/")
    # Of pip's metadata, the version (for importlib.metadata) and the licences stay.
    if first.endswith(".dist-info"):
        return rest.partition("/")[0] in ("", "METADATA", "licenses")
    return os.path.basename(name) not in LEFT_OUT and suffix not in LEFT_OUT_SUFFIXES


def digest(files: dict[str, bytes]) -> str:
    """A digest of the names and contents of ``files``."""
    found = hashlib.sha256()
    for name, data in sorted(files.items()):
        found.update(b"%s %d " % (name.encode(), len(data)))
        found.update(data)
    return found.hexdigest()


def write(output: Path, files: dict[str, bytes]) -> bool:
    """Write the program to ``output`` (mode 0755). Returns False where it is the same already."""
    # A run that finds nothing to write needs neither of them, which take as long as all others.
    import io  # noqa: PLC0415
    import zipfile  # noqa: PLC0415

    from scratchlab.atomic import write_bytes  # noqa: PLC0415

    program = io.BytesIO()
    program.write(SHEBANG)
    with zipfile.ZipFile(program, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, TIME)
            info.create_system = 3  # Unix, on whatever system this runs
            info.external_attr = 0o100644 << 16
            archive.writestr(info, files[name])
    if output.exists() and output.read_bytes() == program.getvalue():
        return False
    write_bytes(output, program.getvalue(), mode=0o755)
    return True


def agents(architectures: list[str]) -> Iterator[tuple[str, bytes]]:
    """The name and content of the agents for ``architectures``. Raises BuildError."""
    # Few programs have one.
    from scratchlab.collect.remote import agent  # noqa: PLC0415
    from scratchlab.errors import LabError  # noqa: PLC0415

    for architecture in architectures:
        try:
            name = agent.BUNDLED.format(architecture)
            yield f"scratchlab/collect/remote/agent/{name}", agent.build(architecture)
        except LabError as error:
            raise BuildError(str(error)) from error


def contents(build: Path, architectures: list[str]) -> dict[str, bytes]:
    """The files of the program by their names, from the sources and the dependencies below
    ``build``. Raises BuildError.
    """
    directory = dependencies(build)
    show_dependencies(directory)
    files = dict(members(directory))
    files |= {f"scratchlab/{name}": body for name, body in members(HERE / "scratchlab")}
    if architectures:
        files |= dict(agents(architectures))
    made_from = commit.of_repository(HERE.parent)
    if made_from:
        files[f"scratchlab/{commit.FILE}"] = f"{made_from}\n".encode()
    files["__main__.py"] = MAIN.replace("DIGEST", digest(files)[:16]).encode()
    return files


def build(output: Path, architectures: list[str]) -> tuple[bool, str]:
    """Build the program at ``output``. Returns whether anything changed, and the program's SHA-256.
    Raises BuildError.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    files = contents(output.parent, architectures)
    # What else decides the bytes: this file, and the zipfile module of this Python.
    maker = {"": Path(__file__).read_bytes() + sys.version.encode()}
    made_from = digest(files | maker)
    record = output.with_name(f"{output.name}.made")
    try:
        found = hashlib.sha256(output.read_bytes()).hexdigest()
        if record.read_bytes() == f"{made_from} {found}\n".encode():
            return False, found
    except FileNotFoundError:  # nothing was made yet
        pass
    changed = write(output, files)
    found = hashlib.sha256(output.read_bytes()).hexdigest()
    record.write_text(f"{made_from} {found}\n", "ascii")
    return changed, found


def main() -> None:
    """Run the command line: build, and print whether anything changed, and the file's SHA-256."""
    parser = argparse.ArgumentParser(description="Build scratchlab as one file.")
    parser.add_argument("output", type=Path)
    parser.add_argument("--agent", action="append", default=[], metavar="ARCHITECTURE")
    options = parser.parse_args()
    try:
        changed, sha256 = build(options.output.absolute(), options.agent)
        print("built" if changed else "unchanged", sha256)
    except (BuildError, OSError) as error:
        sys.exit(f"build_zipapp: {error}")


if __name__ == "__main__":
    main()
