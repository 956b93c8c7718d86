"""The checks as one table: what was claimed, how it ended, and for a failure what mends it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scratchlab.model import Json
from scratchlab.render.terminal import (
    NARROW,
    ORIGIN_STYLES,
    VERDICT_STYLES,
    console,
    draws_unicode,
    line,
    text,
)
from scratchlab.render.words import short
from scratchlab.report import Report
from scratchlab.report.verdict import EXPLAINED, differs, exit_status

_MARKS = {"pass": "✔", "fail": "✘", "error": "✘", "skip": "-"}


def checks_table(checks: Sequence[Json], out: TextIO, width: int) -> Table:
    """A table of ``checks`` for a terminal of ``width`` columns behind ``out``.

    On a narrow one the answer stands below the claim.
    """
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("", no_wrap=True)
    narrow = width < NARROW
    if narrow:
        table.add_column("claim, and what this host answered", overflow="fold")
    else:
        table.add_column("claim", ratio=4, overflow="fold")
        table.add_column("what this host answered", ratio=6, overflow="fold")
    unicode = draws_unicode(out)
    for check in checks:
        verdict = check["verdict"]
        style = VERDICT_STYLES[verdict]
        mark = f"{_MARKS[verdict]} {verdict}" if unicode else verdict
        told = [text(check["title"]), _said(check)]
        if narrow:
            told = [Text("\n").join([text(check["title"], "bold"), *told[1:]])]
        table.add_row(text(check["id"], "bold"), text(mark, style), *told)
    return table


def _said(check: Json) -> Text:
    lines = check["observed"].splitlines() or [""]
    said = text(lines[-1] if check["verdict"] == "pass" else check["observed"])
    if check["verdict"] in ("fail", "error"):
        for label, style in (("expected", ""), ("cause", "red"), ("help", "bold")):
            if check[label]:
                said.append_text(text(f"\n{label}: {check[label]}", style))
    elif check["cause"]:
        said.append_text(text(f"\n{check['cause']}", "dim"))
        if check["help"]:
            said.append_text(text(f"\nhelp: {check['help']}", "dim"))
    return said


# A report as a person reads it on a terminal: the tree, the ghosts, the checks, the verdict.


MOST_ROWS = 300
MOST_LOOKS = 3  # entries that the last line names
_SMALL = 60  # a report of so many entries is shown whole, the image's own entries too
_VANTAGES = {"host": "read on the host", "debug": "read from a debug container"}
_SIGNS = {
    "file": "", "directory": "/", "symlink": "", "char-device": "", "block-device": "",
    "fifo": "|", "socket": "=",
}  # fmt: skip


def render(report: Report, out: TextIO) -> None:
    """Write what was found, the checks if there are any, and one line that says how it ended."""
    screen = console(out)
    head = report.head
    screen.print(text(_heading(head), "bold"))
    dot = " · " if draws_unicode(out) else ", "
    screen.print(text(dot.join(_circumstances(head)), "dim"))
    for words in _digests(head, narrow=screen.width < NARROW):
        screen.print(text(words, "dim"))
    screen.print()
    _tree(report, screen)
    _ghosts(head["ghosts"], screen)
    for problem in head["problems"]:
        screen.print(text(f"problem: {problem}", "bold red"))
    _mounts(head.get("mounts", []), screen)
    _checks(head["checks"], screen, out)
    screen.print()
    _not_compared(head.get("not_compared", []), screen)
    screen.print(text(_counts(head)))
    words, style = _verdict(report)
    screen.print(line(words, style))


def _heading(head: Json) -> str:
    names = ", ".join(head["image"]["tags"]) or head["image"]["id"][:19]
    return f"{head['container']['name']} ({head['container']['id'][:12]}), from image {names}"


def _circumstances(head: Json) -> list[str]:
    engine, runtime, host = head["engine"], head["runtime"], head["host"]
    cgroup = f"cgroup v{host['cgroup_version']}" if host["cgroup_version"] else ""
    parts = [
        f"{engine['name']} {engine['version']} ({engine['storage_driver']})",
        f"{runtime['name']} {runtime['version']}",
        f"Linux {host['kernel']}",
        cgroup,
        _VANTAGES[head["container"]["vantage"]],
    ]
    return [part for part in parts if part]


def _digests(head: Json, *, narrow: bool) -> list[str]:
    live = head["container"].get("ledger_digest", "not told")
    kept = head["image"].get("source") == "kept"
    source = " (proved by an earlier run, and kept: --fresh reads it again)" if kept else ""
    image = f"{head['image']['ledger_digest']} image{source}"
    if narrow:  # the report has them whole
        return [f"ledger_digest {short(live)} live", f"ledger_digest {short(image)}"]
    return [f"ledger_digest {live} live, {image}"]


def _tree(report: Report, screen: Console) -> None:
    small = report.head["summary"]["live_entries"] <= _SMALL
    shown = (one for one in report.entries if small or _speaks(one))
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    narrow = screen.width < NARROW
    table.add_column("live root", ratio=4, overflow="fold")
    table.add_column("who put it there", ratio=2, overflow="fold", min_width=18)
    if not narrow:
        table.add_column("what proves it", ratio=5, overflow="fold")
    rows = list(islice(shown, MOST_ROWS + 1))
    for one in rows[:MOST_ROWS]:
        style = ORIGIN_STYLES[one["origin"]]
        proof = [] if narrow else [line(_proof(one))]
        table.add_row(line(_name(one, small), style), line(_whose(one), style), *proof)
    screen.print(table)
    for one in rows[:MOST_ROWS] if narrow else ():
        if one["differences"] or one["prediction"] not in ("agrees", "none"):
            screen.print(line(f"{one['path']}: {_proof(one)}", "red"))
    if narrow:
        screen.print(text("what proves it: scratchlab why, or a wider terminal", "dim"))
    if len(rows) > MOST_ROWS:
        screen.print(text("... more are in the report (--json FILE)", "dim"))
    if not small:
        quiet = Counter(one["origin"] for one in report.entries if not _speaks(one))
        for origin, count in quiet.most_common():
            screen.print(text(f"and {count} entries as {_as(origin)}", "dim"))


def _as(origin: str) -> str:
    return "the image has them" if origin == "image-layer" else f"expected of {origin}"


def _speaks(one: Json) -> bool:
    """Whether an entry is more than the image's own, unchanged."""
    return one["status"] != "same" or one["prediction"] not in ("agrees", "none")


