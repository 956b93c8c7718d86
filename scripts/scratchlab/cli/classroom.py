"""The page of a class from its reports, with the files for an instructor's tools."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from functools import partial

from scratchlab.atomic import atomic_write
from scratchlab.classroom import records
from scratchlab.classroom.comparison import compare_machines
from scratchlab.classroom.read import (
    MOST_BYTES,
    WORKSHEET,
    differing_paths,
    read_machine,
    read_reports,
)
from scratchlab.classroom.results import (
    Classroom,
    MachineResult,
    MachineState,
    ReportsDirectory,
)
from scratchlab.classroom.seats import FILE as ROSTER
from scratchlab.classroom.seats import PRIVATE, Seat
from scratchlab.classroom.worksheet import draw_worksheet, seed_of
from scratchlab.errors import LabError
from scratchlab.render.exports import gradebook, junit, tap
from scratchlab.render.html import room_page, sheets
from scratchlab.report import read as read_report

# File in the reports directory -> what writes it.
OUTPUTS = {
    "index.html": room_page.render,
    "room.xml": junit.render_classroom,
    "room.tap": tap.render_classroom,
    "room.csv": gradebook.render,
}
# For learning platforms; written where the roster has students.
EXPORTS = {"moodle.csv": gradebook.render_moodle, "canvas.csv": gradebook.render_canvas}
SHEETS = ("key.html", "cards.html")
PUBLIC = 0o644


def build_classroom(path: str) -> Classroom:
    """Judge the machines whose reports are in the directory ``path``, and write the files for
    people there. Each file is written completely or not at all; what holds a student's name or
    points is for its owner alone (mode 0600).

    Where nothing of any machine is left, the files are removed. Raises LabError where the
    directory cannot be read or written.
    """
    directory = read_reports(path)
    classroom = compare_machines(directory, partial(differing_paths, path))
    waiting = all(machine.state is MachineState.WAITING for machine in classroom.machines)
    if waiting and not directory.unlisted:
        for name in ("run.json", ROSTER, *OUTPUTS, *EXPORTS, *SHEETS):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(path, name))
        return classroom
    for machine in classroom.machines:
        if directory.inventory_known and machine.collected.record:
            records.save_history(path, machine)
    mode = PRIVATE if classroom.private else PUBLIC
    _write_sheets(path, classroom, mode)
    named = any(machine.student.label for machine in classroom.machines)
    for name, render in (OUTPUTS | EXPORTS).items():
        file = os.path.join(path, name)
        if name in EXPORTS and not named:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(file)
            continue
        with atomic_write(file, encoding="utf-8", only_files=True, mode=mode) as out:
            render(classroom, out)
    _hide_points(path, classroom)
    return classroom


def _hide_points(path: str, classroom: Classroom) -> None:
    """Let nobody else read the reports that hold a student's answers."""
    for machine in classroom.machines:
        if machine.grade:
            for name in ("report.json", "index.html"):
                file = os.path.join(path, machine.collected.directory, name)
                if os.path.isfile(file) and not os.path.islink(file):
                    os.chmod(file, PRIVATE)


def _write_sheets(path: str, classroom: Classroom, mode: int) -> None:
    """Write each machine's worksheet from its own report, the key to all of them, and the cards."""
    worksheets = []
    for machine in classroom.machines:
        directory = os.path.join(path, machine.collected.directory)
        file = os.path.join(directory, WORKSHEET)
        if machine.summary is None:
            if machine.collected.directory:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(file)
            continue
        report = read_report(os.path.join(directory, "report.json"), MOST_BYTES)
        worksheet = draw_worksheet(report, seed_of(report))
        worksheets.append(worksheet)
        with atomic_write(file, encoding="utf-8", only_files=True, mode=mode) as out:
            sheets.write_worksheet(worksheet, report.head, out, student=machine.student)
    file = os.path.join(path, "key.html")
    with atomic_write(file, encoding="utf-8", only_files=True, mode=mode) as out:
        sheets.write_key(worksheets, out)
    file = os.path.join(path, "cards.html")
    with atomic_write(file, encoding="utf-8", only_files=True, mode=mode) as out:
        podman = {
            machine.name: "podman"
            for machine in classroom.machines
            if machine.summary and machine.summary.engine.startswith("podman ")
        }
        sheets.write_cards(map(_seat, classroom.machines), podman, out)


def _seat(machine: MachineResult) -> Seat:
    """The seat by the roster; without one by what the run recorded."""
    record = machine.collected.record
    if machine.collected.seat or record is None:
        return machine.collected.seat or Seat(machine.name)
    return Seat(machine.name, address=record.address, user=record.user, port=record.port)


def write_page_of_reports(reports: Sequence[str], page: str) -> Classroom:
    """Write to ``page`` the page of the machines with these ``reports``, HOST/report.json each.

    A machine is named after the directory of its report; a damaged report is shown as such. Raises
    LabError where the reports are not in one directory as HOST/report.json.
    """
    files = dict.fromkeys(map(os.path.abspath, reports))
    directories = {os.path.dirname(os.path.dirname(file)) for file in files}
    if len(directories) > 1 or {os.path.basename(file) for file in files} != {"report.json"}:
        raise LabError(
            "a page of several reports names machines after the reports' directories",
            "put them into one directory as HOST/report.json, or name one report",
        )
    path = directories.pop()
    names = (os.path.basename(os.path.dirname(file)) for file in files)
    machines = tuple(read_machine(path, name) for name in names)
    classroom = compare_machines(
        ReportsDirectory(machines, inventory_known=False), partial(differing_paths, path)
    )
    with atomic_write(page, encoding="utf-8") as out:
        room_page.render(classroom, out)
    return classroom
