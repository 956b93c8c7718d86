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
from scratchlab.errors import LabError
from scratchlab.evidence import EvidenceSet
from scratchlab.experiments import EXPERIMENTS, Names
from scratchlab.experiments.runner import judge_again
from scratchlab.judge import Judgement
from scratchlab.ledger import Ledger
from scratchlab.model import Check, Engine, Facts, Verdict
from scratchlab.report import build

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
        experiments.print_experiments(build(evidence, Judgement((), (), (), ()), checks), out)
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


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.ERROR])
def test_exit_status_is_0_only_if_no_check_failed(verdict: Verdict) -> None:
    good = Check("E01", "title", Verdict.PASS)
    assert experiments.exit_status([good, good]) == 0
    assert experiments.exit_status([good, replace(good, verdict=verdict)]) == 1
    assert experiments.exit_status([replace(good, verdict=Verdict.SKIP), good]) == 0


def test_skipped_experiment_is_named_last_and_is_not_a_failure() -> None:
    checks = list(judge_again(json.loads(OBSERVED.read_text())))
    checks[12] = replace(checks[12], verdict=Verdict.SKIP, cause="No controllers.", help="A VM.")
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
        for experiment in EXPERIMENTS[12:14]:
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
