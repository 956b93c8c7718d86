"""Ids of 64 digits where nobody would read them to the end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from scratchlab.model import Origin

_LONG = re.compile(r"([0-9a-f]{12})[0-9a-f]{52}")


def short(words: str) -> str:
    """``words`` with such ids cut to the twelve digits that engines show."""
    return _LONG.sub(r"\1...", words)


# The origins in words that a person reads: who acts, and what that origin means.


@dataclass(frozen=True, slots=True)
class OriginWords:
    """``who`` is the actor, ``label`` the origin in two words, ``code`` its sign where colour alone
    would have to tell, ``means`` one sentence.
    """

    who: str
    label: str
    code: str
    means: str


# In the order of the story: what was shipped, then who added what.
ORIGINS: Mapping[Origin, OriginWords] = {
    Origin.IMAGE_LAYER: OriginWords(
        "the image", "image layer", "IM", "A layer of the image brought it, as it was built."
    ),
    Origin.STORAGE_DRIVER: OriginWords(
        "the engine", "storage driver", "ST", "The storage driver made it to have a root at all."
    ),
    Origin.ENGINE_INIT_LAYER: OriginWords(
        "the engine", "init layer", "IN",
        "The engine keeps a thin layer of its own between the image and the container.",
    ),
    Origin.ENGINE_CREATE: OriginWords(
        "the engine", "made at create", "CR", "The engine made it when the container was created."
    ),
    Origin.ENGINE_MOUNT: OriginWords(
        "the engine", "engine mount", "EM", "The engine mounts something of its own there."
    ),
    Origin.RUNTIME_FILESYSTEM: OriginWords(
        "the runtime", "filesystem", "FS",
        "The runtime mounts a filesystem there, as its configuration says.",
    ),
    Origin.RUNTIME_DEVICE: OriginWords(
        "the runtime", "device or link", "DV", "The runtime populates /dev: nodes, links, console."
    ),
    Origin.RUNTIME_MOUNTPOINT: OriginWords(
        "the runtime", "mountpoint", "MP", "The runtime made it so that a mount has a place."
    ),
    Origin.RUNTIME_MASK: OriginWords(
        "the runtime", "mask", "MK", "The runtime hides or locks what the kernel would show there."
    ),
    Origin.KERNEL: OriginWords(
        "the kernel", "kernel", "KN", "The kernel makes it, inside a filesystem that was mounted."
    ),
    Origin.USER_MOUNT: OriginWords(
        "you", "your mount", "US", "A volume, bind or tmpfs that the user or the image asked for."
    ),
    Origin.HOOK_OR_TOOL: OriginWords(
        "a hook or tool", "hook or tool", "HK", "A hook, a plugin or a debugging tool put it there."
    ),
    Origin.PROCESS_WRITE: OriginWords(
        "the process", "written", "PW", "A process in the container wrote it after the start."
    ),
    Origin.UNEXPLAINED: OriginWords(
        "no known maker", "unexplained", "??", "No evidence explains it: look closely."
    ),
}  # fmt: skip
