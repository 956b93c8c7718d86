"""Predictions for podman that inspect does not show: masks, and its own writable directories."""

from __future__ import annotations

import pytest

from scratchlab.collect.host_facts import MASK_CANDIDATES
from scratchlab.judge.prediction import predict
from scratchlab.ledger import Ledger
from scratchlab.model import Container, Engine, Facts, Host, Json, Runtime

CPU = "/sys/devices/system/cpu/cpu0/thermal_throttle"


def predicted(version: str, rule: str, *options: str, **host_config: object) -> set[str]:
    inspect: Json = {
        "Config": {"CreateCommand": ["podman", "run", *options]},
        "HostConfig": host_config,
    }
    facts = Facts(
        host=Host(existing=frozenset((*MASK_CANDIDATES, CPU))),
        engine=Engine("podman", version),
        runtime=Runtime("crun", "1.21"),
        container=Container(inspect=inspect),
    )
    predictions = predict(facts, Ledger()).by_path.values()
    return {prediction.path for prediction in predictions if prediction.rule == rule}


def test_masks_depend_on_the_version() -> None:
    block, powercap = "/sys/dev/block", "/sys/devices/virtual/powercap"
    old, middle, new = (predicted(v, "masked-path") for v in ("4.3.1", "5.4.2", "5.8.6"))
    assert block in old
    assert powercap not in old
    assert middle - old == {powercap}
    assert old - middle == {block}
    assert new - middle == {"/proc/interrupts", CPU}


def test_asound_is_read_only_not_masked() -> None:
    assert "/proc/asound" in predicted("5.4.2", "readonly-path")
    assert "/proc/asound" not in predicted("5.4.2", "masked-path")


@pytest.mark.parametrize(
    "option",
    ["--security-opt=unmask=ALL", "--security-opt=mask=/proc/x", "--security-opt=label=nested"],
)
def test_no_mask_is_predicted_where_an_option_changes_the_lists(option: str) -> None:
    assert predicted("5.4.2", "masked-path", option) == set()


def test_a_privileged_container_has_no_read_only_paths() -> None:
    assert predicted("5.4.2", "readonly-path", Privileged=True) == set()


def test_a_container_of_the_api_shows_unmask_in_its_security_options() -> None:
    assert predicted("5.4.2", "masked-path", SecurityOpt=["unmask=all"]) == set()


def test_a_read_only_root_has_three_writable_directories_unless_an_option_says_no() -> None:
    directories = {"/run", "/tmp", "/var/tmp"}
    assert directories <= predicted("5.4.2", "engine-filesystem", ReadonlyRootfs=True)
    assert directories.isdisjoint(predicted("5.4.2", "engine-filesystem"))
    option = "--read-only-tmpfs=false"
    without = predicted("5.4.2", "engine-filesystem", option, ReadonlyRootfs=True)
    assert directories.isdisjoint(without)
