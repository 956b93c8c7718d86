"""Paths inside a root: which lie above or below which, and where links of the image lead."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator

from scratchlab.ledger import Ledger
from scratchlab.model import Kind

_LINKS_FOLLOWED = 40  # as many as the kernel: path_resolution(7)


def parents(path: str) -> Iterator[str]:
    """The directories above ``path``, outermost first, without the root."""
    slash = path.find("/", 1)
    while slash != -1:
        yield path[:slash]
        slash = path.find("/", slash + 1)


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

    def target(step: str) -> str | None:
        entry = image.get(step)
        return entry.target if entry is not None and entry.kind is Kind.SYMLINK else None

    return follow(path, target)


def follow(path: str, target_of: Callable[[str], str | None], *, lexically: bool = True) -> str:
    """``path`` inside the root, with every symlink followed for which ``target_of`` returns its
    target; for anything else that returns None. ``lexically``: each ``..`` of ``path`` takes away
    the name before it, as engines do; otherwise it leads up from where links led, as in the kernel.
    """
    path = posixpath.normpath("/" + path) if lexically else path
    parts = [part for part in path.split("/") if part][::-1]
    resolved = "/"
    links_left = _LINKS_FOLLOWED
    while parts:
        part = parts.pop()
        if part in (".", ".."):
            resolved = posixpath.dirname(resolved) if part == ".." else resolved
            continue
        step = posixpath.join(resolved, part)
        target = target_of(step)
        if target and links_left:
            links_left -= 1
            if target.startswith("/"):
                resolved = "/"
            parts += [part for part in target.split("/") if part][::-1]
        else:
            resolved = step
    return resolved
