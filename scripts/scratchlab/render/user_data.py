"""What was read of the user's data, in one sentence for each mount."""

from __future__ import annotations

from collections.abc import Sequence

from scratchlab.render.words import MOST_NAMES
from scratchlab.report.sections import Head
from scratchlab.report.user_data_sections import UserDataSection, UserMountSection

_TOLD = (
    ("set_uid", "set-uid or set-gid file", "set-uid or set-gid files"),
    ("capabilities", "file with capabilities", "files with capabilities"),
    ("devices", "device", "devices"),
    ("mounts", "mount below it", "mounts below it"),
)


def sentences(head: Head) -> list[str]:
    """One sentence for each mount of the user's."""
    section = head.get("user_data")
    if section is None:
        return []
    return [f"{mount['target']}: {_read(section, mount)}" for mount in section["mounts"]]


def _read(section: UserDataSection, mount: UserMountSection) -> str:
    lists = {"set_uid": mount["set_uid"], "capabilities": mount["capabilities"],
             "devices": mount["devices"], "mounts": mount["mounts"]}  # fmt: skip
    told = [
        f"{len(lists[key])} {one if len(lists[key]) == 1 else several} ({_names(lists[key])})"
        for key, one, several in _TOLD
        if lists[key]
    ]
    return "; ".join((_how_much(section, mount), *told))


def _how_much(section: UserDataSection, mount: UserMountSection) -> str:
    if section["mode"] == "hash":
        return "all of it read"
    count = mount["listed"]
    entries = f"{count} {'entry' if count == 1 else 'entries'}"
    if mount["complete"]:
        return f"all of it listed ({entries}), contents not read"
    if section["mode"] == "none":
        return "not searched (--user-data list or hash does)"
    return (
        f"{entries} listed, contents not read; not searched beyond {section['most']}"
        " (--user-data hash reads everything)"
    )


def _names(paths: Sequence[str]) -> str:
    more = len(paths) - MOST_NAMES
    return ", ".join(paths[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
