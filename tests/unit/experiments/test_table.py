"""The table is complete, and its texts have only known placeholders."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scratchlab.errors import LabError
from scratchlab.experiments.runner import load_module, select
from scratchlab.experiments.table import EXPERIMENTS, Experiment
from scratchlab.labels import Names

PACKAGE = Path(load_module.__code__.co_filename).parent


def test_there_are_twelve_experiments_of_the_article_and_three_more() -> None:
    assert [e.id for e in EXPERIMENTS] == [f"E{number:02}" for number in range(1, 16)]


def test_experiment_waits_only_for_earlier_ones() -> None:
    earlier: set[str] = set()
    for experiment in EXPERIMENTS:
        assert set(experiment.depends_on) <= earlier
        for reasons in (experiment.after, experiment.after_command):
            assert set(reasons) <= earlier
            assert all(reason.endswith(".") for reason in reasons.values())
        earlier.add(experiment.id)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.id)
def test_each_row_has_every_text(experiment: Experiment) -> None:
    for text in (experiment.title, experiment.claim, experiment.command, experiment.article):
        assert text.strip()
    assert len(experiment.title) <= 34, "a title fits a column of the table"
    assert 0 < experiment.timeout <= 300
    assert experiment.fault
    for fault in (*experiment.fault.values(), *experiment.skip.values()):
        assert fault.cause.endswith(".")
        assert fault.remedy


def test_texts_have_only_known_placeholders() -> None:
    text = (PACKAGE / "table.toml").read_text()
    used = set(re.findall(r"\$\{(\w+)\}", text))
    known = set(Names().placeholders())
    for path in PACKAGE.glob("*.py"):
        known |= {
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
    assert used <= known


def test_selection_includes_prerequisites_in_order() -> None:
    assert [e.id for e in select(["E09", "e07"])] == ["E04", "E05", "E06", "E07", "E09"]
    assert [e.id for e in select(["E01"])] == ["E01"]
    assert select() == EXPERIMENTS


def test_unknown_id_is_an_error() -> None:
    with pytest.raises(LabError, match="no experiment 'E99'; choose from E01, E02"):
        select(["E07", "E99"])


def test_the_table_needs_no_docker_sdk() -> None:
    code = "import sys, scratchlab.cli.experiment_table; sys.exit('docker' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
