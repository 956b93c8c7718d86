"""`scratchlab experiments`: run the experiments, save what they observed, make one report."""

from __future__ import annotations

import base64
import json
import os
import sys
import zlib
from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import click

from scratchlab import codec, render, report
from scratchlab.classroom.worksheet import paths_drawn_from, seed_of
from scratchlab.cli.experiment_table import print_experiments
from scratchlab.cli.options import REPORT_FORMATS, engine_options
from scratchlab.collect.engines import EngineClient, connect
from scratchlab.collect.host_facts import read_host
from scratchlab.course import grading_file
from scratchlab.errors import LabError
from scratchlab.evidence import EvidenceSet
from scratchlab.experiments.runner import judge_again, run
from scratchlab.experiments.table import EXPERIMENTS, Experiment
from scratchlab.experiments.typed import Typist
from scratchlab.judge import Judgement
from scratchlab.lab.session import Laboratory
from scratchlab.labels import Names
from scratchlab.ladder import shapes
from scratchlab.ledger import Ledger
from scratchlab.model import Check, Facts
from scratchlab.report.build import build
from scratchlab.report.reduce import MIB, reduced
from scratchlab.report.sections import LadderSection, TimelapseSection

_FILE = "experiments.json"
# The key of the observations in it: a file of another version has none that can be read.
SCHEMA = "scratchlab-experiments-1"
# The lines around what is for people (plugins/action/run_experiments.py).
BEGIN, PACKED = "scratchlab-begin", "scratchlab-report "
_LADDER = "E15"  # the report also holds what it observed: the ladder and the time-lapse


@click.command(short_help="Run the experiments E01 to E15.")
@click.option(
    "--only",
    multiple=True,
    metavar="ID",
    help="Run only this experiment (E07), and those it depends on; repeatable",
)
@click.option("--container", default="sleep", show_default=True, help="The lab's container")
@click.option("--image", default="sleep", show_default=True, help="The image it runs")
@click.option("--binary", metavar="FILE", help="The image's program, where ./lab built it")
@engine_options
@click.option("--json", "json_file", metavar="FILE", help="Also write the report to FILE")
@click.option(
    "--most-mib",
    type=click.IntRange(min=1),
    metavar="N",
    help="Of a report that would be larger in FILE, leave out entries that decide nothing",
)
@click.option("--packed", is_flag=True, hidden=True)  # for the Ansible module run_experiments
@click.option("--save-evidence", metavar="DIR", help="Also save all evidence and observations")
@click.option(
    "--quiz", "quiz_file", metavar="FILE", help="Add the grading that `quiz` saved to the report"
)
@click.option(
    "--outputs", is_flag=True, help="Also type each command here, and add its output to the report"
)
@click.option(
    "--host-view",
    is_flag=True,
    help="On another machine's engine, also run a container that sees all its processes (E14)",
)
@click.option("--format", "form", type=REPORT_FORMATS, default="table", show_default=True)
def experiments(
    *,
    only: tuple[str, ...],
    container: str,
    image: str,
    binary: str | None,
    engine: str | None,
    url: str | None,
    json_file: str | None,
    most_mib: int | None,
    packed: bool,
    save_evidence: str | None,
    quiz_file: str | None,
    outputs: bool,
    host_view: bool,
    form: str,
) -> int:
    """Run the article's experiments on the lab's own container and image."""
    names = Names(container=container, image=image, **({"binary": binary} if binary else {}))
    ids = [part for option in only for part in option.split(",") if part]
    with Typist(names) if outputs else nullcontext() as typist:
        examination = examine(
            names, only=ids, engine=engine, url=url, directory=save_evidence, host_view=host_view,
            typist=typist,
        )  # fmt: skip
    with examination.evidence:
        built = build(
            examination.evidence,
            examination.judgement,
            examination.checks,
            quiz=grading_file.grading_for_report(quiz_file) if quiz_file else None,
            ladder=examination.ladder,
            timelapse=examination.timelapse,
        )
        if most_mib and json_file:
            built = reduced(built, most_mib * MIB, paths_drawn_from(built, seed_of(built)))
        if json_file:
            report.write(built, json_file)
        if packed:
            print(BEGIN)
        if form == "table":
            print_experiments(built, sys.stdout)
        else:
            render.report(form, built, sys.stdout)
        if packed and json_file:
            print(f"{PACKED}{_packed(json_file)}")
        return built.head["verdict"]["status"]


