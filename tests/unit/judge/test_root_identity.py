"""The root is the engine's if the engine has it where it says: not because it is a root."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.judge.handmade import ROOT, causes, facts

from scratchlab.model import Layers, Mount, Origin

MERGED = "/var/lib/docker/overlay2/a/merged"
DATA = {"GraphDriver": {"Data": {"MergedDir": MERGED}}}
HOSTS = replace(ROOT, id=99, target=MERGED)


def root(host_mounts: tuple[Mount, ...] | None, own: Mount = ROOT, **changes: Any) -> Origin:
    asked = facts(host_mounts=host_mounts, inspect=DATA, **changes)
    return causes(replace(asked, mounts=(own,)))[ROOT.id].origin


def test_the_root_that_the_engine_mounted_is_the_storage_drivers() -> None:
    assert root((HOSTS,)) is Origin.STORAGE_DRIVER
    assert root(None) is Origin.STORAGE_DRIVER


@pytest.mark.parametrize(
    "host",
    [
        (),
        (replace(HOSTS, device=(0, 77)),),
        (replace(HOSTS, root="/inner"),),
        (replace(HOSTS, target="/var/lib/docker/overlay2/b/merged"),),
    ],
)
def test_a_root_that_the_engine_does_not_have_is_not_its(host: tuple[Mount, ...]) -> None:
    assert root(host) is not Origin.STORAGE_DRIVER


def test_a_root_that_is_a_directory_of_the_engines_is_the_storage_drivers() -> None:
    plain = replace(ROOT, fstype="ext4", root=MERGED)
    assert root((), plain) is Origin.STORAGE_DRIVER
    assert root((), replace(plain, root="/elsewhere")) is not Origin.STORAGE_DRIVER


def test_the_evidence_names_the_place() -> None:
    def details(host_mounts: tuple[Mount, ...], **changes: Any) -> list[str]:
        asked = facts(host_mounts=host_mounts, **({"inspect": DATA} | changes))
        own = replace(ROOT, fstype="ext4", root=MERGED)
        asked = replace(asked, mounts=(own if changes.get("inspect") is None else ROOT,))
        return [item.detail for item in causes(asked)[ROOT.id].evidence][:1]

    assert details(()) == [f"the engine keeps it in {MERGED}"]
    lacks = "the engine's mount namespace does not have this root on"
    assert details((), inspect={}) == [f"{lacks} a place that is not known"]
    config = {"root": {"path": "/b/rootfs"}}
    found = details((), inspect=DATA, config=config)
    assert found == [f"{lacks} {MERGED}, /b/rootfs"]


BUNDLE = "/run/containerd/io.containerd.runtime.v2.task/moby/c0ffee"


@pytest.mark.parametrize(
    ("path", "target", "found"),
    [
        ("rootfs", f"{BUNDLE}/rootfs", True),
        ("/elsewhere/a/rootfs", "/elsewhere/a/rootfs", True),
        ("rootfs", BUNDLE, False),
        ("", BUNDLE, False),
    ],
)
def test_the_root_may_be_mounted_where_the_runtimes_configuration_says(
    path: str, target: str, found: bool
) -> None:
    asked = facts(host_mounts=(replace(HOSTS, target=target),), config={"root": {"path": path}})
    container = replace(asked.container, oci_config_path=f"{BUNDLE}/config.json")
    cause = causes(replace(asked, container=container))[ROOT.id]
    assert (cause.origin is Origin.STORAGE_DRIVER) is found


def test_the_root_may_be_the_directory_of_the_writable_layer() -> None:
    own = replace(ROOT, fstype="ext4", root="/vfs/dir/c0ffee")
    layers = Layers("vfs", (), None, "/var/lib/docker/vfs/dir/c0ffee")
    assert root((), own, layers=layers) is Origin.STORAGE_DRIVER
    assert root((), own, layers=Layers()) is not Origin.STORAGE_DRIVER


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (MERGED, True),
        (f"/mnt/disk{MERGED.removeprefix('/var/lib/docker')}", True),  # /var/lib/docker: a link
        ("/overlay2/a/merged", True),
        ("/other/a/merged", False),
        ("/a/merged", False),
        ("/merged", False),
    ],
)
def test_the_beginning_of_a_name_may_be_a_link(target: str, found: bool) -> None:
    assert (root((replace(HOSTS, target=target),)) is Origin.STORAGE_DRIVER) is found


@pytest.mark.parametrize(
    ("fstype", "driver", "found"),
    [
        ("overlay", "overlay2", False),
        ("fuse.fuse-overlayfs", "overlay", False),
        ("overlay", "vfs", True),  # an engine whose own machine is a container
        ("ext4", "overlay2", True),
    ],
)
def test_a_directory_that_a_process_named_like_the_root_is_not_it(
    fstype: str, driver: str, found: bool
) -> None:
    """A process knows its own root's path, and can make one like it inside and move into it."""
    own = replace(ROOT, fstype=fstype, root="/overlay2/a/merged")
    origin = root((), own, layers=Layers(driver))
    assert (origin is Origin.STORAGE_DRIVER) is found
