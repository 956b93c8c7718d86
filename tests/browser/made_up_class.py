"""A made-up class for pictures: five machines like one that was really verified, and one that is
off. Students, states, progress and what one machine has otherwise are invented; the rest of the
reports is that machine's.
"""

from __future__ import annotations

import copy
import hashlib
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from scratchlab.classroom.live import Answer, Limits, Machine, SeenFile, rows_of
from scratchlab.classroom.roster import Student
from scratchlab.classroom.seats import Seat, save_seats
from scratchlab.classroom.status import HelpCall, Status
from scratchlab.cli.classroom import build_classroom
from scratchlab.experiments.table import EXPERIMENTS, ExperimentOutcome, check_of_outcome
from scratchlab.labels import Names
from scratchlab.learn.steps import load_steps
from scratchlab.model import Json
from scratchlab.render.html.live_page import write_live
from scratchlab.report import Report
from scratchlab.report.convert import check_section
from scratchlab.report.sections import Head
from scratchlab.report.verdict import decide
from tests.rooms import Reports

STUDENTS = {
    "desk01": "Ada Lovelace",
    "desk02": "Grace Hopper",
    "desk03": "Edsger Dijkstra",
    "desk04": "Barbara Liskov",
    "desk05": "Alan Turing",
    "desk06": "Margaret Hamilton",
}
OFF, STOPPED, ASKED, OTHER = "desk03", "desk04", "desk02", "desk06"
NO_ROUTE = "No route to host"
CLOCK = 2_000_000_000  # of the machines: any
LOOKED = "10:42:05"


def room(report: Report, directory: Path) -> Path:
    """The page of the class; it ran half an hour ago."""
    started = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=30)
    reports = Reports(directory, started.isoformat())
    for name in STUDENTS:
        if name == OFF:
            reports.machine(name, report=None, state="unreachable", reason=NO_ROUTE)
        else:
            reports.machine(name, _of(report, name))
    path = str(reports.finish())
    save_seats(path, [Seat(name, Student(student)) for name, student in STUDENTS.items()])
    build_classroom(path)
    return directory / "index.html"


def _of(report: Report, name: str) -> Report:
    """The report as the machine ``name`` would have sent it."""
    head = cast(Json, copy.deepcopy(report.head))
    head["host"]["name"] = name
    head["container"]["id"] = hashlib.sha256(name.encode()).hexdigest()
    if name == OTHER:
        head["engine"]["version"] = "26.1.5+dfsg1"
        head["runtime"]["version"] = "1.1.15+ds1"
        head["host"]["distribution"] = "Debian GNU/Linux 13 (trixie)"
    if name == STOPPED:
        head["checks"] = [_stopped(check) for check in head["checks"]]
    entries = list(report.entries)
    head["verdict"] = decide(cast(Head, head), entries)
    return Report(cast(Head, head), entries)


def _stopped(check: Json) -> Json:
    """The check as it ends when the container has stopped."""
    if check["id"] != "E06":
        return check
    experiment = next(one for one in EXPERIMENTS if one.id == "E06")
    outcome = ExperimentOutcome("exited", "not-running", placeholders={"status": "exited"})
    return cast(Json, check_section(check_of_outcome(experiment, outcome, Names())))


def watch(page: Path) -> Path:
    """The page of ``./lab watch`` in the middle of a lesson."""
    steps = load_steps()
    of = sum(step.points for step in steps)
    machines = []
    for place, name in enumerate(STUDENTS):
        number = 4 + place % 3
        step = steps[number - 1]
        status = Status(
            name, step.id, step.title, number, len(steps), number - 1,
            points=sum(one.points for one in steps[: number - 1]), of=of,
            since=CLOCK - 60 * (3 + place),
        )  # fmt: skip
        if name == ASKED:
            status = replace(status, help=HelpCall(CLOCK - 130, "which layer is it?"))
        machine = Machine(name, Answer(0, CLOCK, (SeenFile(CLOCK - 15 - 20 * place, status),)))
        machines.append(replace(machine, gone=-45.0, reason=NO_ROUTE) if name == OFF else machine)
    out = io.StringIO()
    write_live(rows_of(machines, 0, Limits(), STUDENTS), LOOKED, 5, out)
    page.write_text(out.getvalue(), "utf-8")
    return page
