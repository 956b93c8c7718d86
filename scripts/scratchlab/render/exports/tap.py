"""Checks as TAP version 13 (testanything.org), failures with a YAML block."""

from __future__ import annotations

import json
from typing import TextIO

from scratchlab.model import Json
from scratchlab.report import Report
from scratchlab.text import printable


def render(report: Report, out: TextIO) -> None:
    """Write one test a check, and one for what the verification itself says."""
    checks = [*report.head["checks"], _verification(report)]
    out.write(f"TAP version 13\n1..{len(checks)}\n")
    for number, check in enumerate(checks, 1):
        passed = check["verdict"] in ("pass", "skip")
        skip = f" # SKIP {_one_line(check['observed'])}" if check["verdict"] == "skip" else ""
        title = _one_line(f"{check['id']} {check['title']}").replace("#", "\\#")
        out.write(f"{'ok' if passed else 'not ok'} {number} - {title}{skip}\n")
        if not passed:
            out.write("  ---\n")
            for key in ("verdict", "command", "expected", "observed", "cause", "help"):
                if check.get(key):
                    # A JSON string is a YAML string, and holds no raw control character.
                    out.write(f"  {key}: {json.dumps(check[key])}\n")
            out.write("  ...\n")


def _verification(report: Report) -> Json:
    summary = report.head["summary"]
    counts = ", ".join(f"{summary[key]} {key}" for key in ("explained", "unexplained", "missing"))
    sound = not (summary["unexplained"] or summary["missing"] or report.head["problems"])
    return {
        "id": "verify",
        "title": "every entry of the live root has an origin",
        "verdict": "pass" if sound else "fail",
        "expected": "nothing unexplained, nothing missing, no problem",
        "observed": "; ".join([counts, *report.head["problems"]]),
    }


def _one_line(words: str) -> str:
    return printable(" ".join(words.split()))
