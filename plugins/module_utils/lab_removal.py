"""Removes files and directories, whatever is mounted in them.

Needs only the standard library.
"""

from __future__ import annotations

import os
import shutil
import subprocess

from ansible_collections.scratchlab.lab.plugins.module_utils.lab_probe import SEARCH

ASIDE = ".scratchlab-going"  # what is in it has been given up, and is only not removed yet


def unmount(path: str) -> None:
    """Detach every mount at or below ``path``."""
    with open("/proc/self/mountinfo") as mounts:
        targets = [line.split()[4].encode().decode("unicode_escape") for line in mounts]
    for target in reversed(targets):
        if target == path or target.startswith(path + "/"):
            subprocess.run(
                ["umount", "--lazy", target],
                capture_output=True,
                check=False,
                env={**os.environ, "PATH": SEARCH},
            )


def remove(path: str) -> None:
    """Remove a file, a link or a directory with its content; nothing is no error."""
    if not os.path.lexists(path):
        return
    if os.path.islink(path) or not os.path.isdir(path):
        os.unlink(path)
        return
    unmount(path)
    shutil.rmtree(path)


def listed(path: str) -> list[str]:
    """Return the names in a directory; none if it is missing or no directory."""
    try:
        return sorted(os.listdir(path))
    except (FileNotFoundError, NotADirectoryError):
        return []


def content(path: str) -> list[str]:
    """Return the names in a directory, without what has been given up."""
    return [name for name in listed(path) if name != ASIDE]


def empty(path: str) -> None:
    """Remove the content of a directory.

    First moves it aside, in an instant: an interrupted run leaves it whole or given up, not partly.
    """
    if os.path.islink(path) or not os.path.isdir(path):
        return
    aside = os.path.join(path, ASIDE)
    os.makedirs(aside, mode=0o700, exist_ok=True)
    for name in content(path):
        inner = os.path.join(path, name)
        unmount(inner)
        target = os.path.join(aside, name)
        if os.path.lexists(target):
            remove(target)
        os.rename(inner, target)
    remove(aside)
