"""Changed, moved and mounted since the start: what that proves, and what stays as it was."""

from __future__ import annotations

import pytest
from tests.unit.judge.handmade import (
    BIND,
    ROOT,
    bind,
    bound,
    config,
    directory,
    facts,
    finding,
    judged,
    listed,
    mount,
    source,
)

from scratchlab.judge.mount_origins import MountOrigins
from scratchlab.judge.prediction import predict
from scratchlab.ledger import Ledger
from scratchlab.model import Origin

# A tmpfs whose top was changed since the start is still the mount that was predicted.


def test_change_of_its_mode_does_not_contradict_the_prediction_of_the_mount() -> None:
    found = facts(
        mount(9, "/run", super_options=("rw", "mode=755")),
        config=config(listed("/run")),
        inspect={"HostConfig": {"Tmpfs": {"/run": ""}}},
    )
    live = directory("/run", 9, mode=0o711)
    shown = finding(judged(found, live, predictions=predict(found, Ledger())), "/run")
    assert (shown.origin, shown.prediction) == (Origin.WRITTEN_LATER, "agrees")


# A tmpfs whose top was changed, and that was mounted again with other options.


def test_both_are_told() -> None:
    found = facts(
        mount(9, "/run"), config=config(listed("/run", "tmpfs", "tmpfs", "ro")),
        inspect={"HostConfig": {"Tmpfs": {"/run": "ro"}}},
    )  # fmt: skip
    shown = finding(judged(found, directory("/run", 9, mode=0o711)), "/run")
    assert shown.origin is Origin.WRITTEN_LATER
    assert shown.prediction == "oci-config asks for ro, and mountinfo shows rw"


# A directory of the image that was removed and made again, in a user namespace.


@pytest.mark.parametrize(
    ("unmerged", "origin"),
    [(frozenset({"/o"}), Origin.WRITTEN_LATER), (frozenset(), Origin.IMAGE_LAYER)],
)
def test_its_owner_is_the_images_by_the_containers_ids(
    unmerged: frozenset[str], origin: Origin
) -> None:
    found = facts(changes={"/o": "changed"}, unmerged=unmerged, uid_map=((0, 100_000, 65_536),))
    live = directory("/o", ROOT.id, uid=100_000, gid=100_000)
    image = [directory("/o", layer=0)]
    judgement = judged(found, live, image=image, init=None, writable=None)
    assert finding(judgement, "/o").origin is origin


# Mounts that were moved: a kernel since 6.8 lists mounts by age, so one above may come first.


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
