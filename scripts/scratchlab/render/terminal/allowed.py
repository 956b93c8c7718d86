"""What a policy allowed, on a terminal: apart from what counts, one line for each rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rich.console import Console

from scratchlab.render.terminal import line, text
from scratchlab.report import Report

_MOST_PATHS = 3  # named for each rule


def print_allowed(report: Report, screen: Console) -> None:
    """Print what each rule of the report's policy allowed, if it has one."""
    expect = report.head.get("expect")
    if expect is None:
        return
    counts: Counter[str] = Counter()
    paths: dict[str, list[str]] = {}
    for rule, path in _allowed(report):
        counts[rule] += 1
        named = paths.setdefault(rule, [])
        if len(named) < _MOST_PATHS and path not in named:
            named.append(path)
    if not counts:
        return
    screen.print()
    screen.print(text(f"allowed by {expect['file']}, and not counted:", "bold"))
    for rule, count in counts.items():
        more = ", ..." if count > len(paths[rule]) else ""
        screen.print(line(f"  {count:>5}  {rule}: {', '.join(paths[rule])}{more}", "dim"))


def _allowed(report: Report) -> Iterator[tuple[str, str]]:
    """The rule and the path of each change that is allowed."""
    for entry in report.remarkable:
        if "allowed" in entry:
            yield entry["allowed"], entry["path"]
    for ghost in report.head["ghosts"]:
        if "allowed" in ghost:
            yield ghost["allowed"], ghost["path"]
    for mount in report.head.get("mounts", ()):
        if "allowed" in mount:
            yield mount["allowed"], mount["target"]
