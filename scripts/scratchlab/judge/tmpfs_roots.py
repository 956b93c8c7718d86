"""The directory at the top of a tmpfs: whether its mode and owner are those that it was mounted
with, and whether it is without extended attributes, as a new one is.

The kernel keeps both, and shows what differs from its defaults: 1777, and root as owner (Linux
mm/shmem.c shmem_show_options()). No remount changes them, so that they are proof of what the
runtime did. runc up to 1.1.7 then gives the directory the mode of the one below it
(libcontainer/rootfs_linux.go mountToRootfs()); later ones, and crun from 1.12 on, ask the kernel
for that mode.
"""

from __future__ import annotations

from collections.abc import Collection, Container

from scratchlab.evidence import EvidenceSet
from scratchlab.idmap import INITIAL, IdMap, inside
from scratchlab.judge.compare import attributes
from scratchlab.judge.versions import numbers
from scratchlab.model import Entry, Evidence, Facts, Mount

_MODE = 0o1777
_OWNER = ("uid", "gid")
_ASKS_THE_KERNEL = (1, 1, 8)  # runc


def changed_root(
    live: Entry, mount: Mount, facts: Facts, below: Collection[int] | None, *, engines: bool
) -> Evidence | None:
    """The evidence that ``live``, the top of the new tmpfs ``mount``, was changed since it was
    mounted, in mode, owner or extended attributes; None where nothing shows it. ``below`` are the
    modes that a directory may have had there before; None where they are not known. ``engines``:
    the engine mounted it, and gave it to the container's root (moby v20.10.24
    daemon/container_operations_unix.go setupIPCDirs(); podman v4.3 libpod/container_internal.go
    mountStorage()).
    """
    options = dict(option.partition("=")[::2] for option in mount.super_options)
    modes = {int(options["mode"], 8) if "mode" in options else _MODE}
    any_mode = False
    if _takes_mode_from_below(facts):
        any_mode = below is None
        modes.update(below or ())
    ids = IdMap(facts.container.uid_map)
    given = (ids.uid(0), ids.gid(0)) if engines else (None, None)
    parts = []
    if live.mode not in modes and not any_mode:
        shown = " or ".join(f"{mode:04o}" for mode in sorted(modes))
        parts.append(f"mode {shown}, and has {live.mode:04o}")
    for name, found, engines_id in zip(_OWNER, (live.uid, live.gid), given, strict=True):
        number = int(options.get(name, 0))
        if found not in _seen_as(number, facts) and found != engines_id:
            parts.append(f"{name} {number}, and has {found}")
    if not parts:
        names = ", ".join(name for name, _ in attributes(live))
        return Evidence("stat", f"a new tmpfs has no attributes: {names}") if names else None
    return Evidence("mountinfo", f"it was mounted with {'; with '.join(parts)}")


def _seen_as(number: int, facts: Facts) -> Container[int | None]:
    """The ids by which the reader may see ``number``, which is of the initial user namespace, as
    the kernel shows it. Any id, where the reader lives in another one that does not have it.
    """
    own = facts.reader_ids
    mapped = inside(number, own)
    if own not in ((), INITIAL) and mapped is None:
        return range(1 << 32)
    return (number, inside(number, facts.container.uid_map), mapped)


def _takes_mode_from_below(facts: Facts) -> bool:
    """Whether the runtime changes the mode after the mount, as far as it is known."""
    runtime = facts.runtime
    if runtime.name == "crun":
        return False
    return runtime.name != "runc" or numbers(runtime.version) < _ASKS_THE_KERNEL


def modes_below(path: str, evidence: EvidenceSet) -> set[int]:
    """The mode of what the root's own mount has at ``path``, as a set; empty where it has nothing
    there.
    """
    for layer in (evidence.writable, evidence.init, evidence.image):
        entry = layer.get(path) if layer is not None else None
        if entry is not None:
            return {entry.mode}
    return set()
