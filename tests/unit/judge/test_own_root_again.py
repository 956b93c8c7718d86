"""A bind of the host's root shows the container's own root again, with what is mounted in it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.judge.handmade import (
    DEV,
    INSIDE,
    PROC,
    ROOT,
    USERS,
    bind,
    bound,
    causes,
    config,
    facts,
    listed,
    mount,
    origin,
    source,
)

from scratchlab.model import Facts

MERGED = "/var/lib/docker/overlay2/id/merged"
AGAIN = mount(30, f"/host{MERGED}/dev", device=DEV.device, parent=20)


def bound_root(again: Any = AGAIN, *options: str, merged: str = MERGED) -> Facts:
    """Facts of a container with -v /:/host, where ``again`` is mounted, too."""
    return facts(
        PROC, DEV, bound(20, "/host", root="/"), again,
        config=config(listed("/proc", "proc"), listed("/dev"), bind("/host", "/", *options)),
        inspect={
            "Mounts": [{"Type": "bind", "Source": "/", "Destination": "/host"}],
            "GraphDriver": {"Data": {"MergedDir": merged}},
        },
        sources=(source("/", 20),),
        host_mounts=(),
    )  # fmt: skip


def test_what_was_mounted_in_the_root_before_the_bind_came_along() -> None:
    assert origin(bound_root(), 30) == USERS
    proofs = [proof.detail for proof in causes(bound_root())[30].evidence]
    assert "the bind shows the container's own root, with /dev" in proofs
    assert origin(bound_root(merged=f"{MERGED}/"), 30) == USERS


def test_the_root_itself_came_along_where_the_runtime_had_bound_it() -> None:
    """As of storage drivers that have no mount of their own for a root, such as vfs (runc v1.1.5
    libcontainer/rootfs_linux.go prepareRoot())."""
    found = bound_root(mount(30, f"/host{MERGED}", "overlay", device=ROOT.device, parent=20))
    assert origin(found, 30) == USERS
    proofs = [proof.detail for proof in causes(found)[30].evidence]
    assert "the bind shows the container's own root, with /" in proofs
    other = bound_root(mount(30, f"/host{MERGED}", "overlay", device=(0, 99), parent=20))
    assert origin(other, 30) == INSIDE


@pytest.mark.parametrize(
    ("again", "options", "merged"),
    [
        (mount(30, f"/host{MERGED}/dev", parent=20), (), MERGED),  # another filesystem
        (mount(30, f"/host{MERGED}/sys", device=DEV.device, parent=20), (), MERGED),
        (mount(30, "/host/elsewhere/dev", device=DEV.device, parent=20), (), MERGED),
        (AGAIN, ("bind",), MERGED),  # without what is mounted below
        (AGAIN, (), ""),  # where the root lies is not known
    ],
)
def test_anything_else_did_not(again: Any, options: tuple[str, ...], merged: str) -> None:
    assert origin(bound_root(again, *options, merged=merged), 30) == INSIDE
