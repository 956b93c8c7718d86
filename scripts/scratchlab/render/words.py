"""Texts that several forms share: origins in words, shortened ids."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from scratchlab.model import Origin

MOST_NAMES = 6  # of machines or paths in one sentence
_ID = re.compile(r"([0-9a-f]{12})[0-9a-f]{52}")


def short_ids(text: str) -> str:
    """``text`` with ids of 64 digits cut to the twelve that engines show."""
    return _ID.sub(r"\1...", text)


@dataclass(frozen=True, slots=True)
class OriginWords:
    """``who`` is the actor, ``code`` two letters for places that show colour only, ``means`` one
    sentence. An origin has one name everywhere: that of a report, ``engine-init-layer``.
    """

    who: str
    code: str
    means: str


# In the order of the story: what the image brings, then what each actor adds.
ORIGINS: Mapping[Origin, OriginWords] = {
    Origin.IMAGE_LAYER: OriginWords(
        "the image", "IM", "A layer of the image brought it, as it was built."
    ),
    Origin.STORAGE_DRIVER: OriginWords(
        "the engine", "ST", "The storage driver made it: every root needs it."
    ),
    Origin.ENGINE_INIT_LAYER: OriginWords(
        "the engine", "IN",
        "The engine keeps a thin layer of its own between the image and the container.",
    ),
    Origin.ENGINE_CREATE: OriginWords(
        "the engine", "CR", "The engine made it when the container was created."
    ),
    Origin.ENGINE_MOUNT: OriginWords(
        "the engine", "EM", "The engine mounts something of its own there."
    ),
    Origin.RUNTIME_FILESYSTEM: OriginWords(
        "the runtime", "FS",
        "The runtime mounts a filesystem there, as its configuration lists it.",
    ),
    Origin.RUNTIME_DEVICE: OriginWords(
        "the runtime", "DV", "The runtime populates /dev: nodes, links, console."
    ),
    Origin.RUNTIME_MOUNTPOINT: OriginWords(
        "the runtime", "MP", "The runtime made it as the target of a mount."
    ),
    Origin.RUNTIME_MASK: OriginWords(
        "the runtime", "MK", "The runtime hides it or makes it read-only."
    ),
    Origin.KERNEL: OriginWords(
        "the kernel", "KN", "The kernel makes it, inside a filesystem that was mounted."
    ),
    Origin.USER_MOUNT: OriginWords(
        "you", "US", "A volume, bind or tmpfs that the user or the image asked for."
    ),
    Origin.USER_DATA: OriginWords(
        "your mounts", "UD",
        "It lies on a mount of yours. Who wrote it, and when, is not known from here.",
    ),
    Origin.VOLUME_COPY: OriginWords(
        "a copy of the image", "VC",
        "It is as in the image: engine or runtime copied it from there to an empty mount.",
    ),
    Origin.HOST_MOUNT: OriginWords(
        "the host", "HM",
        "A mount of the host that came later, through a mount that passes them on.",
    ),
    Origin.MOUNTED_INSIDE: OriginWords(
        "a later mount", "MI",
        "It was mounted inside the running container: by a process, a hook or a tool.",
    ),
    Origin.HOOK_OR_TOOL: OriginWords(
        "a hook or tool", "HK",
        "A hook or a tool put it there: its configuration names it.",
    ),
    Origin.WRITTEN_LATER: OriginWords(
        "a later write", "WL",
        "It was written since the start: by a process of the container, docker cp or a tool.",
    ),
    Origin.UNEXPLAINED: OriginWords(
        "no known maker", "??", "No evidence explains it."
    ),
}  # fmt: skip


def short_digest(value: str) -> str:
    """The beginning of a SHA-256 digest; any other value as it is."""
    algorithm, colon, digits = value.rpartition(":")
    if len(digits) == 64 and digits.isalnum():
        return f"{algorithm}{colon}{digits[:12]}"
    return value
