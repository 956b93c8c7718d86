"""After reset, the lab's containers and reports are gone; engine and images stay."""

from __future__ import annotations

from tests.e2e import lab_command
from tests.machines.scenario import Machine


def test_containers_are_gone_and_images_stay(machine: Machine) -> None:
    assert machine.labelled("container") == []
    assert len(machine.labelled("image")) == lab_command.IMAGES


def test_reports_are_gone(machine: Machine) -> None:
    assert not machine.host.file("/var/lib/scratchlab/report.json").exists
    assert not (machine.results / "reports" / machine.name).exists()


def test_the_engine_still_runs(machine: Machine) -> None:
    assert machine.host.service("docker").is_running
