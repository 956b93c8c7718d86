"""E14 on real engines: one that remaps users, podman, and one that ignores options."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from scratchlab.collect.engines import EngineClient
from scratchlab.experiments import e13_control_groups, e14_namespaces
from scratchlab.experiments.runner import run
from scratchlab.lab.session import Laboratory
from scratchlab.labels import Names
from scratchlab.model import Check, Verdict

from . import podman_service
from .conftest import Build
from .docker_service import serve
from .experiments_lab import built, lab_images, limits_program

__all__ = ["built", "lab_images", "limits_program"]
pytestmark = [pytest.mark.engine, pytest.mark.root]


def check_e14(lab: Laboratory) -> Check:
    *prerequisites, check = run(lab, ["E14"])
    assert {prerequisite.verdict for prerequisite in prerequisites} == {Verdict.PASS}, prerequisites
    return check


class ChangedOptions(Laboratory):
    """A laboratory on an engine that changes the options of every container."""

    changed: dict[str, Any]

    def create(self, *args: Any, **options: Any) -> Container:
        return super().create(*args, **{**options, **self.changed})


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"ipc_mode": "host"}, "docker run shares ipc with the process that started it"),
        ({"cgroupns": "private"}, "docker run has its own cgroup, although this version shares"),
        ({"network_mode": "none"}, "docker run --network host has its own net, although"),
        ({"runtime": "no-such-runtime"}, "docker run was refused: "),
    ],
    ids=["less", "more", "not-shared", "refused"],
)
def test_engine_that_changes_options_fails(
    changed: dict[str, Any], cause: str, lab_images: Names, engine: EngineClient
) -> None:
    lab = ChangedOptions(engine, lab_images)
    lab.changed = changed
    check = check_e14(lab)
    assert check.verdict is Verdict.FAIL
    assert cause in check.cause


@pytest.fixture(scope="module")
def remapped(lab_images: Names, docker_client: docker.DockerClient) -> Iterator[EngineClient]:
    """An engine with --userns-remap that has the lab's images."""
    with serve(remapped=True) as engine:
        for image in (lab_images.image, lab_images.limits):
            archive = docker_client.images.get(image).save(named=True)
            engine.client.images.load(b"".join(archive))
        yield engine


def test_userns_remap_changes_root_and_the_owners_in_the_ledger(
    lab_images: Names, remapped: EngineClient
) -> None:
    lab = Laboratory(remapped, lab_images)
    check = check_e14(lab)
    assert check.verdict is Verdict.PASS, check
    assert "root inside is 100000 outside" in check.cause
    lines = check.observed.splitlines()
    assert "docker run: private ipc mnt net pid user uts; shared cgroup time" in lines
    assert "uid_map 0 100000 65536" in lines
    assert "docker run --userns host: shared user" in lines
    refused = [line.partition(": refused: ")[0] for line in lines if ": refused: " in line]
    assert refused == [f"docker run --{kind} host" for kind in ("network", "pid", "ipc")]
    unmapped = {entry.path for entry in lab.observations["E14"].unmapped}
    assert unmapped > {"/dev/null", "/dev/zero", "/etc/mtab", "/proc", "/sys"}
    assert "/sleep" not in unmapped
    assert lab.observations["E14"].owned > 10
    assert "net is not compared" not in check.observed
    assert not remapped.client.containers.list(all=True)


def test_volumes_of_probe_containers_are_removed_with_them(
    lab_images: Names, engine: EngineClient, build_image: Build, docker_client: docker.DockerClient
) -> None:
    image = build_image(f"FROM {lab_images.image}\nVOLUME /data\n", {}, tag="e-volume")
    before = {volume.id for volume in docker_client.volumes.list()}
    lab = Laboratory(engine, replace(lab_images, image=str(image.id)))
    assert all(trial.process for trial in e14_namespaces.probe(lab).twins)
    assert {volume.id for volume in docker_client.volumes.list()} == before


def on_hosts_network(observation: e14_namespaces.Observation) -> set[str]:
    """The options whose containers had the network namespace of the process that started them."""
    assert observation.starter is not None
    hosts = dict(observation.starter.namespaces)["net"]
    return {
        trial.option
        for trial in observation.twins
        if trial.process is not None and dict(trial.process.namespaces)["net"] == hosts
    }


def test_only_what_concerns_the_network_has_one_of_its_own(
    lab_images: Names, engine: EngineClient
) -> None:
    lab = Laboratory(engine, lab_images)
    check = check_e14(lab)
    assert check.verdict is Verdict.PASS, check
    observed = lab.observations["E14"]
    assert {trial.option for trial in observed.twins} - on_hosts_network(observed) == {""}
    lines = check.observed.splitlines()
    assert "docker run --network host: shared net" in lines
    assert "docker run --uts host --network host: shared uts (net is not compared)" in lines


class OnPodman(Laboratory):
    """A laboratory on podman, where this machine's own limits need care (see podman_service)."""

    def create(self, *args: Any, **options: Any) -> Container:
        given = {"network_mode": "none", **options, "ulimits": podman_service.ULIMITS}
        return super().create(*args, **given)


def test_podman_has_the_expected_namespaces_and_limits(
    lab_images: Names, docker_client: docker.DockerClient
) -> None:
    short = Path(tempfile.mkdtemp(prefix="sl-"))  # a socket's path must be short
    with podman_service.serve(short, "vfs") as (_, engine):
        for image in (lab_images.image, lab_images.limits):
            archive = docker_client.images.get(image).save(named=True)
            engine.client.images.load(b"".join(archive))
        lab = OnPodman(engine, lab_images)
        try:
            namespaces = e14_namespaces.probe(lab)
            limits = e13_control_groups.probe(lab)
        finally:
            lab.close()
    outcome = e14_namespaces.judge(namespaces)
    assert outcome.fault is None, outcome
    line = "docker run --pid host --network host: shared pid (net is not compared)"
    assert line in outcome.observed.splitlines()
    assert on_hosts_network(namespaces) == {
        "--network host",
        "--pid host",
        "--ipc host",
        "--uts host",
    }
    assert [trial.option for trial in namespaces.twins if "cgroupns" in trial.option] == []
    outcome = e13_control_groups.judge(limits)
    assert (outcome.fault, outcome.skip) == (None, None), outcome
    assert "libpod" in limits.trials[0].group


def test_limits_are_in_force_for_a_remapped_root(lab_images: Names, remapped: EngineClient) -> None:
    (check,) = run(Laboratory(remapped, lab_images), ["E13"])
    assert check.verdict is Verdict.PASS, check
