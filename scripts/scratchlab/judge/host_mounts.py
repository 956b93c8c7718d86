"""The mounts of the engine's mount namespace, found by what they show and where they lie."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from scratchlab.model import Mount


class HostMounts:
    """The engine's mounts. Looking one up takes no longer where there are many."""

    def __init__(self, mounts: Iterable[Mount]) -> None:
        """``mounts`` are those of the engine's mount namespace."""
        # By device and root, each target read backwards: those with one ending stand together.
        self._by_content: dict[tuple[tuple[int, int], str], dict[str, Mount]] = {}
        for mount in mounts:
            found = self._by_content.setdefault((mount.device, mount.root), {})
            found.setdefault(mount.target[::-1], mount)
        self._sorted = {content: sorted(found) for content, found in self._by_content.items()}

    def find(self, mount: Mount, paths: Iterable[str], below: str) -> Mount | None:
        """A mount with the device and root of ``mount``: on one of ``paths``, else on a path that
        ends with ``/below``. None where the engine has none.
        """
        content = (mount.device, mount.root)
        found = self._by_content.get(content)
        if found is None:
            return None
        for path in paths:
            if path[::-1] in found:
                return found[path[::-1]]
        ending = f"/{below}"[::-1]
        backwards = self._sorted[content]
        at = bisect_left(backwards, ending)
        if at < len(backwards) and backwards[at].startswith(ending):
            return found[backwards[at]]
        return None
