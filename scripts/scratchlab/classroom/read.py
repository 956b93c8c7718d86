"""From the reports directory to what lies in it. Nothing that is read here is believed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
from collections.abc import Iterator, Mapping

from scratchlab import report
from scratchlab.classroom import records
from scratchlab.classroom.grading import regrade
from scratchlab.classroom.results import (
    CollectedMachine,
    MachineVerdict,
    PastRun,
    ReportsDirectory,
    ReportSummary,
)
from scratchlab.errors import LabError
from scratchlab.model import Json
from scratchlab.report.verdict import EXPLAINED, exit_status
from scratchlab.text import printable, visible

MOST_BYTES = 64 << 20  # of one report in a room: about 60,000 entries; a larger one is read alone
# What a page of the room shows of one machine's words (characters): its own page has all of them.
LONGEST_NAME = 200
LONGEST_WORDS = 800
MOST_PROBLEMS = 20
MOST_CHECKS = 500
WORKSHEET = "worksheet.html"  # made from the report by who judges the room
_LIVE = ("kind", "mode", "uid", "gid", "target", "device", "links")
_IMAGE = (*_LIVE, "size", "sha256")


def read_reports(path: str) -> ReportsDirectory:
    """Read what lies in ``path``: one directory a machine, ``run.json`` names them. Raises LabError
    only where ``path`` itself cannot be read: a machine's damaged files are its own fault.
    """
    try:
        here = sorted(item.name for item in os.scandir(path) if item.is_dir())
    except FileNotFoundError:
        here = []
    except OSError as error:
        raise LabError(
            f"cannot read {path}: {error.strerror}", "name a reports directory"
        ) from error
    here = [name for name in here if not name.startswith(".") and _holds_something(path, name)]
    faults: list[str] = []
    run: Json | None = None
    try:
        run = records.load_record(os.path.join(path, "run.json"), records.RUN)
    except records.DamagedRecordError as error:
        faults.append(f"{error}; the machines are those that have a directory: run ./lab again")
    if run is None:
        found = tuple(read_machine(path, name) for name in here)
        return ReportsDirectory(found, False, faults=tuple(faults))
    names = _names(run.get("hosts"))
    inventory = "".join(f" -i {shlex.quote(one)}" for one in _names(run.get("inventory")))
    return ReportsDirectory(
        tuple(read_machine(path, name) for name in names),
        True,
        f"./lab{printable(inventory)}",
        _text(run.get("started")),
        _text(run.get("ended")),
        tuple(visible(name) for name in _names(run.get("chosen"))),
        tuple(visible(name) for name in here if name not in names),
        tuple(faults),
    )


def read_machine(path: str, name: str) -> CollectedMachine:
    """All that lies in the directory of the machine ``name``."""
    if name != os.path.basename(name) or name in ("", ".", ".."):
        fault = (
            "its name cannot be a directory's, so nothing of it is kept: rename it in the inventory"
        )
        return CollectedMachine(visible(name), "", fault=fault)
    here = os.path.join(path, name)
    faults = []
    known, summary, sha1 = None, None, ""
    runs: tuple[PastRun, ...] = ()
    try:
        known = records.run_record(os.path.join(here, "status.json"))
    except records.DamagedRecordError as error:
        faults.append(str(error))
    with contextlib.suppress(
        records.DamagedRecordError
    ):  # a trend that is lost is no fault of the machine
        runs = records.past_runs(os.path.join(here, "history.json"))
    file = os.path.join(here, "report.json")
    if records.no_file(file):
        faults.append("damaged report: report.json is no file")
    elif os.path.lexists(file):
        try:
            sha1 = _sha1(file)
            summary = summarize(report.read(file, MOST_BYTES))
        except LabError as error:
            faults.append(printable(error.what.replace(file, "report.json")))
    return CollectedMachine(
        name=visible(name),
        directory=name,
        record=known,
        summary=summary,
        sha1=sha1,
        fault="; ".join(faults),
        history=runs,
        page=os.path.exists(os.path.join(here, "index.html")),
    )


def summarize(one: report.Report) -> ReportSummary:
    """What the room needs of a report that was read and validated."""
    head = one.head
    engine, runtime, host = head["engine"], head["runtime"], head["host"]
    live = hashlib.sha256()
    for path, part in sorted(parts(one, "live").items()):
        live.update(f"{path}\0{part}\n".encode("utf-8", "backslashreplace"))
    return ReportSummary(
        hostname=_name(host["name"]),
        kernel=_name(host["kernel"]),
        distribution=_name(host["distribution"]),
        cgroup=f"v{host['cgroup_version']}",
        engine=_name(f"{engine['name']} {engine['version']}").strip(),
        runtime=_name(f"{runtime['name']} {runtime['version']}").strip(),
        storage=_name(engine["storage_driver"]),
        container=_name(head["container"]["id"]),
        ledger=_name(head["image"]["ledger_digest"]),
        live=live.hexdigest(),
        image_entries=head["summary"]["image_entries"],
        live_entries=head["summary"]["live_entries"],
        unexplained=head["summary"]["unexplained"],
        calm=exit_status(one) == EXPLAINED,
        problems=tuple(_words(problem) for problem in head["problems"][:MOST_PROBLEMS]),
        checks=tuple(_verdicts(head["checks"])),
        grade=regrade(one),
    )


def parts(one: report.Report, side: str) -> Mapping[str, str]:
    """By path, what any two machines with the same content share of it: ``side`` is ``image`` for
    the image's content, ``live`` for what the container sees and who put it there.
    """
    fields = _IMAGE if side == "image" else _LIVE
    found = {}
    for entry in one.entries:
        if entry[side] is not None:
            shared = [entry[side].get(key) for key in fields]
            origin = entry["origin"] if side == "live" else ""
            found[visible(entry["path"])] = json.dumps([origin, *shared])
    return found


def differing(path: str, one: str, other: str, side: str) -> tuple[str, ...]:
    """The paths in which the reports of two machines in the directory ``path`` differ."""
    first, second = (
        parts(report.read(os.path.join(path, name, "report.json"), MOST_BYTES), side)
        for name in (one, other)
    )
    return tuple(name for name in sorted({*first, *second}) if first.get(name) != second.get(name))


def _verdicts(checks: list[Json]) -> Iterator[MachineVerdict]:
    for check in checks[:MOST_CHECKS]:
        yield MachineVerdict(
            _name(check["id"]),
            _name(check["title"]),
            check["verdict"],
            _words(check["cause"] or check["observed"]),
            _words(check["help"]),
        )


def _name(text: str) -> str:
    return visible(text[:LONGEST_NAME])


def _words(text: str) -> str:
    return printable(text[:LONGEST_WORDS])


def _holds_something(path: str, name: str) -> bool:
    return any(
        os.path.lexists(os.path.join(path, name, file)) for file in ("report.json", "status.json")
    )


def _names(value: object) -> list[str]:
    names = value if isinstance(value, list) else []
    return list(dict.fromkeys(name for name in names if isinstance(name, str)))


def _text(value: object) -> str:
    return printable(value) if isinstance(value, str) else ""


def _sha1(path: str) -> str:
    """As Ansible names a file that it fetched; no proof against a forger, and none is needed."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(
                file, lambda: hashlib.sha1(usedforsecurity=False)
            ).hexdigest()
    except OSError as error:
        raise LabError(f"cannot read {path}: {error.strerror}") from error
