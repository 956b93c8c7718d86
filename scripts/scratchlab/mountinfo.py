"""The mounts of a process: ``/proc/PID/mountinfo``, parsed, and which of them can be seen.

Source of facts: proc_pid_mountinfo(5); Linux ``fs/proc_namespace.c`` show_mountinfo() (what is
escaped, which lines a process gets) and ``fs/namei.c`` (how a path crosses mounts).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence

from scratchlab.errors import LabError
from scratchlab.model import Mount

_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")
_NUMBER = re.compile(rb"[0-9]{1,10}\Z")


def parse(text: bytes) -> tuple[Mount, ...]:
    """The lines of a mountinfo file, in their order.

    Takes the file's bytes; targets are relative to the root of the process whose file it is.
    Raises LabError for a line that proc_pid_mountinfo(5) does not describe.
    """
    lines = text.split(b"\n")
    if lines[-1]:
        raise LabError("a mountinfo file ends in the middle of a line", "read it again")
    return tuple(_mount(line, number) for number, line in enumerate(lines[:-1], 1))


def _mount(line: bytes, number: int) -> Mount:
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
        raise LabError(f"line {number} of a mountinfo file is not one: {shown}")
    fstype, source, *super_options = rest
    return Mount(
        id=int(numbers[0]),
        parent=int(numbers[1]),
        device=(int(numbers[2]), int(numbers[3])),
        root=_text(fields[3]),
        target=_text(fields[4]),
        options=_options(fields[5]),
        propagation=tuple(map(_text, fields[6:end])),
        fstype=_text(fstype),
        source=_text(source),
        # A filesystem that prints a raw space in its options breaks only its own last field.
        super_options=_options(b" ".join(super_options)),
    )


def _options(text: bytes) -> tuple[str, ...]:
    # Commas part options before they are unescaped: a comma inside a value comes as \054.
    return tuple(map(_text, text.split(b",")))


def _text(field: bytes) -> str:
    if b"\\" in field:
        field = _OCTAL.sub(lambda found: bytes([int(found.group(1), 8)]), field)
    return os.fsdecode(field)


def visible(mounts: Sequence[Mount], root: int | None = None) -> dict[str, Mount]:
    """The mounts that a path can reach, by target: for each target, the topmost one there.

    A mount is hidden when another is stacked on it, or when a later mount on one of its parent
    directories covers its mountpoint. ``root`` is the id of the mount that the process's root lies
    on, if known (a mount stacked on "/" after the process took its root is not entered); without
    it, the top of the stack at "/" is taken.
    """
    by_id = {mount.id: mount for mount in mounts}
    # One place is (mount below, path): the kernel stacks a second mount there onto the first.
    places = {(_parent(mount, by_id), mount.target): mount for mount in mounts}
    start = by_id.get(root) if root is not None else None
    base = start if start is not None else _climb(None, "/", places)
    found = {} if base is None else {"/": base}
    for target in dict.fromkeys(mount.target for mount in mounts):
        if target == "/":
            continue
        reached = base
        for prefix in _prefixes(target):
            reached = _climb(reached, prefix, places)
        if reached is not None and reached.target == target:
            found[target] = reached
    return found


_Places = dict[tuple[int | None, str], Mount]


def _parent(mount: Mount, by_id: dict[int, Mount]) -> int | None:
    # The parent of the topmost line is outside of the list (or the mount itself, for rootfs); so
    # is that of every line when the process was chrooted into a directory that is no mountpoint.
    return mount.parent if mount.parent in by_id and mount.parent != mount.id else None


def _climb(below: Mount | None, path: str, places: _Places) -> Mount | None:
    top = below
    seen = {None if below is None else below.id}
    while (above := places.get((None if top is None else top.id, path))) is not None:
        if above.id in seen:  # only a made-up file has a loop of parents
            break
        seen.add(above.id)
        top = above
    return top


def _prefixes(path: str) -> Iterator[str]:
    at = path.find("/", 1)
    while at != -1:
        yield path[:at]
        at = path.find("/", at + 1)
    yield path


def changes(before: Iterable[Mount], after: Iterable[Mount]) -> tuple[str, ...]:
    """What differs between two readings, in words: ``+ tmpfs on /mnt``, ``- ext4 on /data``."""
    old, new = list(before), list(after)
    gone, come = set(old) - set(new), set(new) - set(old)
    return tuple(
        [f"- {mount.fstype} on {mount.target}" for mount in old if mount in gone]
        + [f"+ {mount.fstype} on {mount.target}" for mount in new if mount in come]
    )
