"""E14 on real engines: one that remaps users, podman, and one that gives less than it promises."""

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
from scratchlab.experiments import Names, e13_control_groups, e14_namespaces, run
from scratchlab.lab.session import Laboratory
from scratchlab.model import Check, Verdict

from . import podman_service
from .conftest import Build
from .docker_service import serve
from .experiments_lab import built, lab_images, limits_program

__all__ = ["built", "lab_images", "limits_program"]
pytestmark = [pytest.mark.engine, pytest.mark.root]


def e14(lab: Laboratory) -> Check:
    *needed, check = run(lab, ["E14"])
    assert {one.verdict for one in needed} == {Verdict.PASS}, needed
    return check


class Other(Laboratory):
    """A laboratory on an engine that has its own idea of options."""

    changed: dict[str, Any]

    def create(self, *args: Any, **options: Any) -> Container:
        return super().create(*args, **{**options, **self.changed})


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"ipc_mode": "host"}, "docker run shares ipc with the process that started it"),
        ({"cgroupns": "private"}, "docker run has its own cgroup, where this version shares"),
        ({"network_mode": "none"}, "docker run --network host has its own net, where"),
        ({"runtime": "no-such-runtime"}, "docker run was refused: "),
    ],
    ids=["less", "more", "not-shared", "refused"],
)
def test_an_engine_that_does_otherwise_is_found(
    changed: dict[str, Any], cause: str, lab_images: Names, engine: EngineClient
) -> None:
    lab = Other(engine, lab_images)
    lab.changed = changed
    check = e14(lab)
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


def test_with_userns_remap_root_is_another_and_the_ledger_says_so(
    lab_images: Names, remapped: EngineClient
) -> None:
    lab = Laboratory(remapped, lab_images)
    check = e14(lab)
    assert check.verdict is Verdict.PASS, check
    assert "root inside is 100000 outside" in check.cause
    lines = check.observed.splitlines()
    assert "docker run: private ipc mnt net pid user uts; shared cgroup time" in lines
    assert "uid_map 0 100000 65536" in lines
    assert "docker run --userns host: shared user" in lines
    refused = [line.partition(": refused: ")[0] for line in lines if ": refused: " in line]
    assert refused == [f"docker run --{kind} host" for kind in ("network", "pid", "ipc")]
    unmapped = {one.path for one in lab.observations["E14"].unmapped}
    assert unmapped > {"/dev/null", "/dev/zero", "/etc/mtab", "/proc", "/sys"}
    assert "/sleep" not in unmapped
    assert lab.observations["E14"].owned > 10
    assert not remapped.client.containers.list(all=True)


def test_the_volumes_of_an_image_go_with_its_twins(
    lab_images: Names, engine: EngineClient, build_image: Build, docker_client: docker.DockerClient
) -> None:
    image = build_image(f"FROM {lab_images.image}\nVOLUME /data\n", {}, tag="e-volume")
    before = {one.id for one in docker_client.volumes.list()}
    lab = Laboratory(engine, replace(lab_images, image=str(image.id)))
    assert all(twin.process for twin in e14_namespaces.probe(lab).twins)
    assert {one.id for one in docker_client.volumes.list()} == before


class OnPodman(Laboratory):
    """A laboratory on podman, where this machine's own limits need care (see podman_service)."""

    def create(self, *args: Any, **options: Any) -> Container:
        given = {"network_mode": "none", **options, "ulimits": podman_service.ULIMITS}
        return super().create(*args, **given)


def test_podman_keeps_its_promises_and_its_limits(
    lab_images: Names, docker_client: docker.DockerClient
) -> None:
    short = Path(tempfile.mkdtemp(prefix="sl-"))  # a socket's path must be short
    with podman_service.serve(short, "vfs") as (_, engine):
        for image in (lab_images.image, lab_images.limits):
            archive = docker_client.images.get(image).save(named=True)
            engine.client.images.load(b"".join(archive))
        lab = OnPodman(engine, lab_images)
        try:
            seen = e14_namespaces.probe(lab)
            limited = e13_control_groups.probe(lab)
        finally:
            lab.close()
    outcome = e14_namespaces.judge(seen)
    assert outcome.fault is None, outcome
    assert "docker run --pid host: shared pid" in outcome.observed.splitlines()
    assert [twin.option for twin in seen.twins if "cgroupns" in twin.option] == []
    outcome = e13_control_groups.judge(limited)
    assert (outcome.fault, outcome.skip) == (None, None), outcome
    assert "libpod" in limited.trials[0].group


def test_a_limit_holds_for_a_remapped_root_too(lab_images: Names, remapped: EngineClient) -> None:
    (check,) = run(Laboratory(remapped, lab_images), ["E13"])
    assert check.verdict is Verdict.PASS, check
