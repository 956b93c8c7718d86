"""The masks and read-only paths of a runtime: mounts that it makes last, in one go.

A mask is /dev/null over a file and an empty read-only tmpfs over a directory; a read-only path is
bound over itself (runc v1.1.5 libcontainer/rootfs_linux.go maskPath(), readonlyPath()). The null
device is the container's own, and with crun the host's: it masks before it changes the root (crun
1.21 src/libcrun/linux.c do_masked_or_readonly_path()). Later ones bind one empty directory of the
host's over all directories (crun pull request 1859; 1.28 measured). Any process that may mount can
make the same again: order and time tell.
"""

from __future__ import annotations

import posixpath
from collections.abc import Container, Iterable, Mapping, Sequence

from scratchlab.judge.cause import Cause, mount_line
from scratchlab.judge.podman_masks import default_masks
from scratchlab.judge.rules.runtime import DEVICES
from scratchlab.judge.times import changed_since, start_of
from scratchlab.model import EMPTY_DIRECTORY, BindSource, Evidence, Facts, Mount, Origin

_NULL = DEVICES["/dev/null"]


class Masks:
    """The masks that one container's configuration lists; each path is masked once."""

    def __init__(self, facts: Facts) -> None:
        config: Mapping[str, object] = (facts.container.oci_config or {}).get("linux") or {}
        host_config = facts.container.inspect.get("HostConfig") or {}
        self._start = start_of(facts)
        self._listed_in = "oci-config" if facts.container.oci_config else "inspect"
        # As lists: a runtime goes through each in its order.
        masked = config.get("maskedPaths") or host_config.get("MaskedPaths") or ()
        readonly = config.get("readonlyPaths") or host_config.get("ReadonlyPaths") or ()
        self._by_default = facts.container.oci_config is None and facts.engine.name == "podman"
        if self._by_default:
            masked, readonly = default_masks(facts)
        self._lists: tuple[list[str], list[str]] = (_paths(masked), _paths(readonly))
        self._masked, self._readonly = map(set, self._lists)
        self._dev_null = {
            mount.device for mount in facts.mounts if mount.target in ("/dev", "/dev/null")
        }
        self._device = {root.mount: root.device for root in facts.mask_roots}
        of_null = (source for source in facts.sources if source.path == "/dev/null")
        self._hosts_null = _Shown(of_null, self._device)
        # crun binds its own over directories.
        of_empty = (source for source in facts.sources if _is_empty_directory(source.path, facts))
        self._empty = _Shown(of_empty, self._device)
        self._by_id = {mount.id: mount for mount in facts.mounts}
        # Not of a device: that changes with its names.
        # Nor of a directory that all containers share.
        self._changed = {
            root.mount: root.changed
            for root in facts.mask_roots
            if not root.device and root.mount not in self._empty.mounts
        }
        paths = self._masked | self._readonly
        self._run = _last_run(facts.mounts, paths)
        again = [] if self._by_default else self._made_again(facts.mounts)
        self._again = {facts.mounts[number].id for number in again}
        self.late_from = first_late(facts.mounts, paths)

    def cause(self, mount: Mount) -> Cause | None:
        """That ``mount`` is a mask or a read-only path of the runtime; None where it is not."""
        if mount.id in self._again or self.later(mount):
            return None
        if mount.target in self._masked and self._is_mask(mount):
            self._masked.remove(mount.target)
            return self._cause(mount, "masked-path", "a masked path")
        if mount.target in self._readonly and self._shows_what_it_covers(mount):
            self._readonly.remove(mount.target)
            return self._cause(mount, "readonly-path", "a read-only path")
        return None

    def later(self, mount: Mount) -> tuple[Evidence, ...]:
        """The evidence that ``mount``, on a masked path, was made after the runtime was done."""
        if mount.id in self._again:
            detail = "its line stands after that of a mask that the runtime mounts later"
            return (Evidence("mountinfo", detail),)
        since = changed_since(self._changed.get(mount.id), self._start)
        return (Evidence("stat", f"its directory {since}"),) if since else ()

    def _cause(self, mount: Mount, rule: str, what: str) -> Cause:
        detail = f"{mount.target} is {what}"
        if self._by_default:
            detail += " by podman's default, which no option changes"
        evidence = Evidence(self._listed_in, detail)
        # With its options changed it is still the runtime's (mount(2), MS_REMOUNT).
        doubt = ""
        if "ro" not in mount.options and not self._is_null(mount):
            doubt = (
                f"runtimes mount {what} read-only, and mountinfo shows {','.join(mount.options)}"
            )
        return Cause(Origin.RUNTIME_MASK, rule, (evidence, mount_line(mount)), doubt)

    def _is_mask(self, mount: Mount) -> bool:
        new = mount.fstype == "tmpfs" and mount.root == "/"
        return new or self._is_null(mount) or self._empty.by(mount, mount.root)

    def _is_null(self, mount: Mount) -> bool:
        # As a bind shows it, whether or not its name was removed since (Linux fs/d_path.c).
        root = mount.root.removesuffix("//deleted")
        known = mount.device in self._dev_null or self._hosts_null.by(mount, root)
        return known and root == "/null" and self._device.get(mount.id, _NULL) == _NULL

    def _shows_what_it_covers(self, mount: Mount) -> bool:
        parent = self._by_id.get(mount.parent)
        if parent is None or mount.device != parent.device:
            return False
        return mount.target.endswith(mount.root)

    def _made_again(self, mounts: Sequence[Mount]) -> list[int]:
        """The numbers of lines of the runtime's run that do not follow the order of its lists."""
        again = []
        for paths in self._lists:
            rank = {path: place for place, path in enumerate(paths)}
            last = -1
            for number in self._run:
                place = rank.get(mounts[number].target)
                if place is None:
                    continue
                if place < last:
                    again.append(number)
                last = max(last, place)
        return again