def _packed(file: str) -> str:
    """The report in ``file``, compressed by zlib and then in base64."""
    return base64.b64encode(zlib.compress(Path(file).read_bytes())).decode()


@dataclass(frozen=True, slots=True)
class Examination:
    """The checks, and the verification of the container that goes into the same report."""

    evidence: EvidenceSet
    judgement: Judgement
    checks: tuple[Check, ...]
    ladder: LadderSection | None = None
    timelapse: TimelapseSection | None = None


def examine(
    names: Names,
    *,
    only: Collection[str] = (),
    engine: str | None = None,
    url: str | None = None,
    directory: str | None = None,
    host_view: bool = False,
    typist: Typist | None = None,
) -> Examination:
    """Run the experiments with the ids ``only`` (none: all of them) against the engine.

    ``directory`` is a new directory for evidence and observations. ``host_view`` allows a container
    in the PID namespace of another machine that runs the engine. ``typist`` also types the command
    of each experiment. Raises LabError when no engine answers, for an unknown id, and when
    ``directory`` cannot be written.
    """
    with connect(engine, url) as client:
        lab = Laboratory(client, names, host_view=host_view)
        with StatusLine(sys.stderr) as status:
            typing = typist.type if typist else None
            checks = run(lab, only, status.show, type_command=typing)
        if typist:
            checks = typist.outputs(checks)
        verified = lab.verified()
        evidence, judgement = verified or (_facts_only(client), Judgement((), (), (), ()))
    if directory:
        _save_observations(directory, lab, evidence if verified else None)
    built = lab.observations.get(_LADDER)
    if built is not None and built.elsewhere:
        built = None
    return Examination(
        evidence,
        judgement,
        checks,
        ladder=shapes.ladder_section(built.climb) if built else None,
        timelapse=shapes.timelapse_section(built.life) if built else None,
    )


def _facts_only(client: EngineClient) -> EvidenceSet:
    """The evidence where no container was verified: the host, and the engine if it answers."""
    try:
        facts = Facts(host=read_host(), engine=client.facts())
    except LabError:
        facts = Facts(host=read_host())
    return EvidenceSet(facts, Ledger(), Ledger())


def _save_observations(directory: str, lab: Laboratory, evidence: EvidenceSet | None) -> None:
    saved = {
        "names": codec.encode(lab.names),
        SCHEMA: {id_: codec.encode(observed) for id_, observed in lab.observations.items()},
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


def replay(directory: str) -> tuple[Check, ...]:
    """Judge again the observations saved in ``directory``, without an engine.

    Raises LabError when they are damaged.
    """
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


class StatusLine:
    """One line on a terminal that shows which experiment runs; on anything else, nothing."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = stream.isatty()
        self._running: list[Experiment] = []

    def __enter__(self) -> StatusLine:
        return self

    def __exit__(self, *_: object) -> None:
        self._write("")

    def show(self, experiment: Experiment, check: Check | None) -> None:
        """Show the runner's progress: called before (None) and after each experiment."""
        if check is None:
            self._running.append(experiment)
        else:
            self._running.remove(experiment)
        if self._running:
            shown = sorted(self._running, key=EXPERIMENTS.index)
            ids = ", ".join(experiment.id for experiment in shown)
            number = EXPERIMENTS.index(shown[0]) + 1
            what = shown[0].title if len(shown) == 1 else "side by side"
            self._write(f"{ids} ({number}/{len(EXPERIMENTS)}) {what} ...")

    def _write(self, line: str) -> None:
        if self._shown:
            self._stream.write(f"\r\x1b[K{line}")
            self._stream.flush()
