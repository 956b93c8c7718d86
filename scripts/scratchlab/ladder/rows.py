"""Views side by side: one row for each path, in tree order."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence

from scratchlab.experiments.listing import KINDS, Line
from scratchlab.ladder.model import Row, View
from scratchlab.ledger import key
from scratchlab.text import visible

_TYPES = {str(kind): bits for bits, kind in KINDS.items()}


def rows(views: Sequence[View]) -> Iterator[Row]:
    """One row a path; ``first`` is the first view that shows it, put there by hand or not."""
    shown = [{one.path: one for one in view.entries} for view in views]
    paths = sorted({path for entries in shown for path in entries}, key=key)
    for path in paths:
        lines = [entries.get(path) for entries in shown]
        first = next(index for index, line in enumerate(lines) if line is not None)
        yield Row(
            path=path,
            kind=next(line.kind for line in lines if line is not None),
            present=tuple(
                line is not None if view.step.available else None
                for view, line in zip(views, lines, strict=True)
            ),
            first=views[first].step.id,
            details=tuple(
                detail(line, view) if line is not None else ""
                for view, line in zip(views, lines, strict=True)
            ),
        )


def detail(line: Line, view: View) -> str:
    """What a person reads of an entry: mode, owner, size or numbers, target, filesystem."""
    parts = [stat.filemode(_TYPES[line.kind] | line.mode), f"{line.uid}:{line.gid}"]
    if line.device is not None:
        parts.append("{}, {}".format(*line.device))
    elif line.kind == "file":
        parts.append(f"{line.size} B")
    if line.target is not None:
        parts.append(f"-> {visible(line.target)}")
    if line.path in view.filesystems:
        parts.append(f"[{visible(view.filesystems[line.path])}]")
    return " ".join(parts)
