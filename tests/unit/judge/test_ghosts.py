"""Ghosts: what hides an entry of the image, and hard links that copy-up parted."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.judge.handmade import (
    ROOT,
    bind,
    bound,
    config,
    directory,
    facts,
    file,
    finding,
    judged,
    link,
    listed,
    mount,
)

from scratchlab.evidence import EvidenceSet
from scratchlab.judge.hard_links import HardLinks
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Layers, Origin, Status

LAYERS = Layers("overlay2", (), "/l/init", "/l/upper")
ON_ROOT = ROOT.id


# Ghosts:


def ghosts(*live: Entry, image: list[Entry], **changes: Any) -> dict[str, tuple[str, str]]:
    asked = changes.pop("asked", facts(layers=LAYERS))
    judgement = judged(asked, *live, image=image, **changes)
    return {ghost.path: (str(ghost.kind), ghost.actor) for ghost in judgement.ghosts}


IMAGE = [directory("/d"), file("/d/f"), file("/d/g")]


def test_a_whiteout_deletes() -> None:
    found = judged(
        facts(layers=LAYERS), directory("/d", ON_ROOT), file("/d/g", ON_ROOT), image=IMAGE,
        writable=[directory("/d"), Entry.whiteout("/d/f")],
    )  # fmt: skip
    (ghost,) = found.ghosts
    assert (ghost.path, ghost.kind, ghost.origin) == ("/d/f", Status.DELETED, Origin.WRITTEN_LATER)
    evidence = ghost.evidence[0]
    assert (evidence.kind, evidence.detail) == ("writable-layer", "whiteout /l/upper/d/f")
    assert ghost.actor == "the writable layer"


def test_a_whiteout_of_a_directory_deletes_what_was_in_it() -> None:
    found = ghosts(image=IMAGE, writable=[Entry.whiteout("/d")])
    assert {kind for kind, _ in found.values()} == {"deleted"}
    assert sorted(found) == ["/d", "/d/f", "/d/g"]


@pytest.mark.parametrize("name", ["trusted.overlay.opaque", "user.overlay.opaque"])
def test_an_opaque_directory_hides_what_lies_below(name: str) -> None:
    found = ghosts(
        directory("/d", ON_ROOT), file("/d/g", ON_ROOT), image=IMAGE,
        writable=[directory("/d", xattrs=((name, b"y"),)), file("/d/g")],
    )  # fmt: skip
    assert found == {"/d/f": ("deleted", "the writable layer")}


def test_a_directory_that_is_not_opaque_hides_nothing() -> None:
    judgement = judged(
        facts(), directory("/d", ON_ROOT), file("/d/g", ON_ROOT), image=IMAGE,
        writable=[directory("/d", xattrs=(("user.x", b"y"),))],
    )  # fmt: skip
    missing = finding(judgement, "/d/f")
    assert (missing.status, missing.origin) == (Status.MISSING, Origin.UNEXPLAINED)
    assert list(judgement.ghosts) == []


def test_what_is_gone_although_a_layer_still_has_it_is_missing() -> None:
    judgement = judged(
        facts(), directory("/d", ON_ROOT), file("/d/g", ON_ROOT), image=IMAGE,
        writable=[directory("/d"), file("/d/f")],
    )  # fmt: skip
    assert finding(judgement, "/d/f").status is Status.MISSING


def test_a_file_in_a_directorys_place_changes_it_and_deletes_what_was_below() -> None:
    found = ghosts(file("/d", ON_ROOT), image=IMAGE, writable=[file("/d")])
    assert found == {
        "/d": ("changed", "the writable layer"),
        "/d/f": ("deleted", "the writable layer"),
        "/d/g": ("deleted", "the writable layer"),
    }


def test_the_init_layer_replaces_entries_of_the_image() -> None:
    image = [link("/etc", "conf"), file("/.dockerenv", mode=0o600), file("/etc/x")]
    live = [directory("/etc", ON_ROOT), file("/.dockerenv", ON_ROOT)]
    found = judged(facts(layers=LAYERS), *live, image=image, init=live)
    by_path = {ghost.path: ghost for ghost in found.ghosts}
    assert {path: ghost.kind for path, ghost in by_path.items()} == {
        "/.dockerenv": Status.REPLACED, "/etc": Status.REPLACED,
    }  # fmt: skip
    evidence = by_path["/etc"].evidence[0]
    assert (evidence.kind, evidence.detail) == ("init-layer", "directory /l/init/etc")
    assert by_path["/etc"].origin is Origin.ENGINE_INIT_LAYER
    assert by_path["/etc"].actor == "the engine's init layer"


def test_below_what_the_init_layer_replaced_all_is_replaced() -> None:
    found = ghosts(
        file("/etc", ON_ROOT), image=[directory("/etc"), file("/etc/x")], init=[file("/etc")]
    )
    assert found["/etc/x"] == ("replaced", "the engine's init layer")


def test_a_mount_hides_what_lies_below_and_a_bind_what_lies_at_its_target() -> None:
    image = [directory("/run"), file("/run/f"), directory("/data"), file("/data/f"), file("/f")]
    asked = facts(
        mount(8, "/run"), bound(9, "/data"), bound(10, "/f"), layers=LAYERS,
        config=config(listed("/run"), bind("/data", "/host/data"), bind("/f", "/host/f")),
    )  # fmt: skip
    live = [directory("/data", 9), file("/f", 10), directory("/run", 8)]
    found = ghosts(*live, image=image, asked=asked)
    assert found == {
        "/run": ("shadowed", "the tmpfs on /run"),
        "/run/f": ("shadowed", "the tmpfs on /run"),
        "/data": ("overridden", "a bind on /data"),
        "/data/f": ("shadowed", "the ext4 on /data"),
        "/f": ("overridden", "a bind on /f"),
    }


def test_a_mount_hides_before_a_layer_does() -> None:
    asked = facts(mount(8, "/d"), config=config(listed("/d")))
    found = ghosts(directory("/d", 8), image=IMAGE, asked=asked, writable=[Entry.whiteout("/d")])
    assert {kind for kind, _ in found.values()} == {"shadowed"}


def test_a_mount_that_another_one_covers_hides_nothing_more() -> None:
    asked = facts(mount(7, "/d/e"), mount(8, "/d"), config=config(listed("/d/e"), listed("/d")))
    found = judged(asked, directory("/d", 8), image=[directory("/d"), file("/d/e")])
    assert {ghost.actor for ghost in found.ghosts} == {"the tmpfs on /d"}


def test_a_ghost_of_a_mount_has_the_evidence_of_the_mount() -> None:
    users = {"HostConfig": {"Tmpfs": {"/d": ""}}}
    asked = facts(mount(8, "/d"), config=config(listed("/d")), inspect=users)
    (ghost, *_) = judged(asked, directory("/d", 8), image=IMAGE).ghosts
    kinds = ["inspect", "oci-config", "mountinfo", "mountinfo"]
    assert [item.kind for item in ghost.evidence] == kinds
    assert ghost.origin is Origin.USER_MOUNT


# Hard links that copy-up parted:


NAMES = [file(path, links="/l/a") for path in ("/l/a", "/l/b", "/l/c")]


def parted(
    live: list[Entry], writable: list[Entry] | None, path: str = "/l/b"
) -> tuple[Origin, str | None]:
    found = finding(judged(facts(), *live, image=NAMES, writable=writable), path)
    return found.origin, found.rule


COPIED = file("/l/a", ON_ROOT, mode=0o600)
PARTED = (Origin.IMAGE_LAYER, "overlay-hard-links")
LEFT = [file(path, ON_ROOT, links="/l/b") for path in ("/l/b", "/l/c")]


def test_names_that_are_left_after_a_copy_up_are_still_the_images() -> None:
    assert parted([COPIED, *LEFT], [COPIED]) == PARTED
    alone = [COPIED, file("/l/b", ON_ROOT)]
    assert parted(alone, [COPIED, Entry.whiteout("/l/c")]) == PARTED
    found = finding(judged(facts(), COPIED, *LEFT, image=NAMES, writable=[COPIED]), "/l/b")
    assert found.evidence[0].detail == "its other names were copied up or removed: /l/a"
    assert found.status is Status.ALTERED


@pytest.mark.parametrize(
    ("live", "writable"),
    [
        ([COPIED, *LEFT], []),  # nothing was copied up
        ([COPIED, *LEFT], None),
        ([COPIED, file("/l/b", ON_ROOT)], [COPIED]),  # /l/c is gone, and no layer says so
        ([COPIED, *LEFT, file("/l/z", ON_ROOT, links="/l/b")], [COPIED]),  # a name more
        ([COPIED, *(entry._replace(mode=0) for entry in LEFT)], [COPIED]),
        ([COPIED, *(entry._replace(note="unreadable") for entry in LEFT)], [COPIED]),
    ],
)
def test_other_differences_of_names_are_unexplained(
    live: list[Entry], writable: list[Entry] | None
) -> None:
    assert parted(live, writable) == (Origin.UNEXPLAINED, None)


def test_a_file_with_one_name_that_has_more_now_is_unexplained() -> None:
    live = [file("/x", ON_ROOT, links="/x"), file("/y", ON_ROOT, links="/x")]
    judgement = judged(facts(), *live, image=[file("/x"), file("/y")], writable=[file("/q")])
    assert finding(judgement, "/x").origin is Origin.UNEXPLAINED


def test_a_mount_on_the_root_that_the_process_never_entered_hides_nothing() -> None:
    asked = facts(mount(8, "/"), mount(9, "/d", parent=8))
    judgement = judged(asked, image=[file("/d")], writable=[Entry.whiteout("/d")])
    assert [ghost.kind for ghost in judgement.ghosts] == [Status.DELETED]


def test_the_roots_own_mount_hides_nothing() -> None:
    judgement = judged(facts(), image=[directory("/"), file("/d")])
    assert list(judgement.ghosts) == []
    assert finding(judgement, "/d").status is Status.MISSING


def test_without_image_or_writable_layer_nothing_was_parted() -> None:
    live, image = Ledger([COPIED]), Ledger(NAMES)
    for evidence in (EvidenceSet(facts(), image, live), EvidenceSet(facts(), Ledger(), live, live)):
        assert HardLinks(evidence).parted(COPIED) is None
