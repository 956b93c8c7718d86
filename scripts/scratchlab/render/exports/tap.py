"""Test results as TAP version 13 (testanything.org), failures with a YAML block."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TextIO

from scratchlab.classroom.results import Classroom, MachineState
from scratchlab.render.room_words import STATES
from scratchlab.report import Report
from scratchlab.report.verdict import verification_results
from scratchlab.text import printable


def render_report(report: Report, out: TextIO) -> None:
    """Write one test for each check, and two for the verification as a whole: whether everything
    is explained and as predicted, and whether nothing changed since the start.
    """
    checks = report.head["checks"]
    out.write(f"TAP version 13\n1..{len(checks) + 2}\n")
    for number, check in enumerate(checks, 1):
        passed = check["verdict"] in ("pass", "skip")
        title = _one_line(f"{check['id']} {check['title']}")
        skip = f" # SKIP {_one_line(check['observed'])}" if check["verdict"] == "skip" else ""
        out.write(_line(number, title, passed=passed) + skip + "\n")
        if not passed:
            details = {
                "verdict": check["verdict"],
                "command": check["command"],
                "expected": check["expected"],
                "observed": check["observed"],
                "cause": check["cause"],
                "help": check["help"],
            }
            out.write(_block({key: detail for key, detail in details.items() if detail}))
    _verification(report, len(checks) + 1, out)


def render_classroom(classroom: Classroom, out: TextIO) -> None:
    """Write one test for each machine; a class without machines is a plan that cannot be met."""
    out.write(f"TAP version 13\n1..{len(classroom.machines) or 1}\n")
    for number, machine in enumerate(classroom.machines, 1):
        passed = machine.state is MachineState.PASSED
        out.write(_line(number, f"{machine.name} {STATES[machine.state]}", passed=passed) + "\n")
        if not passed:
            out.write(_block({"reason": machine.reason, "help": machine.help}))


def _verification(report: Report, number: int, out: TextIO) -> None:
    for offset, (title, passed) in enumerate(verification_results(report.head)):
        out.write(_line(number + offset, title, passed=passed) + "\n")
        if not passed:
            observed = [report.head["verdict"]["sentence"], *report.head["problems"]]
            out.write(_block({"verdict": "fail", "observed": "; ".join(observed)}))


def _line(number: int, title: str, *, passed: bool) -> str:
    escaped = title.replace("#", "\\#")
    return f"{'ok' if passed else 'not ok'} {number} - {escaped}"


def _block(details: Mapping[str, str]) -> str:
    # A JSON string is a YAML string, and holds no raw control character.
    lines = [f"  {key}: {json.dumps(detail)}\n" for key, detail in details.items()]
    return "".join(["  ---\n", *lines, "  ...\n"])


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))
