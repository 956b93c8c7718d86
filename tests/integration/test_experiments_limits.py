"""E13 on a real engine: limits that do not hold are found, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from scratchlab.collect.engines import EngineClient
from scratchlab.experiments import Names, run
from scratchlab.lab import leftovers
from scratchlab.lab.session import Laboratory
from scratchlab.model import Verdict

from .conftest import SESSION, Build
from .experiments_lab import RunLab, built, lab_images, limits_program, run_lab

__all__ = ["built", "lab_images", "limits_program", "run_lab"]
pytestmark = [pytest.mark.engine, pytest.mark.root]
SCRIPTS = Path(__file__).parents[2] / "scripts"


def test_each_limit_is_in_the_kernels_files_and_stops_what_runs_into_it(
    lab_images: Names, run_lab: RunLab
) -> None:
    check = run_lab(lab_images, "E13")["E13"]
    assert check.verdict is Verdict.PASS, check
    said = check.observed.splitlines()
    assert [line.split(":")[0] for line in said] == [
        "--memory 16m",
        "allocate",
        "--cpus 0.1",
        "spin",
        "--pids-limit 24",
        "fork",
        "limits of cgroup v1 in force",
    ]
    assert "16777216" in said[0]
    assert "exit status 137" in said[1]
    assert "(errno 11); pids.current 24" in said[5]


class Forgetting(Laboratory):
    """A laboratory on an engine that discards limits, as engines do that cannot set them."""

    forgotten: frozenset[str]

    def create(self, *args: Any, **options: Any) -> Container:
        kept = {key: value for key, value in options.items() if key not in self.forgotten}
        return super().create(*args, **kept)


@pytest.mark.parametrize(
    ("forgotten", "cause"),
    [
        ({"mem_limit", "memswap_limit"}, "--memory 16m was asked for, and the kernel holds memory"),
        ({"nano_cpus"}, "--cpus 0.1 was asked for, and the kernel holds cpu"),
        ({"pids_limit"}, "--pids-limit 24 was asked for, and the kernel holds pids.max max"),
    ],
    ids=["memory", "cpu", "pids"],
)
def test_a_limit_that_the_engine_discarded_is_found_and_nothing_let_loose(
    forgotten: set[str], cause: str, lab_images: Names, engine: EngineClient
) -> None:
    lab = Forgetting(engine, lab_images)
    lab.forgotten = frozenset(forgotten)
    (check,) = run(lab, ["E13"])
    assert check.verdict is Verdict.FAIL, check
    assert cause in check.cause
    assert [trial.seconds == 0 for trial in lab.observations["E13"].trials].count(True) == 1


def test_a_program_that_was_not_killed_is_found(
    lab_images: Names, build_image: Build, built: Path, run_lab: RunLab
) -> None:
    calm = (
        b"#!/bin/sh\ntrap 'while [ $2 = spin ]; do :; done; echo enough; exit 3' USR1\n"
        b"echo ready\nwhile :; do sleep 0.1; done\n"
    )
    dockerfile = (
        "FROM scratch\nCOPY sh /bin/sh\nCOPY sh /bin/sleep\nCOPY limits /\n"
        'ENV PATH=/bin\nENTRYPOINT ["/limits"]\n'
    )
    build_image(dockerfile, {"sh": built.read_bytes(), "limits": calm}, tag="e-calm")
    check = run_lab(replace(lab_images, limits=f"{SESSION}-e-calm"), "E13")["E13"]
    assert check.verdict is Verdict.FAIL
    assert "was not killed (exit status 3 enough)" in check.cause


def _temporary(client: docker.DockerClient) -> set[str | None]:
    return {
        c.id
        for c in client.containers.list(
            all=True, ignore_removed=True, filters={"label": leftovers.OWNER}
        )
    }


KILLED = """
import sys
from scratchlab.collect.engines import connect
from scratchlab.experiments import Names, run
from scratchlab.lab.session import Laboratory
run(Laboratory(connect("docker"), Names(limits=sys.argv[1])), ["E13"])
"""


def test_what_a_killed_run_left_goes_with_the_next_one(
    lab_images: Names, engine: EngineClient, docker_client: docker.DockerClient
) -> None:
    command = [sys.executable, "-c", KILLED, lab_images.limits]
    before = _temporary(docker_client)
    victim = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(SCRIPTS)})
    until = time.monotonic() + 30
    while not (left := _temporary(docker_client) - before):
        assert time.monotonic() < until
    lab = Laboratory(engine, lab_images)
    lab.clear()
    assert left <= _temporary(docker_client), "it was still its owner's"
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    left |= _temporary(docker_client) - before
    lab.clear()
    assert not left & _temporary(docker_client)
