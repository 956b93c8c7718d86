"""Read a reports directory and the machines in it. Nothing that is read here is believed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping

from scratchlab.classroom import records
from scratchlab.classroom.grading import regrade
from scratchlab.classroom.results import (
    CheckSummary,
    CollectedMachine,
    PastRun,
    ReportsDirectory,
    ReportSummary,
)
from scratchlab.classroom.seats import FILE, SCHEMA, Seat, seats_by_host
from scratchlab.errors import LabError
from scratchlab.model import Json
from scratchlab.report import Report
from scratchlab.report import read as read_report
from scratchlab.report.remedies import remedy_of
from scratchlab.report.sections import CheckSection
from scratchlab.report.user_data import entries_cover
from scratchlab.text import printable, visible

# Bytes of one report, about 60,000 entries. A larger one can still be read alone.
MOST_BYTES = 64 << 20
# Characters of one machine's texts on the page of the class: its own page has all of them.
LONGEST_NAME = 200
LONGEST_MESSAGE = 800
MOST_PROBLEMS = 20
MOST_CHECKS = 500
WORKSHEET = "worksheet.html"  # made from the report by whoever judges the class
_LIVE_FIELDS = ("kind", "mode", "uid", "gid", "target", "device", "links")
_IMAGE_FIELDS = (*_LIVE_FIELDS, "size", "sha256")


def read_reports(path: str) -> ReportsDirectory:
    """Read the reports directory ``path``: a directory for each machine, and ``run.json``, which
    lists them.

    Raises LabError only where ``path`` itself cannot be read: damaged files become the fault of
    their machine.
    """
    try:
        present = sorted(item.name for item in os.scandir(path) if item.is_dir())
    except FileNotFoundError:
        present = []
    except OSError as error:
        raise LabError(
            f"cannot read {path}: {error.strerror}", "name a reports directory"
        ) from error
    present = [name for name in present if not name.startswith(".") and _is_machine(path, name)]
    faults: list[str] = []
    run: Json | None = None
    try:
        run = records.load_record(os.path.join(path, "run.json"), records.RUN)
    except records.DamagedRecordError as error:
        faults.append(f"{error}; so every directory counts as a machine: run the lab again")
    known: Mapping[str, Seat] = {}
    try:
        known = seats_by_host(records.load_record(os.path.join(path, FILE), SCHEMA))
    except records.DamagedRecordError as error:
        faults.append(f"{error}; so no student has a name here: run the lab again")
    if run is None:
        machines = tuple(read_machine(path, name, known.get(name)) for name in present)
        return ReportsDirectory(machines, inventory_known=False, faults=tuple(faults))
    listed = _names(run.get("hosts"))
    return ReportsDirectory(
        tuple(read_machine(path, name, known.get(name)) for name in listed),
        inventory_known=True,
        inventories=tuple(map(printable, _names(run.get("inventory")))),
        engine=records.text_field(run.get("engine_url")),
        started=records.text_field(run.get("started")),
        ended=records.text_field(run.get("ended")),
        chosen=tuple(visible(name) for name in _names(run.get("chosen"))),
        unlisted=tuple(visible(name) for name in present if name not in listed),
        faults=tuple(faults),
    )


def read_machine(path: str, name: str, seat: Seat | None = None) -> CollectedMachine:
    """Read the directory of the machine ``name`` below ``path``; never raises LabError."""
    if name != os.path.basename(name) or name in ("", ".", ".."):
        fault = (
            "its name cannot be the name of a directory, so nothing of it is kept: "
            "rename it in the inventory"
        )
        return CollectedMachine(visible(name), "", fault=fault, seat=seat)
    directory = os.path.join(path, name)
    faults = []
    record, summary, sha1 = None, None, ""
    history: tuple[PastRun, ...] = ()
    try:
        record = records.run_record(os.path.join(directory, "status.json"))
    except records.DamagedRecordError as error:
        faults.append(str(error))
    # A damaged trend is not a fault of the machine.
    with contextlib.suppress(records.DamagedRecordError):
        history = records.past_runs(os.path.join(directory, "history.json"))
    file = os.path.join(directory, "report.json")
    if records.is_special(file):
        faults.append("damaged report: report.json is not a regular file")
    elif os.path.lexists(file):
        try:
            sha1 = _sha1(file)
            summary = summarize(read_report(file, MOST_BYTES))
        except LabError as error:
            faults.append(printable(error.what.replace(file, "report.json")))
    return CollectedMachine(
        name=visible(name),
        directory=name,
        record=record,
        summary=summary,
        sha1=sha1,
        fault="; ".join(faults),
        history=history,
        seat=seat,
        has_page=os.path.exists(os.path.join(directory, "index.html")),
    )


def summarize(report: Report) -> ReportSummary:
    """What the comparison needs of a valid ``report``; all texts are safe to print."""
    head = report.head
    engine, runtime, host = head["engine"], head["runtime"], head["host"]
    live = hashlib.sha256()
    for path, fields in sorted(comparable_entries(report, "live").items()):
        live.update(f"{path}\0{fields}\n".encode("utf-8", "backslashreplace"))
    return ReportSummary(
        hostname=_short_name(host["name"]),
        kernel=_short_name(host["kernel"]),
        distribution=_short_name(host["distribution"]),
        cgroup=f"v{host['cgroup_version']}",
        engine=_short_name(f"{engine['name']} {engine['version']}").strip(),
        runtime=_short_name(f"{runtime['name']} {runtime['version']}").strip(),
        storage=_short_name(engine["storage_driver"]),
        container=_short_name(head["container"]["id"]),
        ledger=_short_name(head["image"]["ledger_digest"]),
        live=live.hexdigest(),
        covers=_message(entries_cover(head)),
        image_entries=head["summary"]["image_entries"],
        live_entries=head["summary"]["live_entries"],
        unexplained=head["summary"]["unexplained"],
        status=head["verdict"]["status"],
        sentence=_message(head["verdict"]["sentence"]),
        notes=tuple(_message(note) for note in head["notes"][:MOST_PROBLEMS]),
        problems=tuple(_message(problem) for problem in head["problems"][:MOST_PROBLEMS]),
        checks=tuple(_checks(head["checks"])),
        grade=regrade(report),
    )


def comparable_entries(report: Report, side: str) -> Mapping[str, str]:
    """For each path, the fields in which two machines with the same content agree, as one text.

    ``side`` is ``image`` for the image's content, ``live`` for what the container sees and its
    origin.
    """
    of_image = side == "image"
    entries = {}
    for entry in report.entries:
        attributes = entry["image"] if of_image else entry["live"]
        if attributes is not None:
            values = [attributes.get(key) for key in (_IMAGE_FIELDS if of_image else _LIVE_FIELDS)]
            origin = "" if of_image else entry["origin"]
            entries[visible(entry["path"])] = json.dumps([origin, *values])
    return entries


def differing_paths(path: str, machine: str, other: str, side: str) -> tuple[str, ...]:
    """The paths in which the reports of two machines in the directory ``path`` differ.

    Raises LabError where a report cannot be read.
    """
    reports = [
        read_report(os.path.join(path, name, "report.json"), MOST_BYTES)
        for name in (machine, other)
    ]
    if any("left_out" in report.head for report in reports):
        return ()  # what one of them does not hold is no difference
    ours, theirs = (comparable_entries(report, side) for report in reports)
    return tuple(name for name in sorted({*ours, *theirs}) if ours.get(name) != theirs.get(name))


def _checks(checks: list[CheckSection]) -> Iterator[CheckSummary]:
    for check in checks[:MOST_CHECKS]:
        yield CheckSummary(
            _short_name(check["id"]),
            _short_name(check["title"]),
            check["verdict"],
            _message(check["cause"] or check["observed"]),
            remedy_of(check, _message),
        )


def _short_name(text: str) -> str:
    return visible(text[:LONGEST_NAME])


def _message(text: str) -> str:
    return printable(text[:LONGEST_MESSAGE])


def _is_machine(path: str, name: str) -> bool:
    return any(
        os.path.lexists(os.path.join(path, name, file)) for file in ("report.json", "status.json")
    )


def _names(value: object) -> list[str]:
    names = value if isinstance(value, list) else []
    return list(dict.fromkeys(name for name in names if isinstance(name, str)))


def _sha1(path: str) -> str:
    """The digest by which Ansible names a file that it fetched. It need not resist a forger."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(
                file, lambda: hashlib.sha1(usedforsecurity=False)
            ).hexdigest()
    except OSError as error:
        raise LabError(f"cannot read {path}: {error.strerror}") from error
