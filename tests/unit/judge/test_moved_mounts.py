"""Mounts that were moved: a kernel since 6.8 lists mounts by age, so one above may come first."""

from __future__ import annotations

from tests.unit.judge.handmade import BIND, ROOT, bind, bound, config, facts, mount, source

from scratchlab.judge.mount_origins import MountOrigins
from scratchlab.ledger import Ledger


def test_bind_that_is_listed_after_what_was_moved_onto_it_is_found() -> None:
    moved = mount(5, "/data/moved", parent=10)
    data = bound(10, "/data", root="/src")
    above = mount(11, "/data/moved/x", parent=5)
    found = facts(
        moved, data, above, config=config(bind("/data", "/src")), inspect={"Mounts": [BIND]},
        sources=(source("/src", 10),), host_mounts=(),
    )  # fmt: skip
    origins = MountOrigins(found, Ledger(), ROOT.id)
    assert origins.user_bind_above(above) == data
