"""Permalinks lead to the file at the version that ran: its tag and its path then."""

from __future__ import annotations

import pytest

from scratchlab.judge.rules import RULES
from scratchlab.judge.rules.permalink import permalink
from scratchlab.judge.rules.rule import Citation
from scratchlab.model import Engine, Facts, Host, Runtime

INIT = "daemon/initlayer/setup_unix.go"


def facts(engine: str = "", version: str = "", **others: object) -> Facts:
    return Facts(engine=Engine(name=engine, version=version), **others)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("version", "tag"),
    [
        ("19.03.15", "v19.03.15"),
        ("19.03.0", "v19.03.0"),
        ("20.10.24+dfsg1", "v20.10.24"),
        ("23.0.1", "v23.0.1"),
        ("28.5.2", "v28.5.2"),
        ("29.0.0", "docker-v29.0.0"),
    ],
)
def test_tag_of_docker_is_spelt_as_in_its_repository(version: str, tag: str) -> None:
    source = permalink(RULES["docker-dockerenv"], facts("docker", version))
    assert source.url == f"https://github.com/moby/moby/blob/{tag}/{INIT}"
    assert source.symbol == "Setup"


@pytest.mark.parametrize("rule", ["podman-files", "podman-shm", "podman-user-files"])
@pytest.mark.parametrize(
    ("version", "file"),
    [
        ("4.0.0", "container_internal_linux.go"),
        ("4.2.1", "container_internal_linux.go"),
        ("4.3.0", "container_internal_common.go"),
        ("4.3.1+ds1", "container_internal_common.go"),
        ("5.4.2", "container_internal_common.go"),
    ],
)
def test_file_of_podman_is_the_one_of_its_version(rule: str, version: str, file: str) -> None:
    numbers = version.partition("+")[0]
    url = permalink(RULES[rule], facts("podman", version)).url
    assert url == f"https://github.com/containers/podman/blob/v{numbers}/libpod/{file}"


def test_without_a_version_the_newest_path_is_named() -> None:
    moved = Citation("containers/podman", "old.go", "", (((4,), "new.go"), ((5,), "newest.go")))
    assert moved.permalink(()) == "https://github.com/containers/podman/blob/HEAD/newest.go"
    assert moved.permalink((3, 9)) == "https://github.com/containers/podman/blob/v3.9/old.go"
    assert moved.permalink((4, 0)) == "https://github.com/containers/podman/blob/v4.0/new.go"
    assert moved.permalink((5, 1)) == "https://github.com/containers/podman/blob/v5.1/newest.go"


def test_file_of_docker_that_moved_below_daemon() -> None:
    rule = RULES["docker-network-files"]
    file = "container/container_unix.go"
    assert permalink(rule, facts("docker", "28.5.2")).url.endswith(f"/v28.5.2/{file}")
    assert permalink(rule, facts("docker", "29.0.0")).url.endswith(f"/docker-v29.0.0/daemon/{file}")


def test_rule_of_runtimes_names_the_one_that_ran() -> None:
    rule = RULES["oci-device"]
    runc = permalink(rule, facts(runtime=Runtime("runc", "1.1.5+ds1")))
    assert runc.url.startswith("https://github.com/opencontainers/runc/blob/v1.1.5/")
    assert runc.symbol == "AllowedDevices"
    crun = permalink(rule, facts(runtime=Runtime("crun", "1.21")))
    assert crun.url == "https://github.com/containers/crun/blob/1.21/src/libcrun/linux.c"
    assert crun.symbol == "needed_devs"
    neither = permalink(rule, facts(runtime=Runtime("runsc", "1")))
    assert neither.url.startswith("https://github.com/opencontainers/runc/blob/HEAD/")


def test_kernel_is_named_by_its_series() -> None:
    rule = RULES["devpts-node"]
    url = permalink(rule, facts(host=Host(kernel="6.12.38+deb13-amd64"))).url
    assert url == "https://github.com/torvalds/linux/blob/v6.12/fs/devpts/inode.c"


def test_snapshotter_is_named_by_the_version_of_containerd() -> None:
    rule = RULES["docker-root-snapshot"]
    for version, path in (("1.7.24", "snapshots"), ("v2.1.0", "plugins/snapshots")):
        engine = Engine(name="docker", version="28.0.0", containerd_version=version)
        url = permalink(rule, Facts(engine=engine)).url
        tag = version.removeprefix("v")
        file = f"{path}/overlay/overlay.go"
        assert url == f"https://github.com/containerd/containerd/blob/v{tag}/{file}"
