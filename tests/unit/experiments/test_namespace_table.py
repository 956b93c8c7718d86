"""The expected namespaces, by engine, version, cgroup version and option."""

from __future__ import annotations

import pytest

from scratchlab.experiments.e14_namespace_table import (
    OPTIONS,
    expected_namespaces,
    options_to_try,
)

SIX = {"ipc", "mnt", "net", "pid", "uts"}
BY_TEXT = {option.text: option for option in OPTIONS}


@pytest.mark.parametrize(
    ("engine", "version", "cgroup", "security", "more"),
    [
        ("docker", "19.03.15", 2, (), set()),
        ("docker", "20.10.24+dfsg1", 1, ("name=seccomp,profile=default",), set()),
        ("docker", "20.10.24+dfsg1", 1, ("name=cgroupns",), {"cgroup"}),
        ("docker", "20.10.24+dfsg1", 2, (), {"cgroup"}),
        ("docker", "26.1.5", 1, ("name=userns",), {"user"}),
        ("docker", "20.10.24", 1, ("userns",), {"user"}),
        ("docker", "29.4.9", 2, (), {"cgroup"}),
        ("docker", "29.5.0", 1, (), {"time"}),
        ("docker", "30.0.0", 2, ("name=userns", "name=cgroupns"), {"cgroup", "user", "time"}),
        ("podman", "4.3.1", 1, (), set()),
        ("podman", "5.4.2", 2, (), {"cgroup"}),
    ],
)
def test_namespaces_without_options(
    engine: str, version: str, cgroup: int, security: tuple[str, ...], more: set[str]
) -> None:
    private = expected_namespaces(
        BY_TEXT[""], engine=engine, version=version, cgroup=cgroup, security=security
    )
    assert set(private) == SIX | {"cgroup", "time", "user"}
    assert {kind for kind, own in private.items() if own} == SIX | more


@pytest.mark.parametrize(
    ("option", "kind", "private"),
    [
        ("--network host", "net", False),
        ("--pid host", "pid", False),
        ("--ipc host", "ipc", False),
        ("--uts host", "uts", False),
        ("--cgroupns host", "cgroup", False),
        ("--cgroupns private", "cgroup", True),
        ("--userns host", "user", False),
    ],
)
def test_option_changes_one_kind_only(option: str, kind: str, private: bool) -> None:
    security = ("name=userns", "name=cgroupns") if not private else ()
    with_option, without = (
        expected_namespaces(
            BY_TEXT[text], engine="docker", version="20.10", cgroup=1, security=security
        )
        for text in (option, "")
    )
    assert with_option == {**without, kind: private}
    assert without[kind] is not private


def test_userns_host_is_tried_only_with_userns_remap() -> None:
    assert BY_TEXT["--userns host"] in options_to_try("docker", ["name=userns"])
    assert BY_TEXT["--userns host"] not in options_to_try(
        "docker", ["name=seccomp,profile=default"]
    )
