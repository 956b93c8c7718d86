"""What podman promises and inspect does not tell: masks, and writable directories of its own."""

from __future__ import annotations

import pytest

from scratchlab.collect.facts import CANDIDATES
from scratchlab.judge.prediction import predict
from scratchlab.ledger import Ledger
from scratchlab.model import Container, Engine, Facts, Host, Json, Runtime

CPU = "/sys/devices/system/cpu/cpu0/thermal_throttle"


def promised(version: str, rule: str, *options: str, **host_config: object) -> set[str]:
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
    found = predict(facts, Ledger()).predictions.values()
    return {one.path for one in found if one.rule == rule}


def test_what_is_masked_changes_with_the_version() -> None:
    block, powercap = "/sys/dev/block", "/sys/devices/virtual/powercap"
    old, middle, new = (promised(one, "masked-path") for one in ("4.3.1", "5.4.2", "5.8.6"))
    assert block in old
    assert powercap not in old
    assert middle - old == {powercap}
    assert old - middle == {block}
    assert new - middle == {"/proc/interrupts", CPU}


def test_paths_are_read_only_that_docker_masks() -> None:
    assert "/proc/asound" in promised("5.4.2", "readonly-path")
    assert "/proc/asound" not in promised("5.4.2", "masked-path")


@pytest.mark.parametrize(
    "option",
    ["--security-opt=unmask=ALL", "--security-opt=mask=/proc/x", "--security-opt=label=nested"],
)
def test_nothing_is_foreseen_where_an_option_changes_the_lists(option: str) -> None:
    assert promised("5.4.2", "masked-path", option) == set()


def test_a_privileged_container_has_none() -> None:
    assert promised("5.4.2", "readonly-path", Privileged=True) == set()


def test_an_api_s_container_tells_only_that_nothing_is_masked() -> None:
    assert promised("5.4.2", "masked-path", SecurityOpt=["unmask=all"]) == set()


def test_a_read_only_root_has_three_writable_directories_unless_told_not_to() -> None:
    directories = {"/run", "/tmp", "/var/tmp"}
    assert directories <= promised("5.4.2", "engine-filesystem", ReadonlyRootfs=True)
    assert directories.isdisjoint(promised("5.4.2", "engine-filesystem"))
    told = promised(
        "5.4.2", "engine-filesystem", "--read-only-tmpfs=false", ReadonlyRootfs=True
    )  # fmt: skip
    assert directories.isdisjoint(told)
