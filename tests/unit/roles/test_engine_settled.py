"""The tasks of docker_host that change something are left out only where all of them would be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests import ansible_environment

ROOT = Path(__file__).resolve().parents[3]
ENGINE = {
    "receipt": {"supervisor": "systemd"},
    "running": True,
    "dockerd": "/usr/sbin/dockerd",
    "enabled": True,
    "proxy": False,
    "installed": True,
    "package": "docker.io",
}
DAEMON = "/etc/docker/daemon.json"
JSON_FILES: dict[str, Any] = {DAEMON: {"sha256": {}, "recorded": None}}
MACHINE = {
    "engine": ENGINE,
    "mtu": 1500,
    "systemd": True,
    "unfinished": {},
    "interrupted": False,
    "apparmor_parser_missing": False,
    "json_files": JSON_FILES,
}


def engine(**fields: object) -> dict[str, Any]:
    """The machine with another engine."""
    return {**MACHINE, "engine": {**ENGINE, **fields}}


def adopted(**fields: object) -> dict[str, Any]:
    """A machine whose engine ran before the lab."""
    return engine(receipt={}, installed=False, enabled=False, **fields)


# Facts, variables, and whether nothing is to be done.
CASES: dict[str, tuple[dict[str, Any], dict[str, object], bool]] = {
    "as-the-lab-left-it": (MACHINE, {}, True),
    "adopted": (adopted(), {}, True),
    "adopted-and-damaged-json": (
        {**adopted(), "json_files": {DAEMON: {"sha256": None, "recorded": None}}},
        {},
        True,
    ),
    "damaged-json": (
        {**MACHINE, "json_files": {DAEMON: {"sha256": None, "recorded": None}}},
        {},
        False,
    ),
    "older-options": (
        {**MACHINE, "json_files": {DAEMON: {"sha256": {"mtu": "x"}, "recorded": ["mtu"]}}},
        {},
        False,
    ),
    "adopted-with-options-of-its-own": (adopted(proxy=True), {}, True),
    "bare": (engine(receipt={}, running=False, dockerd="", installed=False), {}, False),
    "stopped": (engine(running=False), {}, False),
    "not-enabled": (engine(enabled=False), {}, False),
    "not-enabled-and-not-to-be": (
        engine(enabled=False),
        {"docker_host_service_enabled": False},
        True,
    ),
    "not-to-be-enabled": (MACHINE, {"docker_host_service_enabled": False}, False),
    "no-systemd": ({**engine(enabled=False), "systemd": False}, {}, True),
    "half-installed": ({**MACHINE, "unfinished": {"docker.io": "iU"}}, {}, False),
    "installation-interrupted": ({**MACHINE, "interrupted": True}, {}, False),
    "proxy-wanted": (MACHINE, {"docker_host_proxy": {"http-proxy": "http://p"}}, False),
    "proxy-no-more": (engine(proxy=True), {}, False),
    "options-wanted": (MACHINE, {"docker_host_daemon_options": {"debug": True}}, False),
    "small-mtu": ({**MACHINE, "mtu": 1400}, {}, False),
    "users-wanted": (MACHINE, {"docker_host_users": ["ada"]}, False),
    "packages-of-another-role": (MACHINE, {"docker_host_packages_also": ["golang-go"]}, False),
    "engine-of-docker": (MACHINE, {"docker_host_source": "docker"}, False),
    "configured-in-this-run": (MACHINE, {"__docker_host_config": {"changed": False}}, False),
}


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What Ansible prints: for each case, a host that shows what the role's variable comes to."""
    role = {"role": "scratchlab.lab.docker_host", "when": False}  # its defaults and variables
    return ansible_environment.show_of_each(
        tmp_path_factory.mktemp("engine"),
        {name: {**variables, "found": found} for name, (found, variables, _) in CASES.items()},
        "{{ __docker_host_settled }}",
        {"lab_machine": "{{ found }}"},
        roles=[role],
    )


@pytest.mark.parametrize("case", CASES)
def test_the_engine_is_left_alone_only_where_nothing_is_to_be_done(case: str, output: str) -> None:
    assert f"{case}={CASES[case][2]}\n" in output, output