class _Shown:
    """The mounts that show one thing of the host's. Of one that another mount covers, inode and
    number cannot be read: device and root tell.
    """

    def __init__(self, sources: Iterable[BindSource], seen: Container[int]) -> None:
        """``sources`` are that thing; ``seen`` are the ids of the mounts that could be read."""
        known = [*sources]
        self.mounts = {source.mount for source in known}
        self._at = {(source.device, source.root) for source in known}
        self._seen = seen

    def by(self, mount: Mount, root: str) -> bool:
        """Whether ``mount``, whose root is ``root``, shows it."""
        covered = mount.id not in self._seen and (mount.device, root) in self._at
        return mount.id in self.mounts or covered


def _is_empty_directory(path: str, facts: Facts) -> bool:
    return facts.runtime.name == "crun" and posixpath.basename(path) == EMPTY_DIRECTORY


def _paths(listed: object) -> list[str]:
    return [str(path) for path in listed] if isinstance(listed, (list, tuple)) else []


def _last_run(mounts: Sequence[Mount], masks: set[str]) -> list[int]:
    """The numbers of the lines that a runtime's masks stand in; empty where they are not together.

    Lines stand in the order in which mounts were attached (Linux fs/namespace.c commit_tree(),
    since 6.8 by their unique ids), and a runtime hides and protects paths of /proc and /sys last,
    in one go (runc v1.1.5 libcontainer/standard_init_linux.go; crun 1.21 src/libcrun/linux.c). A
    namespace that was copied since (unshare) has another order, in which other mounts stand between
    those below /proc and those below /sys.
    """
    runs: list[list[int]] = []
    for number, mount in enumerate(mounts):
        if mount.target in masks:
            if runs and runs[-1][-1] == number - 1:
                runs[-1].append(number)
            else:
                runs.append([number])
    for run in reversed(runs):
        if {"proc", "sys"} <= {mounts[number].target.split("/")[1] for number in run}:
            return _without_covered(run, [mounts[number].target for number in run])
    return []


def _without_covered(run: list[int], targets: list[str]) -> list[int]:
    """``run`` from its first mask on: a mount that was asked for on a masked path may stand right
    before it, and the mask of that path covers it.
    """
    first = 0
    while targets[first] in targets[first + 1 :]:
        first += 1
    return run[first:]


def first_late(mounts: Sequence[Mount], masks: set[str]) -> int | None:
    """The number of the first line of mountinfo that was added after the runtime was done; None
    where the order does not tell. ``masks`` are the masked and the read-only paths.

    crun binds the terminal after the masks (crun 1.21 src/libcrun/container.c
    container_init_setup()).
    """
    run = _last_run(mounts, masks)
    if not run:
        return None
    late = run[-1] + 1
    console = mounts[late : late + 1]
    is_console = any((m.target, m.fstype) == ("/dev/console", "devpts") for m in console)
    return late + is_console
