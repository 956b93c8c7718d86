"""A report on a terminal: the tree, the ghosts, the checks, and one line that sums up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console

from scratchlab.render import user_data
from scratchlab.render.terminal import NARROW, console, draws_unicode, line, text
from scratchlab.render.terminal.allowed import print_allowed
from scratchlab.render.terminal.checks import VERDICT_LINE_STYLES, checks_table
from scratchlab.render.terminal.rows import FOLDED, RowChoice, print_rows
from scratchlab.render.words import short_ids
from scratchlab.report import Report
from scratchlab.report.sections import (
    CheckSection,
    Head,
    MountSection,
    NotComparedSection,
)
from scratchlab.report.user_data import EVERYTHING, covered
from scratchlab.report.verdict import ExitStatus, as_predicted

MOST_ROWS = 300
_VANTAGES = {"host": "read on the host", "debug": "read from a debug container"}


def render(report: Report, out: TextIO, choice: RowChoice = FOLDED) -> None:
    """Write the findings, the checks if there are any, and one line that sums up."""
    screen = console(out)
    head = report.head
    screen.print(text(_heading(head), "bold"))
    dot = " · " if draws_unicode(out) else ", "
    screen.print(text(dot.join(_circumstances(head)), "dim"))
    for digest in _digests(head, narrow=screen.width < NARROW):
        screen.print(text(digest, "dim"))
    screen.print()
    print_rows(report, screen, choice)
    print_allowed(report, screen)
    for problem in head["problems"]:
        screen.print(text(f"problem: {problem}", "bold red"))
    for note in head["notes"]:
        screen.print(text(f"note: {note}", "dim"))
    _print_mounts(head.get("mounts", []), screen)
    _print_checks(head["checks"], screen, out)
    screen.print()
    for sentence in user_data.sentences(head):
        screen.print(text(f"user data on {sentence}", "dim"))
    _print_not_compared(head.get("not_compared", []), screen)
    screen.print(text(_counts(head)))
    verdict = head["verdict"]
    screen.print(line(verdict["sentence"], VERDICT_LINE_STYLES[ExitStatus(verdict["status"])]))


def _heading(head: Head) -> str:
    names = ", ".join(head["image"]["tags"]) or head["image"]["id"][:19]
    return f"{head['container']['name']} ({head['container']['id'][:12]}), from image {names}"


def _circumstances(head: Head) -> list[str]:
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


def _digests(head: Head, *, narrow: bool) -> list[str]:
    live = head["container"].get("ledger_digest", "not in this report")
    covers = covered(head)
    live = live if covers == EVERYTHING else f"{live} ({covers})"
    kept = head["image"].get("source") == "kept"
    source = " (kept from an earlier run, which proved it; --fresh reads it again)" if kept else ""
    image = f"{head['image']['ledger_digest']} image{source}"
    if narrow:  # the report has them whole
        return [f"ledger_digest {short_ids(live)} live", f"ledger_digest {short_ids(image)}"]
    return [f"ledger_digest {live} live, {image}"]


def _print_mounts(mounts: Sequence[MountSection], screen: Console) -> None:
    hidden = [mount for mount in mounts if not mount["entry"]]
    if hidden:
        counts = Counter(mount["rule"] or mount["origin"] for mount in hidden)
        summary = ", ".join(f"{number} {name}" for name, number in counts.most_common())
        screen.print()
        screen.print(text(f"mounts inside kernel filesystems: {summary}", "dim"))
    for mount in mounts:
        if mount["origin"] == "unexplained" or not as_predicted(mount):
            where = f"{mount['fstype']} on {mount['target']} (root {mount['root']})"
            none = mount["prediction"] == "none"
            reason = "nothing explains it" if none else mount["prediction"]
            screen.print(text(f"  mount {where}: {mount['origin']}: {reason}", "bold red"))


def _print_checks(checks: Sequence[CheckSection], screen: Console, out: TextIO) -> None:
    """Experiments as a table; of the specifications' rows only those that did not pass."""
    rows = [check for check in checks if not check["id"].startswith("E")]
    shown = [check for check in checks if check["id"].startswith("E") or check["verdict"] != "pass"]
    if rows:
        passed = sum(check["verdict"] == "pass" for check in rows)
        screen.print()
        what = "required by the runtime-spec or listed by libcontainer are there"
        screen.print(text(f"{passed} of {len(rows)} things {what} (--format tap)", "dim"))
    if shown:
        screen.print()
        screen.print(checks_table(shown, out, screen.width))


def _print_not_compared(not_compared: Sequence[NotComparedSection], screen: Console) -> None:
    if not_compared:
        what = ", ".join(item["what"] for item in not_compared)
        screen.print(text(f"not compared: {what}", "dim"))


def _counts(head: Head) -> str:
    summary = head["summary"]
    total = summary["explained"] + summary["unexplained"]
    counts = ", ".join(
        (
            _count(summary["image_entries"], "image entry", "image entries"),
            f"{summary['live_entries']} live",
            f"{summary['explained']}/{total} explained",
            f"{summary['missing']} missing",
            f"{summary['altered']} altered",
            _count(summary["ghosts"], "ghost", "ghosts"),
        )
    )
    verdicts = Counter(check["verdict"] for check in head["checks"])
    checks = ", ".join(f"{number} {verdict}" for verdict, number in verdicts.items())
    return f"{counts}; checks: {checks}" if checks else counts


def _count(count: int, singular: str, plural: str) -> str:
    return f"{count} {singular if count == 1 else plural}"
