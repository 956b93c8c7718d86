"""What podman promises: its lists of masked and read-only paths, which inspect does not tell."""

from __future__ import annotations

import pytest

from scratchlab.collect.host import CANDIDATES
from scratchlab.judge.predict import predict
from scratchlab.ledger import Ledger
from scratchlab.model import Container, Engine, Facts, Host, Json, Runtime

CPU = "/sys/devices/system/cpu/cpu0/thermal_throttle"


def masks(version: str, rule: str, *options: str, **host_config: bool) -> set[str]:
    inspect: Json = {
        "Config": {"CreateCommand": ["podman", "run", *options]},
        "HostConfig": host_config,
    }
    facts = Facts(
        host=Host(existing=frozenset((*CANDIDATES, CPU))),
        engine=Engine("podman", version),
        runtime=Runtime("crun", "1.21"),
        container=Container(inspect=inspect),
    )
    promised = predict(facts, Ledger()).predictions.values()
    return {one.path for one in promised if one.rule == rule}


def test_what_is_masked_changes_with_the_version() -> None:
    block, powercap = "/sys/dev/block", "/sys/devices/virtual/powercap"
    old, middle, new = (masks(one, "masked-path") for one in ("4.3.1", "5.4.2", "5.8.6"))
    assert block in old
    assert powercap not in old
    assert middle - old == {powercap}
    assert old - middle == {block}
    assert new - middle == {"/proc/interrupts", CPU}


def test_paths_are_read_only_that_docker_masks() -> None:
    assert "/proc/asound" in masks("5.4.2", "readonly-path")
    assert "/proc/asound" not in masks("5.4.2", "masked-path")


@pytest.mark.parametrize(
    "option",
    ["--security-opt=unmask=ALL", "--security-opt=mask=/proc/x", "--security-opt=label=nested"],
)
def test_nothing_is_foreseen_where_an_option_changes_the_lists(option: str) -> None:
    assert masks("5.4.2", "masked-path", option) == set()


def test_a_privileged_container_has_none() -> None:
    assert masks("5.4.2", "readonly-path", Privileged=True) == set()
