"""The origins in words that a person reads: who acts, and what that origin means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scratchlab.model import Origin


@dataclass(frozen=True, slots=True)
class Words:
    """``who`` is the actor, ``label`` the origin in two words, ``code`` its sign where colour alone
    would have to tell, ``means`` one sentence.
    """

    who: str
    label: str
    code: str
    means: str


# In the order of the story: what was shipped, then who added what.
ORIGINS: Mapping[Origin, Words] = {
    Origin.IMAGE_LAYER: Words(
        "the image", "image layer", "IM", "A layer of the image brought it, as it was built."
    ),
    Origin.STORAGE_DRIVER: Words(
        "the engine", "storage driver", "ST", "The storage driver made it to have a root at all."
    ),
    Origin.ENGINE_INIT_LAYER: Words(
        "the engine", "init layer", "IN",
        "The engine keeps a thin layer of its own between the image and the container.",
    ),
    Origin.ENGINE_CREATE: Words(
        "the engine", "made at create", "CR", "The engine made it when the container was created."
    ),
    Origin.ENGINE_MOUNT: Words(
        "the engine", "engine mount", "EM", "The engine mounts a file or folder of its own there."
    ),
    Origin.RUNTIME_FILESYSTEM: Words(
        "the runtime", "filesystem", "FS",
        "The runtime mounts a filesystem there, as its configuration says.",
    ),
    Origin.RUNTIME_DEVICE: Words(
        "the runtime", "device or link", "DV", "The runtime populates /dev: nodes, links, console."
    ),
    Origin.RUNTIME_MOUNTPOINT: Words(
        "the runtime", "mountpoint", "MP", "The runtime made it so that a mount has a place."
    ),
    Origin.RUNTIME_MASK: Words(
        "the runtime", "mask", "MK", "The runtime hides or locks what the kernel would show there."
    ),
    Origin.KERNEL: Words(
        "the kernel", "kernel", "KN", "The kernel makes it, inside a filesystem that was mounted."
    ),
    Origin.USER_MOUNT: Words(
        "you", "your mount", "US", "A volume, bind or tmpfs that the user or the image asked for."
    ),
    Origin.HOOK_OR_TOOL: Words(
        "a hook or tool", "hook or tool", "HK", "A hook, a plugin or a debugging tool put it there."
    ),
    Origin.PROCESS_WRITE: Words(
        "the process", "written", "PW", "A process in the container wrote it after the start."
    ),
    Origin.UNEXPLAINED: Words(
        "no known maker", "unexplained", "??", "No evidence explains it: look closely."
    ),
}  # fmt: skip
