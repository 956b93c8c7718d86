"""A report that is too large to be sent, without the entries that a room can do without.

A room reads reports up to a limit. Of a larger one it gets the head as it is, every count included,
and of the entries those that decide the verdict, in their order and as far as they fit, with the
directories above them. What is left out is counted, so that the verdict is that of the whole.
"""

from __future__ import annotations

import json
import posixpath
from collections import Counter
from collections.abc import Collection, Iterator
from typing import cast

from scratchlab.report.document import Report
from scratchlab.report.sections import EntrySection, Head, LeftOutCounts
from scratchlab.report.verdict import trouble_of

_SPARE = 64 << 10  # bytes for what the head gets in addition
MIB = 1 << 20


def reduced(report: Report, most: int, needed: Collection[str] = ()) -> Report:
    """``report`` itself where its JSON has at most ``most`` bytes, else one that has.

    ``needed`` are paths whose entries are kept in any case. The verdict is the same.
    """
    sizes = [_size(report.head) + _SPARE, 0]  # of the head, of the entries
    count = 0
    for entry in report.entries:
        sizes[1] += _size(entry)
        count += 1
    if sum(sizes) <= most:
        return report
    kept = _chosen(report, most - sizes[0], set(needed))
    counts = Counter(
        trouble
        for entry in report.entries
        if entry["path"] not in kept and (trouble := trouble_of(entry))
    )
    left_out = count - len(kept)
    note = (
        f"this report holds {len(kept):,} of {count:,} entries, what differs first: all of it"
        f" would have {sum(sizes) // MIB:,} MiB, and a room reads {most // MIB} MiB"
        " (scratchlab verify --json FILE writes all of it)"
    )
    head = {
        **report.head,
        "notes": [*report.head["notes"], note],
        "left_out": {
            "entries": left_out,
            "counts": {key: counts[key] for key in LeftOutCounts.__annotations__},
        },
    }
    return Report(cast(Head, head), _Chosen(report, kept))


def _chosen(report: Report, room: int, needed: set[str]) -> set[str]:
    """The paths of the entries that are kept in ``room`` bytes."""
    kept: set[str] = set()
    room -= sum(_size(entry) for entry in report.entries if entry["path"] in needed)
    above: list[tuple[str, int]] = []  # the directories over the present entry, with their sizes
    for entry in report.entries:
        path, size = entry["path"], _size(entry)
        while above and not _is_above(above[-1][0], path):
            above.pop()
        if path in needed or trouble_of(entry):
            missing = [one for one in above if one[0] not in kept and one[0] not in needed]
            cost = sum(bytes_ for _, bytes_ in missing) + (0 if path in needed else size)
            if path in needed or cost <= room:
                room -= cost
                kept |= {path, *(name for name, _ in missing)}
        above.append((path, size))
    return kept


def _is_above(directory: str, path: str) -> bool:
    return path.startswith(posixpath.join(directory, ""))


class _Chosen:
    """The entries of a report with these paths, from the start at every iteration."""

    def __init__(self, report: Report, paths: set[str]) -> None:
        self._report = report
        self._paths = paths

    def __iter__(self) -> Iterator[EntrySection]:
        return (entry for entry in self._report.entries if entry["path"] in self._paths)


def _size(value: object) -> int:
    """Bytes of a section in the file of a report, which is ASCII."""
    return len(json.dumps(value, separators=(",", ":"))) + 2
