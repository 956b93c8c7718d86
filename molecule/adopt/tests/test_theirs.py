"""The lab changes nothing that belongs to someone else."""

from __future__ import annotations

from pathlib import Path

from tests.machines.scenario import Machine

SCRIPT = Path(__file__).parents[1] / "theirs.sh"


def test_nothing_of_theirs_has_changed(machine: Machine) -> None:
    before = (machine.results / f"{machine.name}-theirs.txt").read_text().splitlines()
    assert before[0].startswith("engine ")
    assert machine.output("sh -c %s", SCRIPT.read_text()).splitlines() == before


def test_their_service_still_answers(machine: Machine) -> None:
    assert machine.output("busybox wget -q -O - http://127.0.0.1:8080/work | wc -c") == "16"
