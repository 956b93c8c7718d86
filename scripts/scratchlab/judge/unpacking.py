"""What engines drop or bound when they unpack a layer: times and extended attributes."""

from __future__ import annotations

from collections.abc import Iterable

from scratchlab.model import Entry, Kind

_SECOND = 1_000_000_000
# moby v20.10.24 pkg/archive/archive.go and pkg/system/chtimes.go: a time before 1970 becomes 1970;
# containerd v1.6.20 archive/time.go boundTime() does the same.
_FIRST = 0
# The last seconds that filesystems hold (ext4 with inodes of 128 and of 256 bytes: Linux
# Documentation/filesystems/ext4/inodes.rst), and the last one of Go's nanoseconds (2262).
_LAST = (0x7FFFFFFF, 0x37FFFFFFF, 9_223_372_036)


def dropped_or_bounded(image: Entry, live: Entry, differences: Iterable[str]) -> list[str]:
    """What unpacking did to ``image`` so that it is ``live``, one sentence for each of
    ``differences``; empty where it does not explain all of them.
    """
    sentences = []
    for name in differences:
        sentence = _time(image, live) if name == "mtime" else _attributes(image, live)
        if not sentence:
            return []
        sentences.append(sentence)
    return sentences


def _time(image: Entry, live: Entry) -> str:
    if image.mtime is None or live.mtime is None:
        return ""
    if image.mtime < _FIRST and live.mtime == _FIRST:
        return "its time lies before 1970, and engines unpack it as 1970"
    last = live.mtime // _SECOND
    if last in _LAST and image.mtime // _SECOND > last:
        return "its time lies after the last one that the filesystem holds"
    if image.mtime // _SECOND > _LAST[-1] and live.mtime == _FIRST:
        return "its time lies after 2262, and engines unpack it as 1970"
    return ""


def _attributes(image: Entry, live: Entry) -> str:
    """An attribute that the kernel refuses is dropped (moby v20.10.24 pkg/archive/archive.go
    createTarFile(): ENOTSUP and EPERM are passed over).
    """
    wanted, found = dict(image.xattrs), dict(live.xattrs)
    if any(wanted.get(name) != value for name, value in found.items()):
        return ""
    dropped = sorted(name for name in wanted if name not in found)
    # xattr(7): user attributes only of files and directories.
    plain = image.kind in (Kind.FILE, Kind.DIRECTORY)
    refused = [name for name in dropped if name.startswith("user.") and not plain]
    refused += [name for name in dropped if not name.startswith(("user.", "security."))]
    if not dropped or set(refused) != set(dropped):
        return ""
    return f"the engine could not set the attribute {', '.join(refused)}"
