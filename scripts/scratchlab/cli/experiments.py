"""`scratchlab experiments`: run, keep what was seen, hand over what a report needs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection
from dataclasses import dataclass
from typing import TextIO

import click

from scratchlab import codec, render, report
from scratchlab.cli.options import FINDINGS, engine_options
from scratchlab.collect.engines import EngineClient, connect
from scratchlab.collect.host_facts import read_host
from scratchlab.course import state
from scratchlab.errors import LabError
from scratchlab.evidence import EvidenceSet
from scratchlab.experiments.runner import judge_again, run
from scratchlab.experiments.table import EXPERIMENTS, Experiment
from scratchlab.judge import Judgement
from scratchlab.lab.session import Laboratory
from scratchlab.labels import Names
from scratchlab.ladder import shapes
from scratchlab.ledger import Ledger
from scratchlab.model import Check, Facts, Json, Verdict
from scratchlab.render.terminal import console, steps, text
from scratchlab.render.terminal.report import checks_table
from scratchlab.report.verdict import FAILED

_FILE = "experiments.json"
# The version is the key: a file of another version has no observations for this one.
SCHEMA = "scratchlab-experiments-1"
_LADDER = "E15"  # what it saw is drawn, and not only judged


@click.command()
@click.option(
    "--only", multiple=True, metavar="ID", help="E07, with what it depends on; repeatable"
)
@click.option("--container", default="sleep", show_default=True, help="The lab's container")
@click.option("--image", default="sleep", show_default=True, help="The image it runs")
@click.option("--binary", metavar="FILE", help="The program as it was built, where ./lab built it")
@engine_options
@click.option("--json", "json_file", metavar="FILE", help="Also write the report to FILE")
@click.option("--save-evidence", metavar="DIR", help="Also keep all that was seen")
@click.option(
    "--quiz", "quiz_file", metavar="FILE", help="Put the grading that `quiz` kept into the report"
)
@click.option("--format", "form", type=FINDINGS, default="table", show_default=True)
def experiments(
    *,
    only: tuple[str, ...],
    container: str,
    image: str,
    binary: str | None,
    engine: str | None,
    url: str | None,
    json_file: str | None,
    save_evidence: str | None,
    quiz_file: str | None,
    form: str,
) -> int:
    """Run the article's experiments against the lab's own objects."""
    return run_and_show(
        Names(container=container, image=image, **({"binary": binary} if binary else {})),
        only=only,
        engine=engine,
        url=url,
        keep=save_evidence,
        json_file=json_file,
        quiz_file=quiz_file,
        form=form,
    )


@dataclass(frozen=True, slots=True)
class Examination:
    """The checks, and the verification of the container that goes into the same report."""

    evidence: EvidenceSet
    judgement: Judgement
    checks: tuple[Check, ...]
    ladder: Json | None = None
    timelapse: Json | None = None


def examine(
    names: Names,
    *,
    only: Collection[str] = (),
    engine: str | None = None,
    url: str | None = None,
    keep: str | None = None,
) -> Examination:
    """Run the experiments against the engine; ``keep`` is a new directory for all that was seen.

    Raises LabError when no engine answers, for an unknown id, and when ``keep`` cannot be written.
    """
    with connect(engine, url) as client:
        lab = Laboratory(client, names)
        with StatusLine(sys.stderr) as status:
            checks = run(lab, only, status.show)
        verified = lab.verified()
        evidence, judgement = verified or (_nothing(client), Judgement((), (), (), ()))
    if keep:
        _save(keep, lab, evidence if verified else None)
    seen = lab.observations.get(_LADDER)
    return Examination(
        evidence,
        judgement,
        checks,
        ladder=shapes.ladder(seen.climb) if seen and not seen.elsewhere else None,
        timelapse=shapes.timelapse(seen.life) if seen and not seen.elsewhere else None,
    )


def replay(directory: str) -> tuple[Check, ...]:
    """Judge again what ``keep`` saved, without an engine; raises LabError when it is damaged."""
    path = os.path.join(directory, _FILE)
    try:
        with open(path, encoding="ascii") as file:
            saved = json.load(file)
        names = codec.decode(Names, saved["names"])
        return judge_again(saved[SCHEMA], names)
    except OSError as error:
        remedy = "name a directory that `scratchlab experiments --save-evidence` wrote"
        raise LabError(f"cannot read {path}: {error.strerror}", remedy) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        what = f"damaged observations: {path}: {type(error).__name__}: {error}"
        raise LabError(what, "run the experiments again") from error


def run_and_show(
    names: Names,
    *,
    only: Collection[str] = (),
    engine: str | None = None,
    url: str | None = None,
    keep: str | None = None,
    json_file: str | None = None,
    quiz_file: str | None = None,
    form: str = "table",
) -> int:
    """Run the experiments and print them; gives the exit status. Raises LabError.

    ``only`` holds ids, several in one text by commas; ``json_file`` gets the report, which carries
    along the grading in ``quiz_file`` if there is one.
    """
    ids = [part for given in only for part in given.split(",") if part]
    seen = examine(names, only=ids, engine=engine, url=url, keep=keep)
    with seen.evidence:
        made = report.build(
            seen.evidence,
            seen.judgement,
            seen.checks,
            quiz=state.carried(quiz_file) if quiz_file else None,
            ladder=seen.ladder,
            timelapse=seen.timelapse,
        )
        if json_file:
            report.write(made, json_file)
        if form == "table":
            show(made, sys.stdout)
        else:
            render.report(form, made, sys.stdout)
    return exit_status(seen.checks)


def show(made: report.Report, out: TextIO) -> None:
    """Print the checks of a report as one table, and a line that counts them."""
    head = made.head
    screen = console(out)
    # Of the whole table the last row says enough; who asked for some wants to see them.
    if "ladder" in head and len(head["checks"]) < len(EXPERIMENTS):
        steps.ladder(head["ladder"], out)
        screen.print()
        steps.timelapse(head["timelapse"], out)
        screen.print()
    screen.print(checks_table(head["checks"], out, screen.width))
    passed = sum(check["verdict"] == Verdict.PASS for check in head["checks"])
    engine, runtime = head["engine"], head["runtime"]
    where = f"{engine['name']} {engine['version']} ({engine['storage_driver']})"
    if runtime["name"]:
        where = f"{where}, {runtime['name']} {runtime['version']}"
    total = len(head["checks"])
    skipped = [check["id"] for check in head["checks"] if check["verdict"] == Verdict.SKIP]
    failed = any(check["verdict"] in FAILED for check in head["checks"])
    line = f"{passed} of {total} checks passed on {where}"
    line += f"; not run: {', '.join(skipped)}" if skipped else ""
    screen.print()
    screen.print(text(line, "bold red" if failed else "bold green"))


def exit_status(checks: Collection[Check]) -> int:
    """1 if a check failed or could not be answered, else 0: what this machine cannot do is told."""
    return int(any(check.verdict in FAILED for check in checks))


def _nothing(client: EngineClient) -> EvidenceSet:
    """What is known where no container was verified: the host, and the engine if it answers."""
    try:
        facts = Facts(host=read_host(), engine=client.facts())
    except LabError:
        facts = Facts(host=read_host())
    return EvidenceSet(facts, Ledger(), Ledger())


def _save(directory: str, lab: Laboratory, evidence: EvidenceSet | None) -> None:
    saved = {
        "names": codec.encode(lab.names),
        SCHEMA: {name: codec.encode(seen) for name, seen in lab.observations.items()},
    }
    if evidence is not None:
        evidence.save(directory)
    try:
        if evidence is None:
            os.makedirs(directory, mode=0o700)
        with open(os.path.join(directory, _FILE), "x", encoding="ascii") as file:
            json.dump(saved, file, indent=1, sort_keys=True)
            file.write("\n")
    except OSError as error:
        what = f"cannot write observations to {directory}: {error.strerror}"
        raise LabError(what, "name a new directory") from error


class StatusLine:
    """One line on a terminal that says which experiment runs; on anything else, nothing."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = stream.isatty()
        self._running: list[Experiment] = []

    def __enter__(self) -> StatusLine:
        return self

    def __exit__(self, *_: object) -> None:
        self._write("")

    def show(self, experiment: Experiment, check: Check | None) -> None:
        """The runner's progress: before (None) and after each experiment."""
        if check is None:
            self._running.append(experiment)
        else:
            self._running.remove(experiment)
        if self._running:
            ids = ", ".join(one.id for one in self._running)
            number = EXPERIMENTS.index(self._running[0]) + 1
            what = self._running[0].title if len(self._running) == 1 else "side by side"
            self._write(f"{ids} ({number}/{len(EXPERIMENTS)}) {what} ...")

    def _write(self, text: str) -> None:
        if self._shown:
            self._stream.write(f"\r\x1b[K{text}")
            self._stream.flush()
