"""The table is sound, and holds what the lab promises."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from scratchlab.errors import LabError
from scratchlab.experiments import EXPERIMENTS, Experiment, Names, select
from scratchlab.experiments.runner import module

PACKAGE = Path(module.__code__.co_filename).parent


def test_the_article_is_twelve_experiments_in_order_and_three_follow() -> None:
    assert [e.id for e in EXPERIMENTS] == [f"E{number:02}" for number in range(1, 16)]


def test_an_experiment_depends_on_earlier_ones_only() -> None:
    seen: set[str] = set()
    for experiment in EXPERIMENTS:
        assert set(experiment.depends_on) <= seen
        seen.add(experiment.id)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.id)
def test_each_row_says_all_a_person_needs(experiment: Experiment) -> None:
    for text in (experiment.title, experiment.claim, experiment.command, experiment.article):
        assert text.strip()
    assert len(experiment.title) <= 34, "a title fits a column of the table"
    assert 0 < experiment.timeout <= 300
    assert experiment.fault
    for fault in (*experiment.fault.values(), *experiment.skip.values()):
        assert fault.cause.endswith(".")
        assert fault.help


def test_texts_use_only_words_that_someone_fills_in() -> None:
    text = (PACKAGE / "table.toml").read_text()
    used = set(re.findall(r"\$\{(\w+)\}", text))
    given = set(Names().words())
    for path in PACKAGE.glob("*.py"):
        given |= {
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
    assert used <= given


def test_selecting_brings_what_it_depends_on_in_order() -> None:
    assert [e.id for e in select(["E09", "e07"])] == ["E04", "E05", "E06", "E07", "E09"]
    assert [e.id for e in select(["E01"])] == ["E01"]
    assert select() == EXPERIMENTS


def test_an_unknown_id_is_a_clear_error() -> None:
    with pytest.raises(LabError, match="no experiment 'E99'; choose from E01, E02"):
        select(["E07", "E99"])
