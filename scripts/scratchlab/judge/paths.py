"""Paths inside a root: what lies below what, and where links of the image lead."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from scratchlab.ledger import Ledger
from scratchlab.model import Kind

_LINKS_FOLLOWED = 40  # as many as the kernel: path_resolution(7)


def parents(path: str) -> Iterator[str]:
    """The directories above ``path``, outermost first, without the root."""
    at = path.find("/", 1)
    while at != -1:
        yield path[:at]
        at = path.find("/", at + 1)


def upwards(path: str) -> Iterator[str]:
    """``path`` and the directories above it, innermost first, without the root."""
    while path not in ("", "/"):
        yield path
        path = posixpath.dirname(path)


def is_below(path: str, directory: str) -> bool:
    """Whether ``path`` lies strictly below ``directory``."""
    return path != directory and (directory == "/" or path.startswith(directory + "/"))


def resolve(image: Ledger, path: str) -> str:
    """``path`` with the image's symlinks followed, inside the root: where a mount lands."""
    todo = [part for part in posixpath.normpath("/" + path).split("/") if part][::-1]
    done = "/"
    left = _LINKS_FOLLOWED
    while todo:
        part = todo.pop()
        if part in (".", ".."):
            done = posixpath.dirname(done) if part == ".." else done
            continue
        here = posixpath.join(done, part)
        entry = image.get(here)
        if entry is not None and entry.kind is Kind.SYMLINK and entry.target and left:
            left -= 1
            if entry.target.startswith("/"):
                done = "/"
            todo += [one for one in entry.target.split("/") if one][::-1]
        else:
            done = here
    return done
