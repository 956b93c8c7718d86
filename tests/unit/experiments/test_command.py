"""What `scratchlab experiments` saves, judges again and prints, without an engine."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from scratchlab import codec
from scratchlab.cli import experiments
from scratchlab.cli.experiment_table import print_experiments
from scratchlab.errors import LabError
from scratchlab.evidence import EvidenceSet
from scratchlab.experiments.runner import judge_again
from scratchlab.experiments.table import EXPERIMENTS
from scratchlab.judge import Judgement
from scratchlab.labels import Names
from scratchlab.ledger import Ledger
from scratchlab.model import (
    Check,
    Engine,
    Entry,
    Facts,
    Finding,
    Ghost,
    Kind,
    Origin,
    Status,
    Verdict,
)
from scratchlab.remedy import advise
from scratchlab.report.build import build

from .conftest import OBSERVED


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(checks: Sequence[Check]) -> list[str]:
    """The lines of the table of these checks."""
    engine = Engine(name="docker", version="20.10.24", storage_driver="overlay2")
    evidence = EvidenceSet(Facts(engine=engine), Ledger(), Ledger())
    out = io.StringIO()
    with evidence:
        print_experiments(build(evidence, Judgement((), (), (), ()), checks), out)
    return out.getvalue().splitlines()


def saved(directory: Path, **names: str) -> Path:
    observations = json.loads(OBSERVED.read_text())
    data = {"names": codec.encode(Names(**names)), experiments.SCHEMA: observations}
    (directory / "experiments.json").write_text(json.dumps(data))
    return directory


def test_saved_observations_are_judged_with_the_names_of_that_run(tmp_path: Path) -> None:
    checks = experiments.replay(str(saved(tmp_path, container="nap")))
    assert checks == judge_again(json.loads(OBSERVED.read_text()), Names(container="nap"))
    assert [check.id for check in checks] == [e.id for e in EXPERIMENTS]
    assert "'{{.State.Pid}}' nap)" in checks[6].command


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "{}",
        '{"names": {}}',
        '{"names": {"colour": "red"}, "scratchlab-experiments-1": {}}',
        '{"names": {}, "scratchlab-experiments-1": {"E01": {"refused": 7}}}',
        '{"names": {}, "scratchlab-experiments-2": {}}',
    ],
)
def test_damaged_observations_are_a_one_line_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "experiments.json").write_text(content)
    with pytest.raises(LabError, match=r"damaged observations: .*experiments\.json"):
        experiments.replay(str(tmp_path))


def test_directory_without_observations_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="name a directory that `scratchlab experiments --save"):
        experiments.replay(str(tmp_path))


GOOD = Check("E01", "title", Verdict.PASS)
WRITTEN = Finding("/w", Status.ONLY_LIVE, Origin.WRITTEN_LATER, live=Entry("/w", Kind.FILE, 0o644))
DELETED = Ghost(
    "/d", Status.DELETED, Origin.WRITTEN_LATER, "the writable layer", (),
    Entry("/d", Kind.FILE, 0o644),
)  # fmt: skip
LOST = Finding("/l", Status.MISSING, Origin.UNEXPLAINED, image=Entry("/l", Kind.FILE, 0o644))
NOTE = "no prediction: docker 99.1 is not among the versions that the rules were read in"


def ran(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    judgement: Judgement,
    *checks: Check,
) -> tuple[int, list[str]]:
    """The exit status and the lines of `scratchlab experiments` with these results."""

    def examined(*_: object, **__: object) -> experiments.Examination:
        engine = Engine(name="docker", version="99.1", storage_driver="overlay2")
        evidence = EvidenceSet(Facts(engine=engine), Ledger(), Ledger())
        return experiments.Examination(evidence, judgement, checks)

    monkeypatch.setattr(experiments, "examine", examined)
    status = experiments.experiments.main([], standalone_mode=False)
    assert isinstance(status, int)
    return status, capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.ERROR])
def test_exit_status_is_0_only_if_no_check_failed(
    verdict: Verdict, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing, bad = Judgement((), (), (), ()), replace(GOOD, id="E02", verdict=verdict)
    status, lines = ran(monkeypatch, capsys, nothing, GOOD, GOOD)
    assert (status, lines[-1]) == (0, "2 of 2 checks passed on docker 99.1 (overlay2)")
    status, lines = ran(monkeypatch, capsys, nothing, GOOD, bad)
    assert (status, lines[-1]) == (1, "1 check failed (E02)")
    skipped = replace(GOOD, verdict=Verdict.SKIP)
    assert ran(monkeypatch, capsys, nothing, skipped, GOOD)[0] == 0


@pytest.mark.parametrize(
    ("judgement", "status", "last"),
    [
        (Judgement([WRITTEN], (), (), ()), 3,
         "1 written since the start, all explained: /w (written)"),
        (Judgement((), [DELETED], (), ()), 3,
         "1 deleted since the start, all explained: /d (deleted)"),
        (Judgement([LOST], (), (), ()), 1, "1 missing: /l (missing)"),
        (Judgement([WRITTEN, LOST], (), (), ()), 1,
         "1 missing: /l (missing); also 1 written since the start"),
        (Judgement((), (), (), ("index.json lists no image",)), 1,
         "1 problem of the image archive"),
    ],
)  # fmt: skip
def test_verification_beside_passed_checks_decides_and_the_last_line_is_the_reason(
    judgement: Judgement,
    status: int,
    last: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found, lines = ran(monkeypatch, capsys, judgement, GOOD)
    assert (found, lines[-1]) == (status, last)
    assert lines[-2] == "1 of 1 checks passed on docker 99.1 (overlay2)"
    for problem in judgement.problems:
        assert f"problem: {problem}" in lines


def test_unknown_engine_passes_with_a_note(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, lines = ran(monkeypatch, capsys, Judgement((), (), (), (), notes=(NOTE,)), GOOD)
    assert status == 0
    assert f"passed with a note: {NOTE}" in lines
    assert lines[-1] == "1 of 1 checks passed on docker 99.1 (overlay2)"
    noted = Judgement([WRITTEN], (), (), (), notes=(NOTE,))
    status, lines = ran(monkeypatch, capsys, noted, GOOD)
    assert status == 3
    assert f"note: {NOTE}" in lines
    assert lines[-1].startswith("1 written since the start")


def test_skipped_experiment_is_named_last_and_is_not_a_failure() -> None:
    checks = list(judge_again(json.loads(OBSERVED.read_text())))
    checks[12] = replace(
        checks[12], verdict=Verdict.SKIP, cause="No controllers.", remedy=advise("A VM.")
    )
    lines = shown(checks)
    assert lines[-1].startswith(f"{len(checks) - 1} of {len(checks)} checks passed on docker 20.10")
    assert lines[-1].endswith("; not run: E13")
    assert any("No controllers." in line for line in lines)
    assert any("help: A VM." in line for line in lines)


def test_terminal_shows_the_running_experiment_and_is_cleared() -> None:
    terminal = Terminal()
    with experiments.StatusLine(terminal) as status:
        status.show(EXPERIMENTS[4], None)
        line = f"E05 (5/{len(EXPERIMENTS)}) the sleep image is the program ..."
        assert terminal.getvalue().endswith(line)
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_terminal_shows_experiments_that_run_side_by_side() -> None:
    terminal = Terminal()
    with experiments.StatusLine(terminal) as status:
        for experiment in (EXPERIMENTS[13], EXPERIMENTS[12]):
            status.show(experiment, None)
        assert terminal.getvalue().endswith("E13, E14 (13/15) side by side ...")
        checks = judge_again(json.loads(OBSERVED.read_text()))
        status.show(EXPERIMENTS[12], checks[12])
        assert terminal.getvalue().endswith("E14 (14/15) some namespaces are its own ...")


def test_pipe_gets_no_status_line() -> None:
    pipe = io.StringIO()
    with experiments.StatusLine(pipe) as status:
        status.show(EXPERIMENTS[4], None)
    assert pipe.getvalue() == ""
