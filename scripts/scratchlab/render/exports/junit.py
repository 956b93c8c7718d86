"""Test results as JUnit XML."""

from __future__ import annotations

from typing import TextIO

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from scratchlab.classroom.results import Classroom, MachineResult, MachineState
from scratchlab.remedy import sentence
from scratchlab.render.room_words import STATES
from scratchlab.report import Report
from scratchlab.report.verdict import verification_results
from scratchlab.text import printable

_RESULTS = {"fail": Failure, "error": Error, "skip": Skipped}


def render_report(report: Report, out: TextIO) -> None:
    """Write one test suite named after the host, one test case for each check, and two for the
    verification as a whole.
    """
    suite = TestSuite(printable(f"scratchlab {report.head['host']['name']}"))
    for check in report.head["checks"]:
        texts = (check["observed"], check["cause"], check["help"])
        name = printable(f"{check['id']} {check['title']}")  # XML has no control characters
        message = printable("\n".join(filter(None, texts)))
        suite.add_testcase(_case("scratchlab", name, check["verdict"], message))
    for title, passed in verification_results(report.head):
        sentence = printable(report.head["verdict"]["sentence"])
        suite.add_testcase(_case("scratchlab", title, "pass" if passed else "fail", sentence))
    xml = JUnitXml()
    xml.add_testsuite(suite)
    _write(xml, out)


def render_classroom(classroom: Classroom, out: TextIO) -> None:
    """Write one test suite for each machine; its first test case is the machine itself, an error
    where its report is missing.
    """
    xml = JUnitXml("scratchlab room")
    for machine in classroom.machines:
        xml.add_testsuite(_machine_suite(machine))
    _write(xml, out)


def _machine_suite(machine: MachineResult) -> TestSuite:
    class_name = f"scratchlab.{machine.name}"
    suite = TestSuite(machine.name)
    verdicts = {MachineState.PASSED: "pass", MachineState.FAILED: "fail"}
    texts = (STATES[machine.state], machine.reason, machine.help)
    verdict = verdicts.get(machine.state, "error")
    suite.add_testcase(_case(class_name, "machine", verdict, "\n".join(filter(None, texts))))
    for check in machine.summary.checks if machine.summary else ():
        help_ = sentence(check.remedy, machine.reader)
        message = "\n".join(filter(None, (check.verdict, check.cause, help_)))
        suite.add_testcase(_case(class_name, f"{check.id} {check.title}", check.verdict, message))
    return suite


def _case(class_name: str, name: str, verdict: str, message: str) -> TestCase:
    case = TestCase(name, classname=class_name)
    if verdict in _RESULTS:
        case.result = [_RESULTS[verdict](message)]
    return case


def _write(xml: JUnitXml, out: TextIO) -> None:
    raw: bytes = xml.tostring()  # type: ignore[no-untyped-call]  # the library has no hints here
    out.write(raw.decode("utf-8") + "\n")
