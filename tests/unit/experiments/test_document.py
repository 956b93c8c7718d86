"""The README's table is made from the table that is run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from scratchlab.experiments import EXPERIMENTS, table

README = Path(__file__).parents[3] / "README.md"


def test_each_experiment_has_a_row_with_its_command_as_typed() -> None:
    head, rule, *rows = table.markdown().splitlines()
    assert head.startswith("| ID | Claim |")
    assert set(rule) == set("| -")
    assert [row.split(" | ")[0] for row in rows] == [f"| {e.id}" for e in EXPERIMENTS]
    assert "`ls -al /proc/$(docker inspect -f '{{.State.Pid}}' sleep)/root/`" in rows[6]


def test_pipe_does_not_end_a_cell() -> None:
    row = replace(EXPERIMENTS[0], command="a | b")
    assert "`a \\| b`" in table.markdown([row])


def test_readme_is_in_sync_only_with_the_present_table_between_its_marks() -> None:
    good = f"# Lab\n{table.BEGIN}\n{table.markdown()}{table.END}\nmore\n"
    assert table.in_sync(good)
    assert not table.in_sync(good.replace("E07", "E70"))
    assert not table.in_sync(table.markdown())


def test_this_readme_is_in_sync() -> None:
    assert table.in_sync(README.read_text("utf-8"))
