"""Options that the facts show as set need no module, and whatever differs is set again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.scratchlab.lab.plugins.modules import lab_machine
from tests import ansible_environment

ROOT = Path(__file__).resolve().parents[3]
DAEMON, FACT = "/etc/docker/daemon.json", "/etc/ansible/facts.d/golang.fact"
GO = {"path": "/usr/bin/go", "version": "1.19.8"}
WRITTEN = {**GO, "method": "distribution"}
VARIABLES = {
    "docker_host_daemon_options": {"log-opts": {"max-size": "1m", "labels": "a"}},
    "docker_host_source": "distribution",
    "docker_host_plugins": [],
    "golang_method": "distribution",
    "golang_version": "1.24",
    "golang_packages": ["golang-go"],
    "golang_minimum_version": "1.18",
}
SET = {"mtu": 1400, "log-opts": {"labels": "a", "max-size": "1m"}}


def digests(content: Any) -> dict[str, str] | None:
    if content is None:
        return None
    texts = {key: json.dumps(value, sort_keys=True) for key, value in content.items()}
    return {key: hashlib.sha256(text.encode()).hexdigest() for key, text in texts.items()}


def machine(
    daemon: Any, recorded: Any = None, fact: Any = None, go: Any = None, ours: bool = True
) -> dict[str, Any]:
    """Facts of a machine with these two files."""
    return {
        "engine": {"receipt": {"from": "the lab"} if ours else {}, "dockerd": "/usr/sbin/dockerd"},
        "mtu": 1400,
        "go": go or GO,
        "unfinished": {},
        "json_files": {
            DAEMON: {"sha256": digests(daemon), "recorded": recorded},
            FACT: {"sha256": digests(fact or {}), "recorded": None},
        },
    }


# The facts, and whether daemon.json and Go's fact are as the roles would write them.
CASES = {
    "as-written": (machine(SET, ["log-opts", "mtu"], WRITTEN), True, True),
    "never-written": (machine({}), False, False),
    "another-value": (machine({**SET, "mtu": 1500}, ["log-opts", "mtu"]), False, False),
    "another-value-below": (machine({**SET, "log-opts": {"labels": "a"}}), False, False),
    "a-key-that-is-wanted-no-more": (machine(SET, ["debug", "log-opts", "mtu"]), False, False),
    "a-key-is-gone": (machine({"mtu": 1400}, ["log-opts", "mtu"]), False, False),
    "not-an-object": (machine(None, ["log-opts", "mtu"]), False, False),
    "another-owners-engine": (machine(SET, ["log-opts", "mtu"], ours=False), False, False),
    "another-go": (machine({}, fact={**WRITTEN, "version": "1.20"}), False, False),
    "another-method": (machine({}, fact={**WRITTEN, "method": "tarball"}), False, False),
    "no-go": (machine({}, go={"path": "", "version": ""}), False, False),
    "old-go": (
        machine({}, go={**GO, "version": "1.17"}, fact={**WRITTEN, "version": "1.17"}),
        False,
        False,
    ),
    "second-use-in-one-run": (machine(SET, ["log-opts", "mtu"], WRITTEN), False, False),
}


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What Ansible prints: for each case, a host that shows what its variables come to."""
    hosts: dict[str, Any] = {name: {"found": found} for name, (found, _, _) in CASES.items()}
    done = {"changed": False}
    hosts["second-use-in-one-run"] |= {"__docker_host_config": done, "__golang_written": done}
    return ansible_environment.show_of_each(
        tmp_path_factory.mktemp("settled"),
        hosts,
        "{{ __docker_host_configured }},{{ __golang_recorded }}",
        {"lab_machine": "{{ found }}", "lab_before": {"go": {"path": ""}}},
        vars=VARIABLES,
        vars_files=[f"{ROOT}/roles/{name}/vars/main.yml" for name in ("docker_host", "golang")],
    )


@pytest.mark.parametrize("case", CASES)
def test_the_module_is_skipped_only_where_nothing_is_to_be_done(case: str, output: str) -> None:
    _, configured, recorded = CASES[case]
    assert f"{case}={configured},{recorded}\n" in output, output


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, {}),
        ("{}", {}),
        ('{"mtu": 1400, "proxies": {"http-proxy": "http://u:p@x"}}', digests({"mtu": 1400})),
        ("[1]", None),
        ("{", None),
        ("", None),
        ("\0", None),
        ("[" * 100_000, None),
    ],
)
def test_a_file_with_options_is_a_fact_without_their_values(
    text: str | None, expected: dict[str, str] | None, tmp_path: Path
) -> None:
    file = tmp_path / "daemon.json"
    if text is not None:
        file.write_text(text)
    assert lab_machine.json_file(str(file), ["mtu", "log-opts"]) == {
        "sha256": expected,
        "recorded": None,
    }
