"""Every way to run a container, and every seeded fault, on this machine's engines."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.matrix import mutate
from tests.matrix.mutations import MUTATIONS
from tests.matrix.run import Engine, option_parser, surroundings
from tests.matrix.seeds import Mutation
from tests.matrix.variants import VARIANTS, Variant

ROOT = Path(__file__).parents[2]
SCRATCHLAB = f"env PYTHONPATH={ROOT / 'scripts'} {sys.executable} -m scratchlab"
# crun 1.8 refuses machines with both cgroup versions; podman's network needs plugins; its default
# limits need CAP_SYS_RESOURCE.
PODMAN_OPTIONS = [
    "--engine=podman",
    "--engine-options=--runtime runc --cgroup-manager cgroupfs",
    "--run-options=--network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024",
]
ARGUMENTS = {"docker": [], "podman": PODMAN_OPTIONS}
# Variants that differ from Docker's or do not exist there; tests.matrix.run has them all.
PODMAN_VARIANTS = ("plain", "tty", "init", "read-only", "VOLUME", "WORKDIR", "user", "rich image",
           "host ipc", "no masks", "host dev", "image mount", "secret", "systemd", "no tmpfs",
           "usr: plain", "usr: volume on content", "usr: tmpfs var run", "usr: exec deletes",
           "usr: device through a link", "usr: binds on and below run")  # fmt: skip
# Of the merged-/usr image, one for each kind of place; tests.matrix.run has them all.
USR_VARIANTS = {f"usr: {name}" for name in (
    "plain", "init", "device three below", "device through a link", "through a link of a bind",
    "anonymous volume on etc", "cgroup ro", "cpuinfo", "tmpfs on a masked path",
    "volume on content", "tmpfs var run", "hosts of the host", "bind shm", "file over stdin",
    "dev of the host below", "like systemd", "workdir shm", "workdir on tmpfs", "VOLUME",
    "network of another", "linked", "aliases", "volume subpath", "restarted",
    "network joined later", "exec makes a directory again", "exec parts a hard link",
    "exec changes a volume",
)}  # fmt: skip


def chosen(engine: str, variant: Variant) -> bool:
    """Whether CI runs the variant: there are too many for all of them."""
    if engine == "podman":
        return variant.name in PODMAN_VARIANTS
    return variant.name in USR_VARIANTS or not variant.name.startswith("usr: ")


CASES = [
    pytest.param(engine, variant, id=f"{engine}-{variant.name.replace(' ', '-')}")
    for engine in ("docker", "podman")
    for variant in VARIANTS
    if engine in variant.engines and chosen(engine, variant)
    if not variant.service  # a swarm would change this machine's engine: tests.matrix only
]
FAULTS = [
    pytest.param(mutation, id=mutation.name.replace(" ", "-"))
    for mutation in (mutate.NO_CHANGE, *MUTATIONS)
    if "docker" in mutation.engines
]


@pytest.fixture(scope="module")
def engines() -> Iterator[dict[str, tuple[Engine, str]]]:
    """Each engine with the images of the variants, and the directory that some of them bind."""
    docker, podman = (
        Engine(option_parser("").parse_args([*arguments, "--scratchlab", SCRATCHLAB]))
        for arguments in ARGUMENTS.values()
    )
    with surroundings(docker, ()) as docker_files, surroundings(podman, ()) as podman_files:
        docker.build({case.values[1].image for case in CASES} | {"mutated"})  # type: ignore[union-attr]
        podman.build({v.image for v in VARIANTS if v.name in PODMAN_VARIANTS})
        yield {"docker": (docker, docker_files), "podman": (podman, podman_files)}


def test_every_chosen_variant_exists() -> None:
    assert {*USR_VARIANTS, *PODMAN_VARIANTS} <= {variant.name for variant in VARIANTS}


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_every_entry_of_a_variant_is_explained(
    engines: dict[str, tuple[Engine, str]], name: str, variant: Variant
) -> None:
    engine, files = engines[name]
    cell = engine.cell(variant, files)
    if "refused" in cell:  # by this engine, or for lack of a capability of this machine's root
        return
    assert "error" not in cell, cell["error"]
    assert cell["faults"] == []
    assert cell["total"] == cell["explained"] > 20


@pytest.mark.parametrize("mutation", FAULTS)
def test_seeded_fault_is_found(engines: dict[str, tuple[Engine, str]], mutation: Mutation) -> None:
    engine, _ = engines["docker"]
    with mutate.container(engine, mutation) as (name, _pid):
        report, status = mutate.report_of(engine, name)
    assert mutate.lacks(report, status, mutation) == []
