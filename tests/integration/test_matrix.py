"""Every way to run a container, and every fault seeded into one, on this machine's engines."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.matrix import mutate
from tests.matrix.mutations import MUTATIONS, Mutation
from tests.matrix.run import Machine, options, surroundings
from tests.matrix.variants import VARIANTS, Variant

ROOT = Path(__file__).parents[2]
SCRATCHLAB = f"env PYTHONPATH={ROOT / 'scripts'} {sys.executable} -m scratchlab"
# crun 1.8 refuses machines with both cgroup versions; the network of podman is its plugins' matter;
# it asks for limits that root without CAP_SYS_RESOURCE must not set.
PODMAN = [
    "--engine=podman",
    "--engine-options=--runtime runc --cgroup-manager cgroupfs",
    "--run-options=--network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024",
]
ARGUMENTS = {"docker": [], "podman": PODMAN}
# Of podman's variants those that Docker has not, or has otherwise; all of them: tests.matrix.run.
PODMANS = ("plain", "tty", "init", "read-only", "VOLUME", "WORKDIR", "user", "rich image",
           "no masks", "host dev", "image mount", "secret", "systemd", "no tmpfs")  # fmt: skip
CASES = [
    pytest.param(engine, variant, id=f"{engine}-{variant.name.replace(' ', '-')}")
    for engine in ("docker", "podman")
    for variant in VARIANTS
    if engine in variant.engines and (engine == "docker" or variant.name in PODMANS)
    if not variant.service  # a swarm would change this machine's engine: tests.matrix only
]
FAULTS = [pytest.param(one, id=one.name.replace(" ", "-")) for one in (mutate.QUIET, *MUTATIONS)]


@pytest.fixture(scope="module")
def machines() -> Iterator[dict[str, tuple[Machine, str]]]:
    """Each engine with the images of the variants, and the directory that some of them bind."""
    ready: dict[str, tuple[Machine, str]] = {}
    words = {name: options("").parse_args([*more, "--scratchlab", SCRATCHLAB])
             for name, more in ARGUMENTS.items()}  # fmt: skip
    docker, podman = Machine(words["docker"]), Machine(words["podman"])
    with surroundings(docker, ()) as ours, surroundings(podman, ()) as theirs:
        docker.build({case.values[1].image for case in CASES} | {"mutated"})  # type: ignore[union-attr]
        podman.build({v.image for v in VARIANTS if v.name in PODMANS})
        ready["docker"], ready["podman"] = (docker, ours), (podman, theirs)
        yield ready


@pytest.mark.parametrize(("engine", "variant"), CASES)
def test_a_variant_is_explained_to_the_last_entry(
    machines: dict[str, tuple[Machine, str]], engine: str, variant: Variant
) -> None:
    machine, files = machines[engine]
    cell = machine.cell(variant, files)
    if "refused" in cell:  # this engine cannot do it, or this machine's root cannot grant it
        return
    assert "error" not in cell, cell["error"]
    assert cell["faults"] == []
    assert cell["total"] == cell["explained"] > 20


@pytest.mark.parametrize("mutation", FAULTS)
def test_a_seeded_fault_is_found(
    machines: dict[str, tuple[Machine, str]], mutation: Mutation
) -> None:
    machine, _ = machines["docker"]
    with mutate.container(machine, mutation) as (name, _pid):
        report, status = mutate.report_of(machine, name)
    assert mutate.lacks(report, status, mutation) == []
