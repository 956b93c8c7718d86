"""Containers of a merged-/usr image as people run them, and tampered ones: what is found in each.

The evidence is that of make_evidence.py; merged_usr.toml says what is to be found in it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.judge.make_evidence import CASES

from scratchlab.evidence import EvidenceSet
from scratchlab.judge import judge
from scratchlab.judge.prediction import predict
from scratchlab.model import Finding, Status
from scratchlab.report.build import build

Saved = Callable[[str], EvidenceSet]
PREFIX = "docker-20.10.24-merged-usr-"
EXPECTED: dict[str, dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("merged_usr.toml").read_text()
)
AS_PREDICTED = ("agrees", "none")


def found(evidence: EvidenceSet) -> dict[str, Any]:
    """Status, origins, ghosts and sentences, as merged_usr.toml has them."""
    judgement = judge(evidence, predict(evidence.facts, evidence.image))
    mounts: dict[str, list[str]] = {}
    for item in judgement.mounts:
        mounts.setdefault(item.mount.target, []).append(str(item.origin))
    sentences = {item.mount.target: item.prediction for item in judgement.mounts}
    sentences |= {item.path: item.prediction for item in judgement.findings}
    return {
        "status": int(build(evidence, judgement).head["verdict"]["status"]),
        "entries": {item.path: str(item.origin) for item in judgement.findings},
        "mounts": {target: ", ".join(origins) for target, origins in mounts.items()},
        "ghosts": {item.path: f"{item.kind} {item.origin}" for item in judgement.ghosts},
        "sentences": {
            path: sentence for path, sentence in sentences.items() if sentence not in AS_PREDICTED
        },
    }


def different(one: dict[str, str], other: dict[str, str]) -> dict[str, str]:
    """What ``one`` has and ``other`` does not; the empty string for what only ``other`` has."""
    new = {path: value for path, value in one.items() if other.get(path) != value}
    return new | {path: "" for path in other if path not in one}


def below(findings: Iterable[Finding], directory: str) -> list[Finding]:
    return [finding for finding in findings if finding.path.startswith(f"{directory}/")]


def test_every_case_is_expected_to_hold_something() -> None:
    assert sorted(CASES) == sorted(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_what_is_found_is_what_was_done(saved: Saved, name: str) -> None:
    plain, this = found(saved(f"{PREFIX}plain")), found(saved(f"{PREFIX}{name}"))
    expected = EXPECTED[name]
    assert this["status"] == expected["status"]
    for section in ("entries", "mounts", "ghosts"):
        differences = different(this[section], plain[section])
        if name == "hosts-own-mounts":  # the host's /dev: all of it is the user's
            differences = {
                path: found
                for path, found in differences.items()
                if section == "mounts" or not path.startswith("/dev/")
            }
        assert differences == expected.get(section, {}), section
    assert this["sentences"] == expected.get("sentences", {})


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_finding_and_every_mount_has_its_evidence(saved: Saved, name: str) -> None:
    evidence = saved(f"{PREFIX}{name}")
    judgement = judge(evidence, predict(evidence.facts, evidence.image))
    without = [item.path for item in judgement.findings if not item.evidence]
    missing = [item.path for item in judgement.findings if item.status is Status.MISSING]
    assert without == missing
    assert [item.mount.target for item in judgement.mounts if not item.evidence] == []
    assert judgement.problems == ()


def test_what_lies_on_the_hosts_dev_is_the_users(saved: Saved) -> None:
    evidence = saved(f"{PREFIX}hosts-own-mounts")
    findings = below(judge(evidence, predict(evidence.facts, evidence.image)).findings, "/dev")
    assert len(findings) > 50
    assert {str(finding.origin) for finding in findings} == {"user-data", "user-mount"}


@pytest.mark.parametrize(
    "case",
    [
        "plain",
        "volume-changed",
        "host-mounts-below",
        "hosts-written",
        "opaque-and-whiteouts",
        "search-line",
    ],
)
def test_a_debug_container_finds_what_the_host_finds(saved: Saved, case: str) -> None:
    host, debug = EXPECTED[case], EXPECTED[f"debug-{case}"]
    init = {"/usr/sbin/docker-init"}  # debug-volume-changed has --init
    for section in ("entries", "mounts", "ghosts", "sentences"):
        seen = {path: item for path, item in debug.get(section, {}).items() if path not in init}
        assert seen == host.get(section, {})
