"""The options of an overlay mount: which folders it joins.

Source: Linux Documentation/filesystems/overlayfs.rst ("Multiple lower layers"); fs/overlayfs
params.c ovl_show_options() and ovl_parse_layer().
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable
from typing import NamedTuple

_PART = re.compile(r"(?:\\.|[^\\:])*", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Folders(NamedTuple):
    """The folders of an overlay mount, the topmost lower one first; ``upper`` None if read-only."""

    lower: tuple[str, ...]
    upper: str | None


def folders(super_options: Iterable[str]) -> Folders:
    r"""The folders that the options name (already unescaped as mountinfo writes them).

    ``lowerdir=a:b`` parts folders by colons and escapes those in names as ``\:``; ``lowerdir+=a``
    (Linux 6.5) repeats, one folder each, unescaped. Data-only layers are no part of the tree.
    """
    lower: list[str] = []
    upper = None
    for option in super_options:
        key, _, value = option.partition("=")
        if key == "lowerdir":
            # An empty part is the "::" before folders that hold data only.
            tree = itertools.takewhile(bool, split(value))
            lower += [_ESCAPED.sub(r"\1", part) for part in tree]
        elif key == "lowerdir+":
            lower.append(value)
        elif key == "upperdir":
            upper = _ESCAPED.sub(r"\1", value)
    return Folders(tuple(lower), upper)


def split(value: str) -> list[str]:
    r"""Split a ``lowerdir`` at its colons, not at escaped ones (``\:``)."""
    parts = []
    at = 0
    while at <= len(value):
        part = _PART.match(value, at)
        end = part.end() if part else at
        parts.append(value[at:end])
        at = end + 1
    return parts


def resolved(found: Folders, base: str | None) -> Folders:
    """The same with real names: the engine's short links (``l/XYZ``) and relative ones followed.

    ``base`` is the folder that the engine was in when it mounted relative names (moby
    daemon/graphdriver/overlay2/mount.go mountFrom(); containerd mount/mount_linux.go).
    """
    return Folders(
        tuple(_real(path, base) for path in found.lower),
        _real(found.upper, base) if found.upper is not None else None,
    )


def _real(path: str, base: str | None) -> str:
    return os.path.realpath(os.path.join(base or "/", path))
