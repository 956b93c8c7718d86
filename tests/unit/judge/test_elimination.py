"""Layers whose directories cannot be read: what follows from the engine's list of changes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import pytest
from tests.unit.judge.handmade import (
    DOCKER,
    PODMAN,
    ROOT,
    config,
    directory,
    facts,
    file,
    finding,
    judged,
    link,
    listed,
    node,
)

from scratchlab.evidence import EvidenceSet
from scratchlab.judge import judge
from scratchlab.judge.elimination import eliminated
from scratchlab.judge.prediction.predictions import Predictions
from scratchlab.ledger import Ledger
from scratchlab.model import Engine, Entry, Finding, Kind, Origin

ON_ROOT = ROOT.id


# Elimination, where the layers' directories cannot be read:


DIRECTORY_OF_IMAGE = [directory("/d"), file("/d/f"), file("/gone")]
LIVE = [directory("/d", ON_ROOT), file("/d/f", ON_ROOT, mode=0), file("/new", ON_ROOT),
        file("/.dockerenv", ON_ROOT), file("/v/f", 9)]  # fmt: skip


def layers(
    changes: Mapping[str, str] | None, engine: Engine = DOCKER, *live: Entry,
    writable: list[Entry] | None = None,
) -> tuple[list[str] | None, list[str] | None]:  # fmt: skip
    """The paths of init layer and writable layer; those with ``!`` are whiteouts."""
    evidence = EvidenceSet(
        facts(changes=changes, engine=engine), Ledger(DIRECTORY_OF_IMAGE),
        Ledger([directory("/", ON_ROOT), *(live or LIVE)]), None,
        None if writable is None else Ledger(writable),
    )  # fmt: skip
    found = eliminated(evidence)
    return tuple(
        None
        if ledger is None
        else [f"!{entry.path}" if entry.is_whiteout else entry.path for entry in ledger]
        for ledger in (found.init, found.writable)
    )  # type: ignore[return-value]


def judged_by_elimination(live: Entry) -> Finding:
    """The finding for ``live``, which the engine lists as changed."""
    asked = facts(changes={live.path: "changed"}, config=config(listed("/etc/x")))
    ledgers = Ledger(), Ledger([directory("/", ON_ROOT), live])
    evidence = eliminated(EvidenceSet(asked, *ledgers, None, None))
    return finding(judge(evidence, Predictions()), live.path)


def written(live: Entry) -> bool:
    found = judged_by_elimination(live)
    return (found.origin, found.rule) == (Origin.WRITTEN_LATER, None)


def test_what_the_engine_lists_is_in_the_writable_layer() -> None:
    changes = {"/d/f": "changed", "/new": "added", "/gone": "deleted", "/v": "added"}
    assert layers(changes) == (["/.dockerenv"], ["/d/f", "!/gone", "/new"])


@pytest.mark.parametrize(
    ("change", "mode", "in_init"),
    [("changed", 0o755, True), ("changed", 0o700, False), ("added", 0o755, False),
     ("deleted", 0o755, True)],
)  # fmt: skip
def test_a_directory_of_the_init_layer_with_something_new_in_it_stays_the_init_layers(
    change: str, mode: int, in_init: bool
) -> None:
    live = (directory("/etc", ON_ROOT, mode=mode), file("/etc/localtime", ON_ROOT))
    changes = {"/etc": change, "/etc/localtime": "added"}
    init, writable = layers(changes, DOCKER, *live)
    assert ("/etc" in (init or [])) is (change != "added")
    assert ("/etc" in (writable or [])) is not in_init


@pytest.mark.parametrize("store", [False, True])
def test_a_changed_directory_of_the_image_is_not_the_init_layers(store: bool) -> None:
    """It keeps such a directory as it is."""
    live = [directory("/etc", ON_ROOT), directory("/proc", ON_ROOT, xattrs=(("user.x", b""),))]
    image = [directory("/etc", mode=0o700), directory("/proc")]
    engine = replace(DOCKER, containerd_store=store)
    changes = {"/etc": "changed", "/proc": "changed"}
    evidence = EvidenceSet(
        facts(changes=changes, engine=engine), Ledger(image),
        Ledger([directory("/", ON_ROOT), *live]), None, None,
    )  # fmt: skip
    found = eliminated(evidence)
    assert found.init is not None
    assert found.writable is not None
    assert ([*found.init], {entry.path for entry in found.writable}) == ([], {"/etc", "/proc"})


def test_what_the_init_layer_made_has_no_attributes() -> None:
    live = directory("/etc", ON_ROOT, xattrs=(("user.x", b""),))
    assert layers({"/etc": "changed"}, DOCKER, live) == (["/etc"], ["/etc"])
    assert written(live)


def test_a_file_in_the_place_of_the_init_layers_directory_was_written() -> None:
    in_its_place = file("/etc", ON_ROOT, mode=0o755)
    assert written(in_its_place)


@pytest.mark.parametrize(
    ("changes", "writable"),
    [
        ({}, []),
        ({"/d/f": "deleted"}, []),
        ({"/gone": "changed"}, []),
        ({"/new": "changed"}, ["/new"]),
        ({"/d": "changed"}, []),  # as in the image: a change below it
    ],
)
def test_only_what_the_list_says_is_known(changes: dict[str, str], writable: list[str]) -> None:
    assert layers(changes) == (["/.dockerenv"], writable)


def test_without_a_list_nothing_is_known() -> None:
    assert layers(None) == (None, None)
    assert layers({"/new": "added"}, writable=[]) == (None, [])


EMPTY = hashlib.sha256().hexdigest()


@pytest.mark.parametrize(
    ("live", "rule"),
    [
        (directory("/etc", ON_ROOT, mode=0o777), None),
        (directory("/etc", ON_ROOT, uid=5), None),
        (file("/.dockerenv", ON_ROOT, mode=0o755, sha256="f0", size=6), None),
        (file("/.dockerenv", ON_ROOT, mode=0o755, sha256=EMPTY), "docker-dockerenv"),  # its time
        (link("/etc/mtab", "/elsewhere", ON_ROOT), None),
        (link("/etc/mtab", "/proc/mounts", ON_ROOT, mode=0o777), "docker-mtab"),
    ],
)
def test_what_the_init_layer_made_and_was_changed_was_written_later(
    live: Entry, rule: str | None
) -> None:
    found = judged_by_elimination(live)
    origin = Origin.WRITTEN_LATER if rule is None else Origin.ENGINE_INIT_LAYER
    assert (found.origin, found.rule) == (origin, rule)


def test_where_a_mount_is_gone_the_init_layers_mount_point_shows() -> None:
    live = (file("/etc/hosts", ON_ROOT), directory("/dev/pts", ON_ROOT))
    assert layers({}, DOCKER, *live) == (["/dev/pts", "/etc/hosts"], [])
    listed = {"/etc/hosts": "changed", "/dev/pts": "changed"}
    assert layers(listed, DOCKER, *live) == ([], ["/dev/pts", "/etc/hosts"])


@pytest.mark.parametrize(("rootless", "owner"), [(False, 0), (True, 100_000)])
def test_links_of_the_init_layer_are_the_engines_and_all_else_is_the_containers_roots(
    rootless: bool, owner: int
) -> None:
    etc = directory("/etc", ON_ROOT, uid=100_000, gid=100_000)
    asked = facts(
        changes={"/etc": "changed", "/etc/mtab": "changed"}, uid_map=((0, 100_000, 65_536),),
        engine=replace(DOCKER, rootless=rootless),
    )  # fmt: skip
    live = Ledger([directory("/", ON_ROOT), etc, link("/etc/mtab", "/mine", ON_ROOT)])
    init = eliminated(EvidenceSet(asked, Ledger(), live)).init
    assert init is not None
    made = link("/etc/mtab", "/proc/mounts", uid=owner, gid=owner)
    assert [*init] == [etc, made]


def test_a_change_of_what_the_init_layer_makes_is_the_writable_layers() -> None:
    assert layers({"/.dockerenv": "changed"}) == (["/.dockerenv"], ["/.dockerenv"])


def test_with_the_containerd_store_the_init_layer_is_listed_too() -> None:
    store = replace(DOCKER, containerd_store=True)
    assert layers({"/.dockerenv": "added"}, store) == (["/.dockerenv"], [])


def test_a_name_that_is_not_utf8_is_listed_with_a_replacement_character() -> None:
    live = file("/\udcff", ON_ROOT)
    assert layers({"/\ufffd": "added"}, DOCKER, live)[1] == ["/\udcff"]
    assert layers({"/\ufffd\ufffd": "added"}, DOCKER, live)[1] == []


def test_in_podman_whatever_differs_from_the_image_is_the_writable_layers() -> None:
    assert layers(None, PODMAN) == (None, ["/.dockerenv", "/d/f", "!/gone", "/new"])


def test_what_an_unreadable_directory_does_not_show_may_still_be_there() -> None:
    unreadable = directory("/d", ON_ROOT, note="unreadable: EACCES")
    assert layers(None, PODMAN, unreadable) == (None, ["/d", "!/gone"])
    assert layers(None, PODMAN, file("/x", ON_ROOT)) == (None, ["!/d", "!/d/f", "!/gone", "/x"])


@pytest.mark.parametrize(
    ("note", "ghosts"), [("unreadable: EACCES", []), (None, ["/d/e", "/d/e/f", "/d/e/f/g"])]
)
def test_however_deep_it_lies_in_an_unreadable_directory(
    note: str | None, ghosts: list[str]
) -> None:
    image = [*map(directory, ("/d", "/d/e", "/d/e/f")), file("/d/e/f/g")]
    live = directory("/d", ON_ROOT, note=note)
    found = judged(facts(engine=PODMAN), live, image=image, init=None, writable=None)
    assert [ghost.path for ghost in found.ghosts] == ghosts


@pytest.mark.parametrize(("note", "paths"), [("unreadable: EACCES", []), (None, ["/gone"])])
def test_the_root_itself_may_be_unreadable(note: str | None, paths: list[str]) -> None:
    live = Ledger([directory("/", ON_ROOT, note=note)])
    found = eliminated(EvidenceSet(facts(engine=PODMAN), Ledger([file("/gone")]), live))
    assert [entry.path for entry in found.writable or ()] == paths


def test_without_a_root_nothing_is_on_it() -> None:
    evidence = EvidenceSet(facts(engine=PODMAN), Ledger(), Ledger([file("/x", 1)]))
    assert list(eliminated(evidence).writable or ()) == []


@pytest.mark.parametrize(
    ("engine", "path", "kind", "detail"),
    [
        (DOCKER, "/new", "changes", "the engine lists /new among the container's changes"),
        (DOCKER, "/.dockerenv", "changes",
         "/.dockerenv is not the image's, and the engine does not list it as a change"),
        (PODMAN, "/new", "changes", "/new differs from the image, and there is no other layer"),
    ],
)  # fmt: skip
def test_elimination_is_shown_as_evidence(
    engine: Engine, path: str, kind: str, detail: str
) -> None:
    asked = facts(changes={"/new": "added"}, engine=engine)
    judgement = judged(asked, *LIVE[:4], image=DIRECTORY_OF_IMAGE, init=None, writable=None)
    evidence = finding(judgement, path).evidence[0]
    assert (evidence.kind, evidence.detail) == (kind, detail)


def test_a_deletion_that_the_engine_lists_is_a_ghost_with_that_evidence() -> None:
    asked = facts(changes={"/gone": "deleted"})
    judgement = judged(asked, image=[file("/gone")], init=None, writable=None)
    (ghost,) = judgement.ghosts
    assert ghost.evidence[0].detail == "the engine lists /gone among the container's changes"


def test_a_device_that_is_a_whiteout_is_one_by_its_number() -> None:
    assert Entry.whiteout("/x") == Entry("/x", Kind.CHAR, 0, device=(0, 0))
    assert Entry.whiteout("/x").is_whiteout
    assert not node("/x", (0, 1)).is_whiteout
    assert not node("/x", (0, 0))._replace(kind=Kind.BLOCK).is_whiteout


# What the list of changes does not say:


def test_all_names_of_a_file_are_in_the_layer_that_one_name_was_added_to() -> None:
    image = [file(f"/{name}", links="/a", layer=0) for name in "abc"]
    first = {"a": "/a", "b": "/b", "c": "/b", "d": "/a"}
    live = [file(f"/{name}", ON_ROOT, links=first[name]) for name in "abcd"]
    asked = facts(changes={"/d": "added"})
    found = judged(asked, *live, image=image, init=None, writable=None)
    assert finding(found, "/d").origin is Origin.WRITTEN_LATER
    for name in "abc":
        assert finding(found, f"/{name}").origin is Origin.IMAGE_LAYER
    detail = "its other names were copied up or removed: /a"
    assert finding(found, "/b").evidence[0].detail == detail


def test_names_that_nothing_was_added_to_stay_where_they_are() -> None:
    image = [file(f"/{name}", links="/a", layer=0) for name in "abc"]
    live = [file("/a", ON_ROOT), *(file(f"/{name}", ON_ROOT, links="/b") for name in "bc")]
    found = judged(facts(changes={}), *live, image=image, init=None, writable=None)
    assert finding(found, "/b").origin is Origin.UNEXPLAINED


@pytest.mark.parametrize(
    ("changes", "unmerged", "again"),
    [
        ({"/o": "changed"}, {"/o"}, True),
        ({"/o": "changed"}, set(), False),
        ({"/o": "added"}, {"/o"}, False),
        ({}, {"/o"}, False),
        (None, {"/o"}, False),
    ],
)
def test_a_changed_directory_that_no_other_layer_adds_to_was_made_again(
    changes: dict[str, str] | None, unmerged: set[str], again: bool
) -> None:
    asked = facts(changes=changes, unmerged=frozenset(unmerged))
    found = judged(
        asked, directory("/o", ON_ROOT), image=[directory("/o", layer=0)], init=None, writable=None
    )
    origin = finding(found, "/o").origin
    assert origin is (Origin.WRITTEN_LATER if again else Origin.IMAGE_LAYER)
    if again:
        detail = "the engine lists /o among the container's changes"
        assert finding(found, "/o").evidence[0].detail == detail
