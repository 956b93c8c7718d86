"""The mounts of a process: ``/proc/PID/mountinfo``, parsed, and which of them are visible.

Sources: proc_pid_mountinfo(5); Linux ``fs/proc_namespace.c`` show_mountinfo() (which characters
are escaped, which lines a process reads) and ``fs/namei.c`` (how a path crosses mounts).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence

from scratchlab.errors import LabError
from scratchlab.model import Mount

_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")
_NUMBER = re.compile(rb"[0-9]{1,10}\Z")


def parse(text: bytes) -> tuple[Mount, ...]:
    """Parse the content of a mountinfo file; the mounts are in the order of its lines.

    Targets are relative to the root of the process whose file it is.
    Raises LabError for a line that proc_pid_mountinfo(5) does not describe.
    """
    lines = text.split(b"\n")
    if lines[-1]:
        raise LabError("a mountinfo file ends in the middle of a line", "read it again")
    return tuple(_parse_line(line, number) for number, line in enumerate(lines[:-1], 1))


def _parse_line(line: bytes, number: int) -> Mount:
    fields = line.split(b" ")  # by single spaces: the source may be empty
    end = fields.index(b"-", 6) if b"-" in fields[6:] else len(fields)
    rest = fields[end + 1 :]
    numbers = [fields[0], fields[1], *fields[2].split(b":")] if len(fields) > 2 else []
    if not (
        len(rest) >= 3
        and rest[0]
        and len(numbers) == 4
        and all(map(_NUMBER.match, numbers))
        and fields[4].startswith(b"/")
    ):
        shown = os.fsdecode(line[:200])
        raise LabError(f"line {number} of a mountinfo file is malformed: {shown}")
    fstype, source, *super_options = rest
    return Mount(
        id=int(numbers[0]),
        parent=int(numbers[1]),
        device=(int(numbers[2]), int(numbers[3])),
        root=_unescape(fields[3]),
        target=_unescape(fields[4]),
        options=_options(fields[5]),
        propagation=tuple(map(_unescape, fields[6:end])),
        fstype=_unescape(fstype),
        source=_unescape(source),
        # A filesystem that prints a raw space in its options breaks only its own last field.
        super_options=_options(b" ".join(super_options)),
    )


def _options(text: bytes) -> tuple[str, ...]:
    # Commas separate options before they are unescaped: the kernel writes one in a value as \054.
    return tuple(map(_unescape, text.split(b",")))


def _unescape(field: bytes) -> str:
    if b"\\" in field:
        field = _OCTAL.sub(lambda match: bytes([int(match.group(1), 8)]), field)
    return os.fsdecode(field)


def visible_mounts(mounts: Sequence[Mount], root: int | None = None) -> dict[str, Mount]:
    """The mounts that a path can reach, by target: the topmost one at each target.

    A mount is hidden when another is stacked on it, or when a later mount on one of its parent
    directories covers its mountpoint. ``root`` is the id of the mount that the process's root lies
    on (a mount stacked on "/" after the process took its root is not entered). Without it, the
    topmost mount at "/" is the root.
    """
    by_id = {mount.id: mount for mount in mounts}
    # A mountpoint is (mount below, path): the kernel stacks a second mount there onto the first.
    mountpoints = {(_parent(mount, by_id), mount.target): mount for mount in mounts}
    start = by_id.get(root) if root is not None else None
    base = start if start is not None else _topmost(None, "/", mountpoints)
    visible = {} if base is None else {"/": base}
    targets = dict.fromkeys(mount.target for mount in mounts if mount.target != "/")
    reached = _reached(targets, base, mountpoints)
    for target in targets:
        mount = reached[target]
        if mount is not None and mount.target == target:
            visible[target] = mount
    return visible


_Mountpoints = dict[tuple[int | None, str], Mount]


def _reached(
    targets: Iterable[str], base: Mount | None, mountpoints: _Mountpoints
) -> dict[str, Mount | None]:
    """The mount that the path to each target ends on.

    In this order each path follows the one above it: every stack of mounts is climbed once.
    """
    reached: dict[str, Mount | None] = {}
    above: list[tuple[str, Mount | None]] = []  # targets on the way, each with a "/" at the end
    for target in sorted(targets, key=lambda path: path.replace("/", "\0")):
        while above and not target.startswith(above[-1][0]):
            above.pop()
        below = above[-1][1] if above else base
        reached[target] = _topmost(below, target, mountpoints)
        above.append((f"{target}/", reached[target]))
    return reached


def _parent(mount: Mount, by_id: dict[int, Mount]) -> int | None:
    # The parent of the topmost line is not in the list (or is the mount itself, for rootfs). Nor
    # is any parent when the process was chrooted into a directory that is not a mountpoint.
    return mount.parent if mount.parent in by_id and mount.parent != mount.id else None


def _topmost(below: Mount | None, path: str, mountpoints: _Mountpoints) -> Mount | None:
    top = below
    seen = {None if below is None else below.id}
    while (above := mountpoints.get((None if top is None else top.id, path))) is not None:
        if above.id in seen:  # a loop of parents, which no kernel writes
            break
        seen.add(above.id)
        top = above
    return top


def changes(
    before: Iterable[Mount],
    after: Iterable[Mount],
    may_change: Callable[[str], bool] | None = None,
) -> tuple[str, ...]:
    """The differences between two readings, as text: ``+ tmpfs on /mnt``, ``- ext4 on /data``.

    Those at a target that ``may_change`` are left out.
    """
    old, new = list(before), list(after)
    removed, added = set(old) - set(new), set(new) - set(old)
    both = [("-", mount) for mount in old if mount in removed]
    both += [("+", mount) for mount in new if mount in added]
    return tuple(
        f"{sign} {mount.fstype} on {mount.target}"
        for sign, mount in both
        if may_change is None or not may_change(mount.target)
    )
