"""Differences between two roots on a terminal, in tree order, directories folded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import TextIO

from scratchlab.model import Json, Kind, Origin
from scratchlab.render.terminal import console, line, text
from scratchlab.render.words import short_digest
from scratchlab.report.difference import TIME, Difference, Item, Tally

_SIGNS = {"only-a": ("-", "red"), "only-b": ("+", "green"), "differs": ("~", "yellow")}
_NONE = "none"


def render(
    names: tuple[str, str], found: Iterable[Difference], tally: Tally, out: TextIO, *, times: bool
) -> None:
    """Write the differences ``found`` and one line that sums up; ``tally`` counts them meanwhile.

    ``times``: files of which only the modification time differs are listed, too.
    """
    screen = console(out)
    screen.print(line(f"--- A: {names[0]}", "bold"), soft_wrap=True)
    screen.print(line(f"+++ B: {names[1]}", "bold"), soft_wrap=True)
    for difference, below in _folded(_counted(found, tally)):
        if difference.only_time and not times:
            continue
        more = f"  and {below:,} below it" if below else ""
        sign, style = _sign(difference)
        row = f"{sign} {difference.path}  {_described(difference)}{more}"
        screen.print(line(row, style), soft_wrap=True)
    screen.print(text(_summary(tally, times=times)), soft_wrap=True)


def _counted(found: Iterable[Difference], tally: Tally) -> Iterator[Difference]:
    for difference in found:
        tally.add(difference)
        yield difference


def _folded(found: Iterable[Difference]) -> Iterator[tuple[Difference, int]]:
    """Each difference with the number of those below it that it stands for: what lies in a
    directory that only one side has is told by the directory.
    """
    top: Difference | None = None
    below = 0
    apart: list[Difference] = []  # below ``top``, and told
    for difference in chain(found, [None]):
        if top is not None and difference is not None and _is_in(top, difference):
            if _stands_for(top, difference):
                below += 1
            else:
                apart.append(difference)
            continue
        if top is not None:
            yield top, below
            yield from ((one, 0) for one in apart)
        top, below, apart = difference, 0, []


def _is_in(top: Difference, difference: Difference) -> bool:
    """Whether ``top`` is a directory of one side only, and ``difference`` lies in it there."""
    above = top.one or top.other
    one_side = (top.one is None) != (top.other is None)
    same = (top.one is None) == (difference.one is None)
    inside = difference.path.startswith(f"{top.path}/")
    return (
        above is not None
        and above.fields["kind"] == Kind.DIRECTORY
        and one_side
        and same
        and inside
    )


def _stands_for(top: Difference, difference: Difference) -> bool:
    above, item = top.one or top.other, difference.one or difference.other
    if above is None or item is None:
        return False
    special = item.fields["kind"].endswith("-device") or int(item.fields["mode"], 8) & 0o6000
    with_mount = above.origin == Origin.USER_MOUNT and item.origin == Origin.USER_DATA
    return not special and (with_mount or above.origin == item.origin)


def _sign(difference: Difference) -> tuple[str, str]:
    if difference.other is None:
        return _SIGNS["only-a"]
    return _SIGNS["only-b"] if difference.one is None else _SIGNS["differs"]


def _described(difference: Difference) -> str:
    one, other = difference.one, difference.other
    if one is None or other is None:
        item = one or other
        return "" if item is None else f"{_entry(item)}  {item.origin}"
    fields = "; ".join(_changed(name, one, other) for name in difference.fields)
    whose = one.origin if one.origin == other.origin else f"{one.origin} -> {other.origin}"
    return f"{fields}  {whose}"


def _entry(item: Item) -> str:
    fields = item.fields
    target = fields.get("target")
    size = f" {fields.get('size', 0)} B" if fields["kind"] == Kind.FILE else ""
    arrow = f" -> {target}" if target is not None else ""
    return f"{fields['kind']} {fields['mode']} {fields['uid']}:{fields['gid']}{size}{arrow}"


def _changed(name: str, one: Item, other: Item) -> str:
    first, second = _value(name, one), _value(name, other)
    if name == "sha256":
        return f"content {first} -> {second}"
    if name == "xattrs":
        return f"attributes {first} -> {second}"
    if name == TIME:
        return f"time {first} -> {second}"
    return f"{name} {first} -> {second}"


def _value(name: str, item: Item) -> str:
    fields: Json = dict(item.fields)
    value = fields.get(name)
    if value in (None, {}):
        return _NONE
    if name == "sha256":
        return short_digest(value)[:12]
    if name == "xattrs":
        return ",".join(sorted(value))
    if name == TIME:
        return _time(value)
    return ":".join(map(str, value)) if name == "device" else str(value)


def _time(nanoseconds: int) -> str:
    """In UTC; a time that no calendar has is told in seconds since 1970."""
    seconds = nanoseconds / 1e9
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.0f} s"


def _summary(tally: Tally, *, times: bool) -> str:
    changes = tally.changes
    parts = [
        f"{changes['only-a']:,} only in A",
        f"{changes['only-b']:,} only in B",
        f"{changes['differs']:,} differ",
    ]
    sentence = ", ".join(parts) if tally.differ else "no difference"
    if changes["time"]:
        hint = "" if times else " (--times lists them)"
        sentence += f"; {changes['time']:,} more only in the time of modification{hint}"
    if tally.unknown:
        sentence += f"; the content of {tally.unknown:,} files is not known on one side"
    if tally.origins:
        whose = ", ".join(f"{count:,} {origin}" for origin, count in tally.origins.most_common())
        sentence += f"\nwhose: {whose}"
    return sentence
