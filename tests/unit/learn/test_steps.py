"""The files of the steps: each is whole, and an instructor can add or translate one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scratchlab.errors import LabError
from scratchlab.learn.checks import CHECKS, find_check
from scratchlab.learn.steps import HINTS, Step, find_step, load_steps

STEPS = load_steps(more="/nonexistent")
# What a check says, by the module's text: keys are literals there.
SOURCES = Path(__file__).parents[3] / "scripts/scratchlab/learn/checks"
FAULTS = {"build": ("entries", "content", "mode", "size", "damaged"),
          "run": ("entries", "mode", "other-bytes", "damaged")}  # fmt: skip


def test_the_path_is_in_the_articles_order() -> None:
    assert [step.id for step in STEPS] == [
        "scratch", "dockerfile", "build", "archive", "program", "linking", "run", "process",
        "predict", "look", "makers", "window", "quiz", "vanish", "limits", "tampered",
    ]  # fmt: skip


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.id)
def test_step_is_whole(step: Step) -> None:
    assert len(step.hints) == HINTS
    assert len(step.description.strip().splitlines()) == 3, "three sentences, one a line"
    assert sum(hint.cost for hint in step.hints) < step.points
    assert step.do or step.ask
    assert "\t" not in step.do, "a terminal shows it escaped"
    assert bool(step.ask) == bool(step.tries)
    assert callable(find_check(step))
    for key, texts in step.said.items():
        assert "right" in texts or ("wrong" in texts and texts.get("look")), key


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.id)
def test_every_sentence_that_a_check_can_say_is_there(step: Step) -> None:
    source = (SOURCES / f"{CHECKS[step.check]}.py").read_text()
    start = source.index(f"def {step.check}(")
    end = source.find("\n\n\ndef ", start)
    keys = set(re.findall(r'Said\(\s*"([a-z-]+)"', source[start : end if end > 0 else None]))
    assert keys <= set(step.said), keys - set(step.said)
    assert set(FAULTS.get(step.id, ())) <= set(step.said)


def test_answers_are_not_in_the_first_hint() -> None:
    for step in STEPS:
        if step.solution.answer and step.id not in ("predict", "makers"):
            assert step.solution.answer not in step.hints[0].text


def test_instructor_adds_a_step_and_translates_one(tmp_path: Path) -> None:
    added = """
id = "again"
title = "Look again"
description = "Once more."
check = "look"
ask = "What?"
tries = 2
[options]
image = "sleep"
container = "sleep"
"""
    (tmp_path / "105-again.toml").write_text(added)
    (tmp_path / "01-scratch.fr.toml").write_text('title = "scratch ne se tire pas"\n')
    steps = load_steps("fr", str(tmp_path))
    ids = [step.id for step in steps]
    assert ids.index("again") == ids.index("look") + 1
    assert steps[0].title == "scratch ne se tire pas"
    assert steps[0].description == STEPS[0].description
    assert load_steps("en", str(tmp_path))[0].title == STEPS[0].title


@pytest.mark.parametrize(
    "text", ["", "id = 3", "id = 'x y'", "nonsense = 1", "[", "id = 'a'\ntitle = 'b'"]
)
def test_file_that_is_not_a_step_is_one_clear_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "17-broken.toml").write_text(text)
    with pytest.raises(LabError, match=r"17-broken\.toml is not a step"):
        load_steps("en", str(tmp_path))


def test_step_is_found_by_id_or_number() -> None:
    assert find_step(STEPS, "3") is find_step(STEPS, "build")
    with pytest.raises(LabError):
        find_step(STEPS, "99")
