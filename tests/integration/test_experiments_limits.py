"""E13 on a real engine: limits that are not in force fail, and nothing is left behind."""

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
from scratchlab.experiments import e13_control_groups
from scratchlab.experiments.runner import run
from scratchlab.lab import leftovers
from scratchlab.lab.session import Laboratory
from scratchlab.labels import Names
from scratchlab.model import Verdict

from .conftest import SESSION, Build
from .experiments_lab import RunLab, built, lab_images, limits_program, run_lab

__all__ = ["built", "lab_images", "limits_program", "run_lab"]
pytestmark = [pytest.mark.engine, pytest.mark.root]
SCRIPTS = Path(__file__).parents[2] / "scripts"


def test_each_limit_is_in_the_kernels_files_and_stops_the_program(
    lab_images: Names, run_lab: RunLab
) -> None:
    check = run_lab(lab_images, "E13")["E13"]
    assert check.verdict is Verdict.PASS, check
    lines = check.observed.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "--memory 16m",
        "allocate",
        "--cpus 0.1",
        "spin",
        "--pids-limit 24",
        "fork",
        "limits of cgroup v1 in force",
    ]
    assert "16777216" in lines[0]
    assert "exit status 137" in lines[1]
    assert "(errno 11); pids.current 24" in lines[5]


def test_limit_that_a_busy_machine_cannot_reach_is_lowered(
    lab_images: Names, run_lab: RunLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(e13_control_groups, "_SHARE_SECONDS", 0.0)
    check = run_lab(lab_images, "E13")["E13"]
    assert check.verdict is Verdict.PASS, check
    assert "(with 0.01 CPUs: the machine was too busy to reach 0.1)" in check.observed


def test_program_that_ended_too_early_is_no_failure_of_the_limit(
    lab_images: Names, run_lab: RunLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = e13_control_groups._TrialContainer._wait_until_throttled

    def end(self: Any, *given: Any) -> Any:
        self._container.kill()
        self._container.wait()
        return wait(self, *given)

    monkeypatch.setattr(e13_control_groups._TrialContainer, "_wait_until_throttled", end)
    check = run_lab(lab_images, "E13")["E13"]
    assert check.verdict is Verdict.ERROR, check
    assert check.observed.startswith("spin ended, after a time limit of its own")
    assert "this machine is slow" in check.observed
    assert "--patience" in check.help


class Forgetting(Laboratory):
    """A laboratory on an engine that discards limits which it cannot set."""

    forgotten: frozenset[str]

    def create(self, *args: Any, **options: Any) -> Container:
        kept = {key: value for key, value in options.items() if key not in self.forgotten}
        return super().create(*args, **kept)


@pytest.mark.parametrize(
    ("forgotten", "cause"),
    [
        ({"mem_limit", "memswap_limit"}, "--memory 16m was requested, but the kernel has memory"),
        ({"nano_cpus"}, "--cpus 0.1 was requested, but the kernel has cpu"),
        ({"pids_limit"}, "--pids-limit 24 was requested, but the kernel has pids.max max"),
    ],
    ids=["memory", "cpu", "pids"],
)
def test_limit_that_the_engine_discarded_fails_before_the_program_is_let_loose(
    forgotten: set[str], cause: str, lab_images: Names, engine: EngineClient
) -> None:
    lab = Forgetting(engine, lab_images)
    lab.forgotten = frozenset(forgotten)
    (check,) = run(lab, ["E13"])
    assert check.verdict is Verdict.FAIL, check
    assert cause in check.cause
    assert [trial.seconds == 0 for trial in lab.observations["E13"].trials].count(True) == 1


def test_program_that_was_not_killed_fails(
    lab_images: Names, build_image: Build, built: Path, run_lab: RunLab
) -> None:
    survivor = (
        b"#!/bin/sh\ntrap 'while [ $2 = spin ]; do :; done; echo enough; exit 3' USR1\n"
        b"echo ready\nwhile :; do sleep 0.1; done\n"
    )
    dockerfile = (
        "FROM scratch\nCOPY sh /bin/sh\nCOPY sh /bin/sleep\nCOPY limits /\n"
        'ENV PATH=/bin\nENTRYPOINT ["/limits"]\n'
    )
    build_image(dockerfile, {"sh": built.read_bytes(), "limits": survivor}, tag="e-survivor")
    check = run_lab(replace(lab_images, limits=f"{SESSION}-e-survivor"), "E13")["E13"]
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
from scratchlab.experiments import e13_control_groups
from scratchlab.experiments.runner import run
from scratchlab.labels import Names
from scratchlab.lab.session import Laboratory
run(Laboratory(connect("docker"), Names(limits=sys.argv[1])), ["E13"])
"""


def test_next_run_removes_containers_of_an_interrupted_run(
    lab_images: Names, engine: EngineClient, docker_client: docker.DockerClient
) -> None:
    command = [sys.executable, "-c", KILLED, lab_images.limits]
    before = _temporary(docker_client)
    victim = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(SCRIPTS)})
    until = time.monotonic() + 30
    while not (left := _temporary(docker_client) - before):
        assert time.monotonic() < until
    lab = Laboratory(engine, lab_images)
    lab.remove_leftovers()
    assert left <= _temporary(docker_client), "their owner was still running"
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    left |= _temporary(docker_client) - before
    lab.remove_leftovers()
    assert not left & _temporary(docker_client)
