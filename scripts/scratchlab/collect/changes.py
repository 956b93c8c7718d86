"""What files that changed since the start begin with, and which packages own their paths."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence

from scratchlab.collect.packages import owners
from scratchlab.collect.root_files import RootFiles
from scratchlab.ledger import Ledger
from scratchlab.model import Kind

_HEAD = 4  # bytes
# As packages list them where /usr is merged: below links of the root (Debian's UsrMerge).
_MERGED = ("/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin")


def content(files: RootFiles, paths: Sequence[str]) -> dict[str, str]:
    """``ELF`` or ``script`` for each of the regular files ``paths`` that is one."""
    heads = zip(paths, files.heads(paths, _HEAD), strict=True)
    return {path: kind for path, head in heads if (kind := _kind(head))}


def packages(files: RootFiles, live: Ledger, paths: Iterable[str]) -> dict[str, str]:
    """The package of each of ``paths`` that one owns."""
    names = {path: path for path in paths}
    for link in _MERGED:
        entry = live.get(link)
        if entry is None or entry.kind is not Kind.SYMLINK:
            continue
        target = posixpath.normpath(f"/{entry.target}")
        below = [path for path in names if path.startswith(f"{target}/")]
        names |= {f"{link}{path[len(target) :]}": path for path in below}
    return {names[name]: package for name, package in owners(files, frozenset(names)).items()}


def _kind(head: bytes | None) -> str:
    if head is None:
        return ""
    return "ELF" if head == b"\x7fELF" else "script" if head[:2] == b"#!" else ""
