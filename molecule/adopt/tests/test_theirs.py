"""Whatever the lab did in between, what is someone else's is the same to the letter."""

from __future__ import annotations

from pathlib import Path

from tests.machines.scenario import Machine

SCRIPT = Path(__file__).parents[1] / "theirs.sh"


def test_what_is_theirs_is_as_it_was(machine: Machine) -> None:
    before = (machine.results / f"{machine.name}-theirs.txt").read_text().splitlines()
    assert before[0].startswith("engine ")
    assert machine.output("sh -c %s", SCRIPT.read_text()).splitlines() == before


def test_their_service_answers(machine: Machine) -> None:
    assert machine.output("busybox wget -q -O - http://127.0.0.1:8080/work | wc -c") == "16"
