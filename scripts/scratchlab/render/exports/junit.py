"""Checks as JUnit XML, for the tools that read test results."""

from __future__ import annotations

from typing import TextIO

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from scratchlab.report import Report
from scratchlab.text import printable


def render(report: Report, out: TextIO) -> None:
    """Write one test suite named after the host, one test case a check."""
    suite = TestSuite(printable(f"scratchlab {report.head['host']['name']}"))
    for check in report.head["checks"]:
        name = printable(f"{check['id']} {check['title']}")  # XML has no control characters
        case = TestCase(name, classname="scratchlab")
        said = "\n".join(check[key] for key in ("observed", "cause", "help") if check[key])
        message = printable(said)
        kind = {"fail": Failure, "error": Error, "skip": Skipped}.get(check["verdict"])
        if kind is not None:
            case.result = [kind(message)]
        suite.add_testcase(case)
    xml = JUnitXml()
    xml.add_testsuite(suite)
    raw: bytes = xml.tostring()  # type: ignore[no-untyped-call]  # the library has no hints here
    out.write(raw.decode("utf-8") + "\n")
