"""How much the extended attributes of one entry may hold."""

from __future__ import annotations

from collections.abc import Mapping

from scratchlab.collect.archives.damage import DamageError, shown
from scratchlab.collect.archives.limits import MOST_XATTRS


def check_xattrs(xattrs: Mapping[bytes, bytes], name: bytes) -> None:
    """Raise DamageError when ``xattrs``, of the entry ``name``, are more than an entry can have."""
    if sum(len(one) + len(value) for one, value in xattrs.items()) > MOST_XATTRS:
        raise DamageError(f"{shown(name)} has more extended attributes than a filesystem holds")
