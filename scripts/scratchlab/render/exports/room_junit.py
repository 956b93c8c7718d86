"""The room as JUnit XML: one suite a machine, so that a machine without a report is an error."""

from __future__ import annotations

from typing import TextIO

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from scratchlab.classroom.results import Classroom, MachineResult, MachineState
from scratchlab.render.terminal.classroom import STATE_WORDS

_KINDS = {"fail": Failure, "error": Error, "skip": Skipped}


def render(room: Classroom, out: TextIO) -> None:
    """Write it to ``out``."""
    xml = JUnitXml("scratchlab room")
    for seat in room.machines:
        xml.add_testsuite(_suite(seat))
    raw: bytes = xml.tostring()  # type: ignore[no-untyped-call]  # the library has no hints here
    out.write(raw.decode("utf-8") + "\n")


def _suite(seat: MachineResult) -> TestSuite:
    suite = TestSuite(seat.name)
    suite.add_testcase(_case(seat, "machine", _verdict(seat), seat.reason, seat.help))
    for check in seat.summary.checks if seat.summary else ():
        name = f"{check.id} {check.title}"
        suite.add_testcase(_case(seat, name, check.verdict, check.cause, check.help))
    return suite


def _verdict(seat: MachineResult) -> str:
    return {MachineState.PASSED: "pass", MachineState.FAILED: "fail"}.get(seat.state, "error")


def _case(seat: MachineResult, name: str, verdict: str, why: str, remedy: str) -> TestCase:
    case = TestCase(name, classname=f"scratchlab.{seat.name}")
    if verdict in _KINDS:
        what = STATE_WORDS[seat.state] if name == "machine" else verdict
        case.result = [_KINDS[verdict]("\n".join(filter(None, (what, why, remedy))))]
    return case
