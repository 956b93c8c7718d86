"""What ./lab check says of a distribution, and of a repository of another vendor."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.scratchlab.lab.plugins.module_utils import lab_probe
from ansible_collections.scratchlab.lab.plugins.modules import lab_readiness

DEBIAN = {"id": "debian", "version": "13", "codename": "trixie", "name": "Debian GNU/Linux 13"}
UBUNTU = {"id": "ubuntu", "version": "24.04", "codename": "noble", "name": "Ubuntu 24.04.1 LTS"}
MINT = {"id": "linuxmint", "version": "22", "codename": "wilma", "name": "Linux Mint 22"}
OWN = lab_readiness.answer("mirror", True, "http://mirror.example answers", "")


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Any:
    def set_to(fields: dict[str, str]) -> None:
        monkeypatch.setattr(lab_probe, "distribution", lambda: fields)

    return set_to


@pytest.mark.parametrize(
    ("fields", "observed"),
    [
        (DEBIAN, "Debian GNU/Linux 13"),
        (DEBIAN | {"codename": "bullseye", "name": "Debian 11"}, "Debian 11: not measured here"),
        (UBUNTU, "Ubuntu 24.04.1 LTS: not measured here"),
        (MINT, "Linux Mint 22: not measured here"),
        (dict.fromkeys(DEBIAN, ""), "this distribution: not measured here"),
    ],
    ids=["measured", "older", "ubuntu", "derivative", "unknown"],
)
def test_what_was_not_measured_is_said_and_is_no_obstacle(
    on: Any, fields: dict[str, str], observed: str
) -> None:
    on(fields)
    said = lab_readiness.distribution()
    assert (said["ready"], said["observed"]) == (True, observed)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://download.example/linux/", "https://download.example/linux/ubuntu/dists/noble/"),
        ("https://mirror.example/docker", "https://mirror.example/docker/dists/noble/"),
    ],
)
def test_repository_of_the_distribution_is_asked(
    on: Any, monkeypatch: pytest.MonkeyPatch, url: str, asked: str
) -> None:
    on(UBUNTU)
    uris: list[str] = []

    def answers(uri: str) -> str:
        uris.append(uri)
        return ""

    monkeypatch.setattr(lab_readiness, "unreachable", answers)
    said = lab_readiness.both(OWN, ["docker-ce"], url)
    assert uris == [f"{asked}InRelease"]
    assert said["ready"]
    assert said["observed"] == f"http://mirror.example answers; {asked}InRelease answers"


def test_repository_that_does_not_answer_is_an_obstacle(
    on: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(DEBIAN)
    monkeypatch.setattr(lab_readiness, "unreachable", lambda _: "404 Not Found")
    said = lab_readiness.both(OWN, ["docker-ce"], "https://mirror.example/docker")
    assert not said["ready"]
    assert said["observed"].endswith("does not answer: 404 Not Found")
    assert "docker_host_repository" in said["help"]
    assert lab_readiness.both(OWN, [], "https://mirror.example/docker") == OWN
