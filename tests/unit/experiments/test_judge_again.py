"""Saved observations are judged again without an engine, with the same result to the byte."""

import json

import pytest

from scratchlab import codec
from scratchlab.experiments.runner import judge_again
from scratchlab.experiments.table import EXPERIMENTS
from scratchlab.model import Verdict

from .conftest import OBSERVED


def test_saved_run_has_every_check_again() -> None:
    checks = judge_again(json.loads(OBSERVED.read_text()))
    assert [check.id for check in checks] == [e.id for e in EXPERIMENTS]
    assert {check.verdict for check in checks} == {Verdict.PASS}
    assert checks == judge_again(json.loads(OBSERVED.read_text()))


def test_saved_observations_are_judged_and_not_earlier_verdicts() -> None:
    saved = json.loads(OBSERVED.read_text())
    saved["E05"]["built_sha256"] = "0" * 64
    (check,) = judge_again({"E05": saved["E05"]})
    assert check.verdict is Verdict.FAIL
    assert "0" * 64 in check.cause


def test_observation_with_another_field_is_refused() -> None:
    with pytest.raises(codec.MismatchError, match="colour"):
        judge_again({"E01": {"refused": True, "status": 403, "message": "", "colour": "red"}})