def _name(one: Json, tree: bool) -> str:
    path = one["path"]
    side = one["live"] or one["image"]
    sign = _SIGNS[side["kind"]] if side else ""
    arrow = f" -> {side['target']}" if side and side["target"] is not None else ""
    if not tree or path == "/":
        return f"{path}{sign if path != '/' else ''}{arrow}"
    depth = path.count("/") - 1
    return f"{'  ' * depth}{os.path.basename(path)}{sign}{arrow}"


def _whose(one: Json) -> str:
    differing = "" if one["status"] in ("same", "only-live") else f"{one['status']}: "
    return f"{differing}{one['origin']}"


def _proof(one: Json) -> str:
    if one["prediction"] not in ("agrees", "none"):
        return str(one["prediction"])
    changed = f"differs in {', '.join(one['differences'])}; " if one["differences"] else ""
    first = one["evidence"][0] if one["evidence"] else None
    if first is None:
        return f"{changed}no evidence"
    return f"{changed}{first['kind']}: {short(first['detail'])}"


def _ghosts(ghosts: list[Json], screen: Console) -> None:
    if not ghosts:
        return
    screen.print()
    screen.print(text("in the image, but not to be seen:", "bold"))
    for ghost in ghosts[:MOST_ROWS]:
        screen.print(line(f"  {ghost['path']}  {ghost['kind']} by {ghost['actor']}", "yellow"))
    if len(ghosts) > MOST_ROWS:
        screen.print(text(f"  and {len(ghosts) - MOST_ROWS} more", "dim"))


def _mounts(mounts: list[Json], screen: Console) -> None:
    hidden = [one for one in mounts if not one["entry"]]
    if hidden:
        told = Counter(one["rule"] or one["origin"] for one in hidden)
        words = ", ".join(f"{number} {name}" for name, number in told.most_common())
        screen.print()
        screen.print(text(f"mounts inside kernel filesystems: {words}", "dim"))
    for one in mounts:
        if one["origin"] == "unexplained" or one["prediction"] not in ("agrees", "none"):
            where = f"{one['fstype']} on {one['target']} (root {one['root']})"
            said = one["prediction"] if one["prediction"] != "none" else "nothing explains it"
            screen.print(text(f"  mount {where}: {one['origin']}: {said}", "bold red"))


def _checks(checks: list[Json], screen: Console, out: TextIO) -> None:
    """Experiments as a table; rows of a specification only where they speak."""
    rows = [one for one in checks if not one["id"].startswith("E")]
    spoken = [one for one in checks if one["id"].startswith("E") or one["verdict"] != "pass"]
    if rows:
        passed = sum(one["verdict"] == "pass" for one in rows)
        screen.print()
        words = "required by the runtime-spec or listed by libcontainer are there"
        screen.print(text(f"{passed} of {len(rows)} things {words} (--format tap)", "dim"))
    if spoken:
        screen.print()
        screen.print(checks_table(spoken, out, screen.width))


def _not_compared(left_out: list[Json], screen: Console) -> None:
    if left_out:
        words = ", ".join(one["what"] for one in left_out)
        screen.print(text(f"not compared: {words}", "dim"))


def _counts(head: Json) -> str:
    counts = head["summary"]
    total = counts["explained"] + counts["unexplained"]
    facts = ", ".join(
        (
            _some(counts["image_entries"], "image entry", "image entries"),
            f"{counts['live_entries']} live",
            f"{counts['explained']}/{total} explained",
            f"{counts['missing']} missing",
            f"{counts['altered']} altered",
            _some(counts["ghosts"], "ghost", "ghosts"),
        )
    )
    verdicts = Counter(check["verdict"] for check in head["checks"])
    said = ", ".join(f"{number} {verdict}" for verdict, number in verdicts.items())
    return f"{facts}; checks: {said}" if said else facts


def _some(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _verdict(report: Report) -> tuple[str, str]:
    """What the exit status says, in words, and what to look at first."""
    if exit_status(report) == EXPLAINED:
        return "all explained, and as predicted", "bold green"
    found = list(islice(filter(differs, report.entries), MOST_LOOKS + 1))
    named = [f"{one['path']} ({_trouble(one)})" for one in found[:MOST_LOOKS]]
    more = ["..."] if len(found) > MOST_LOOKS else []
    where = f": {', '.join([*named, *more])}" if named else ""
    return f"something here needs a look{where}", "bold red"


def _trouble(one: Json) -> str:
    return str(one["status"] if one["status"] == "missing" else one["origin"])
