"""What is promised of namespaces, by engine, version, cgroup version and option."""

from __future__ import annotations

import pytest

from scratchlab.experiments.e14_namespace_table import OPTIONS, options, promise

SIX = {"ipc", "mnt", "net", "pid", "uts"}
BY_TEXT = {option.text: option for option in OPTIONS}


@pytest.mark.parametrize(
    ("engine", "version", "cgroup", "security", "also"),
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
def test_without_options(
    engine: str, version: str, cgroup: int, security: tuple[str, ...], also: set[str]
) -> None:
    found = promise(BY_TEXT[""], engine=engine, version=version, cgroup=cgroup, security=security)
    assert set(found) == SIX | {"cgroup", "time", "user"}
    assert {kind for kind, private in found.items() if private} == SIX | also


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
def test_an_option_moves_one_kind_and_no_other(option: str, kind: str, private: bool) -> None:
    def ask(text: str) -> dict[str, bool]:
        here = ("name=userns", "name=cgroupns") if not private else ()
        return promise(BY_TEXT[text], engine="docker", version="20.10", cgroup=1, security=here)

    assert ask(option) == {**ask(""), kind: private}
    assert ask("")[kind] is not private


def test_userns_host_is_tried_only_where_there_is_something_to_switch_off() -> None:
    assert BY_TEXT["--userns host"] in options("docker", ["name=userns"])
    assert BY_TEXT["--userns host"] not in options("docker", ["name=seccomp,profile=default"])
