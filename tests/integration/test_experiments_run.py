"""The experiments on a real engine: all pass, and their commands work when a person types them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from scratchlab import codec
from scratchlab.collect.engines import EngineClient, connect
from scratchlab.experiments.runner import judge_again, run
from scratchlab.experiments.table import EXPERIMENTS, fill_template
from scratchlab.lab.session import Laboratory
from scratchlab.labels import LABEL, Names
from scratchlab.model import Verdict

from .engine_proxy import EngineProxy
from .experiments_lab import RunLab, built, lab_container, lab_images, limits_program, run_lab

__all__ = ["built", "lab_container", "lab_images", "limits_program", "run_lab"]
pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.mark.usefixtures("lab_container")
def test_every_experiment_passes(lab_images: Names, run_lab: RunLab) -> None:
    checks = run_lab(lab_images)
    assert {name: check.verdict for name, check in checks.items()} == dict.fromkeys(
        [e.id for e in EXPERIMENTS], Verdict.PASS
    ), [check for check in checks.values() if check.verdict is not Verdict.PASS]


def _tag(container: Container) -> str:
    image = container.image
    return image.tags[0] if image is not None and image.tags else ""


def test_learners_container_keeps_running_and_nothing_is_left_behind(
    lab_images: Names,
    lab_container: Container,
    run_lab: RunLab,
    docker_client: docker.DockerClient,
) -> None:
    def ours() -> set[str | None]:
        listed = docker_client.containers.list(
            all=True, ignore_removed=True, filters={"label": LABEL}
        )
        return {
            container.id for container in listed if _tag(container).startswith(lab_images.image)
        }

    before, state = ours(), lab_container.attrs["State"]
    run_lab(lab_images)
    lab_container.reload()
    assert ours() == before
    assert lab_container.attrs["State"] == state
    assert not lab_container.diff()


# Part of the output of each experiment's command.
TYPED = {
    "E01": "'scratch' is a reserved name",
    "E02": "0B",
    "E03": "-rw-r--r--",
    "E04": "not a dynamic executable",
    "E05": "  -\n",
    "E06": "-> /sleep",
    "E07": ".dockerenv",
    "E08": " - mqueue mqueue ",
    "E09": "mtab -> /proc/mounts",
    "E10": "mtab -> /proc/mounts",
    "E11": "No such file or directory",
    "E12": "",
    "E13": "137",
    "E14": "user -> user:[",
    "E15": " proc\n",
}


@pytest.mark.usefixtures("lab_container")
@pytest.mark.parametrize(
    "experiment", [e for e in EXPERIMENTS if e.id != "E12"], ids=lambda experiment: experiment.id
)
def test_command_works_as_typed(experiment: object, lab_images: Names, tmp_path: Path) -> None:
    command = fill_template(experiment.command, lab_images.placeholders())  # type: ignore[attr-defined]
    done = subprocess.run(
        ["sh", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "TMPDIR": str(tmp_path)},
    )
    assert "syntax error" not in done.stderr.lower()
    assert TYPED[experiment.id] in done.stdout + done.stderr, done  # type: ignore[attr-defined]


@pytest.mark.usefixtures("lab_container")
def test_saved_run_has_the_same_checks_when_judged_again(
    lab_images: Names, engine: EngineClient
) -> None:
    lab = Laboratory(engine, lab_images)
    checks = run(lab, ["E08", "E09", "E10", "E11", "E12", "E13", "E14", "E15"])
    saved = {name: codec.encode(observation) for name, observation in lab.observations.items()}
    assert judge_again(saved, lab_images) == checks


def test_engine_of_this_machine_by_tcp_answers_everything(
    lab_images: Names, lab_container: Container
) -> None:
    """Where an engine's processes are is seen at its container, not at its address."""
    proxy = EngineProxy(None)
    try:
        with connect("docker", proxy.url) as client:
            checks = {one.id: one for one in run(Laboratory(client, lab_images), ["E10", "E15"])}
    finally:
        proxy.die()
    assert checks["E10"].verdict is Verdict.PASS, checks["E10"]
    assert checks["E15"].verdict is Verdict.PASS, checks["E15"]
