"""Why apt failed: the judgement of what apt and dpkg really printed, on three releases.

``printed/*.json`` was captured in system containers, each of which was put into the state that the
name says; ``Get:``, ``Unpacking`` and the like were cut.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.scratchlab.lab.plugins.module_utils import apt_causes

PRINTED = Path(__file__).with_name("printed")
# What the sentence names, and what its remedy begins with.
EXPECTED = {
    "all-dead": ("Could not resolve 'dead.example.org'", "check the network"),
    "clock": ("is not valid yet (invalid for another 2383d", "set the clock of this machine"),
    "containerd.io": ("containerd.io is installed", "apt-get remove containerd.io (or "),
    "dead-third-party": ("golang-99-go; http://dead.example.org/debian", "check the network"),
    "docker-ce-cli": ("docker-ce-cli is installed", "apt-get remove docker-ce-cli (or "),
    "foreign-postinst": (
        "dpkg cannot finish vendor-agent: its post",
        "dpkg --configure -a shows it again; fix that, or remove the package: "
        "dpkg --purge vendor-agent",
    ),
    "foreign-postinst-again": ("no licence key", "dpkg --configure -a"),
    "full": ("no space left", "make room"),
    "held": ("docker.io is held", "apt-mark unhold docker.io"),
    "interrupted": ("an earlier dpkg was interrupted", "dpkg --configure -a"),
    "locked": ("python3 is installing packages", "wait until it ends (ps 10390)"),
    "malformed": ("dead.list is not a list of sources: its line 1", "correct or remove /etc/apt/"),
    "malformed-deb822": ("dead.sources is not a list of sources", "correct or remove /etc/apt/"),
    "no-release-file": ("http://deb.debian.org/nothing/dists/bookworm/InRelease: 400", "check"),
    "no-sources": ("no source of this machine has docker.io", "add the distribution's own"),
    "overwrite": (
        "/usr/bin/docker belongs to the package my-docker, and docker.io has that file too",
        "apt-get remove my-docker",
    ),
    "pinned": ("docker.io is pinned", "grep -r docker.io /etc/apt/preferences"),
    "pinned-dependency": ("runc ", ""),
    "podman-docker": ("podman-docker is installed", "apt-get remove podman-docker (podman itself"),
    "refused": ("http://127.0.0.1:9/debian/dists/bookworm/InRelease: Could not connect", "check"),
    "reinstreq-foreign": ("vendor-thing is half installed", "dpkg --remove --force-remove-rein"),
    "signed-by-conflict": (
        "http://deb.debian.org/debian/ bookworm is configured twice, with different Signed-By",
        "remove one of the two: grep -r -e /usr/share/keyrings/",
    ),
    "unknown": ("no source of this machine has golang-99-go", "add the distribution's own"),
    "unmet-foreign": (
        "vendor-needy is installed without libnothing",
        "apt-get --fix-broken install, or apt-get remove vendor-needy",
    ),
    "unsigned": ("file:/root/repo: is not signed", "correct or remove that source"),
}


def printed(name: str) -> Any:
    """A run of apt as it was captured."""
    document = json.loads((PRINTED / f"{name}.json").read_text())
    return apt_causes.Run(*(document[field] for field in apt_causes.Run._fields))


CASES = sorted(path.stem for path in PRINTED.glob("*.json"))


@pytest.mark.parametrize("name", CASES)
def test_cause_names_what_is_in_the_way_and_the_command(name: str) -> None:
    what, remedy = EXPECTED[name.partition("-")[2]]
    cause = apt_causes.find(printed(name))
    assert what in cause.what
    assert cause.remedy.startswith(remedy)


def test_every_expectation_was_captured() -> None:
    assert {name.partition("-")[2] for name in CASES} == set(EXPECTED)


@pytest.mark.parametrize("name", CASES)
def test_only_a_source_that_does_not_answer_is_blamed_on_the_network(name: str) -> None:
    network = {"all-dead", "dead-third-party", "no-release-file", "refused"}
    cause = apt_causes.find(printed(name))
    assert ("network" in cause.remedy) == (name.partition("-")[2] in network)


def test_pinned_dependency_is_named_where_its_policy_is_known() -> None:
    run = printed("bookworm-pinned-dependency")
    assert apt_causes.find(run).what.startswith("runc is pinned")
    assert "runc" in apt_causes.named(run)
    unknown = apt_causes.find(run._replace(policy=""))
    assert "Depends: runc (>= 1.0.0~rc8~) but it is not installable" in unknown.what


def test_what_no_pattern_matches_is_quoted() -> None:
    run = apt_causes.Run(["docker.io"], "", "", "E: something new\n", "")
    cause = apt_causes.find(run)
    assert cause.what == "E: something new"
    assert cause.remedy == "apt-get install docker.io on this machine shows all of it; fix that"


def test_every_pattern_has_its_source() -> None:
    assert all(
        ".cc" in where or "dpkg: " in where or "errno" in where for _, where, _ in apt_causes.TABLE
    )


@pytest.mark.parametrize(
    ("state", "complete"),
    [
        ("ii", True), ("hi", True), ("ri", True), ("iW", True), ("it", True), ("iU", False),
        ("iF", False), ("iH", False), ("iHR", False), ("rc", False), ("un", False), ("hn", False),
    ],
)  # fmt: skip
def test_state_of_dpkg_tells_whether_a_package_works(state: str, complete: bool) -> None:
    assert apt_causes.complete(state) is complete


def test_half_installed_package_is_named_with_the_command() -> None:
    assert apt_causes.half_installed("docker.io", "iU").remedy.startswith("dpkg --configure -a")
    again = apt_causes.half_installed("docker.io", "iHR")
    assert again.what == "docker.io is half installed (dpkg: iHR)"
    assert again.remedy == "apt-get update && apt-get install --reinstall docker.io"


def test_policy_is_read_with_pins_and_sources() -> None:
    known = apt_causes.versions(printed("bookworm-pinned").policy)
    assert known["docker.io"] == [
        (
            "20.10.24+dfsg1-1+deb12u1+b6",
            -1,
            ["http://deb.debian.org/debian bookworm/main amd64 Packages"],
        )
    ]
    assert known["iptables"][0][:2] == ("1.8.9-2", 500)
