"""Which commit of its repository this program was made from."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

# Beside this module in everything that is built: the program of one file, the sdist and the wheel,
# the collection's archive.
FILE = "commit.txt"
# What the program is made from, relative to the repository.
SOURCES = ("scripts/scratchlab", "scripts/build_zipapp.py", "requirements/scratchlab.txt")
_SECONDS = 10.0


def commit() -> str:
    """The commit, 40 hexadecimal digits; ``-modified`` follows where sources differ from it.

    Empty where it is not known: without a repository or without git.
    """
    import pkgutil  # noqa: PLC0415 - of_repository, which the build of the program calls, needs none

    try:
        built = pkgutil.get_data("scratchlab", FILE)
    except OSError:
        built = None
    if built is not None:
        return built.decode("ascii", "replace").strip()
    return of_repository(Path(__file__).resolve().parents[2])


def of_repository(root: Path) -> str:
    """The commit of the repository whose top directory is ``root``, as :func:`commit` has it."""
    if not (root / ".git").exists():
        return ""
    # One line for each header and for each source that differs (git-status(1), "Porcelain Format
    # Version 2"): HEAD's commit is the first header, "(initial)" where there is none.
    options = ("--porcelain=v2", "--branch", "--no-ahead-behind")
    lines = (_git(root, "status", *options, "--", *SOURCES) or "").splitlines()
    head = lines[0].removeprefix("# branch.oid ") if lines else ""
    if not head or head == "(initial)":
        return ""
    modified = any(not line.startswith("# ") for line in lines)
    return f"{head}-modified" if modified else head


def _git(root: Path, *arguments: str) -> str | None:
    # Of a hook that runs this, GIT_DIR and its like name another repository.
    environment = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    try:
        done = subprocess.run(
            # The lab builds as root what a user has checked out.
            ["git", "-c", f"safe.directory={root}", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**environment, "GIT_OPTIONAL_LOCKS": "0"},
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else done.stdout
