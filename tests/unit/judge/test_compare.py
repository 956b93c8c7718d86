"""The comparison of image and live root, entry by entry, and what unpacking changes."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.judge.handmade import (
    ROOT,
    directory,
    facts,
    file,
    finding,
    judged,
)

from scratchlab.idmap import IdMap
from scratchlab.judge import unpacking
from scratchlab.judge.compare import compare, differences
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind, Origin, Status

SECOND = 1_000_000_000
ON_ROOT = ROOT.id
MAPPED = IdMap(((0, 100000, 65536),))


# Comparison:


def test_both_sides_are_merged_in_tree_order() -> None:
    image = Ledger([file("/a"), directory("/b"), file("/b/x"), file("/d")])
    live = Ledger([directory("/b"), file("/b/x", mode=0), file("/b/y"), file("/b.c"), file("/e")])
    pairs = [(pair.path, str(pair.status)) for pair in compare(image, live, IdMap())]
    assert pairs == [
        ("/a", "missing"), ("/b", "same"), ("/b/x", "altered"), ("/b/y", "only-live"),
        ("/b.c", "only-live"), ("/d", "missing"), ("/e", "only-live"),
    ]  # fmt: skip
    assert [pair.status for pair in compare(Ledger(), Ledger([file("/a")]), IdMap())] == [
        Status.ONLY_LIVE
    ]
    assert [pair.status for pair in compare(Ledger([file("/a")]), Ledger(), IdMap())] == [
        Status.MISSING
    ]


def test_some_paths_alone_are_compared_in_tree_order_too() -> None:
    live = Ledger([directory("/b"), file("/b/x"), file("/b.c"), file("/z")])
    pairs = compare(Ledger([file("/b/y")]), live, IdMap(), ["/b.c", "/b/y", "/b/x", "/b", "/no"])
    assert [pair.path for pair in pairs] == ["/b", "/b/x", "/b/y", "/b.c"]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({}, ()),
        ({"mode": 0o600}, ("mode",)), ({"size": 9}, ("size",)), ({"sha256": "b"}, ("sha256",)),
        ({"target": "x"}, ("target",)), ({"device": (1, 1)}, ("device",)),
        ({"links": "/x"}, ("links",)), ({"uid": 9}, ("uid",)), ({"gid": 9}, ("gid",)),
        ({"xattrs": (("user.x", b""),)}, ("xattrs",)), ({"mtime": 7 * SECOND}, ("mtime",)),
        ({"kind": Kind.FIFO}, ("kind",)), ({"note": "unreadable: EACCES"}, ("note",)),
        ({"layer": 9, "mount": 9}, ()),
        ({"mode": 0o600, "uid": 9}, ("mode", "uid")),
    ],
    ids=str,
)  # fmt: skip
def test_each_field_is_compared(change: dict[str, Any], names: tuple[str, ...]) -> None:
    entry = file("/f", sha256="a", mtime=5 * SECOND)
    assert differences(entry, entry._replace(**change), IdMap()) == names


def test_owners_are_compared_as_the_container_sees_them() -> None:
    image = file("/f")
    live = file("/f", uid=100000, gid=100000)
    assert differences(image, live, MAPPED) == ()
    assert differences(image, image, MAPPED) == ("uid", "gid")


@pytest.mark.parametrize(
    ("image", "live", "same"),
    [
        (None, 5, True), (5, None, True), (5, 5, True),
        (5 * SECOND, 5 * SECOND + 1, True), (5 * SECOND + 1, 5 * SECOND, True),
        (5 * SECOND + 1, 5 * SECOND + 2, False), (5 * SECOND, 6 * SECOND, False),
        (5 * SECOND, 4 * SECOND + 1, False),
    ],
)  # fmt: skip
def test_a_time_without_a_fraction_fits_every_fraction(
    image: int | None, live: int | None, same: bool
) -> None:
    found = differences(file("/f", mtime=image), file("/f", mtime=live), IdMap())
    assert (found == ()) is same


# Unpacking:


@pytest.mark.parametrize(
    ("image", "live", "sentence"),
    [
        (-1, 0, "its time lies before 1970, and engines unpack it as 1970"),
        (-5 * SECOND, 0, "its time lies before 1970, and engines unpack it as 1970"),
        (-1, SECOND, ""), (1, 0, ""), (None, 0, ""), (5, None, ""),
        (0x80000000 * SECOND, 0x7FFFFFFF * SECOND,
         "its time lies after the last one that the filesystem holds"),
        (0x380000000 * SECOND, 0x37FFFFFFF * SECOND,
         "its time lies after the last one that the filesystem holds"),
        (9_223_372_037 * SECOND, 9_223_372_036 * SECOND,
         "its time lies after the last one that the filesystem holds"),
        (0x7FFFFFFF * SECOND + 1, 0x7FFFFFFF * SECOND, ""),
        (9_223_372_037 * SECOND, 0, "its time lies after 2262, and engines unpack it as 1970"),
        (9_223_372_036 * SECOND, 0, ""),
        (9_223_372_037 * SECOND, 1, ""),
    ],
)  # fmt: skip
def test_a_time_that_cannot_be_held_is_bounded(
    image: int | None, live: int | None, sentence: str
) -> None:
    found = unpacking.dropped_or_bounded(file("/f", mtime=image), file("/f", mtime=live), ["mtime"])
    assert found == ([sentence] if sentence else [])


USER, TRUSTED, CAPABILITY = ("user.x", b"1"), ("trusted.x", b"1"), ("security.capability", b"1")


@pytest.mark.parametrize(
    ("kind", "wanted", "found", "names"),
    [
        (Kind.SYMLINK, (USER,), (), "user.x"),
        (Kind.FIFO, (USER,), (), "user.x"),
        (Kind.FILE, (USER,), (), ""),
        (Kind.DIRECTORY, (USER,), (), ""),
        (Kind.FILE, (TRUSTED,), (), "trusted.x"),
        (Kind.FILE, (CAPABILITY,), (), ""),
        (Kind.FILE, (TRUSTED, USER), (USER,), "trusted.x"),
        (Kind.FILE, (TRUSTED, USER), (), ""),
        (Kind.SYMLINK, (TRUSTED, USER), (), "user.x, trusted.x"),
        (Kind.FILE, (TRUSTED,), (("trusted.x", b"2"),), ""),
        (Kind.FILE, (TRUSTED,), (USER,), ""),
        (Kind.FILE, (TRUSTED,), (TRUSTED,), ""),
    ],
)
def test_an_attribute_that_the_kernel_refuses_is_dropped(
    kind: Kind, wanted: tuple[tuple[str, bytes], ...], found: tuple[tuple[str, bytes], ...],
    names: str,
) -> None:  # fmt: skip
    image, live = (Entry("/f", kind, 0o644, xattrs=xattrs) for xattrs in (wanted, found))
    sentences = unpacking.dropped_or_bounded(image, live, ["xattrs"])
    assert sentences == ([f"the engine could not set the attribute {names}"] if names else [])


def test_every_difference_has_to_be_explained() -> None:
    image = file("/f", mtime=-1, xattrs=(TRUSTED,))
    live = file("/f", ON_ROOT, mtime=0)
    found = finding(judged(facts(), live, image=[image], writable=[]), "/f")
    assert (found.origin, found.rule) == (Origin.IMAGE_LAYER, "engine-unpack-limits")
    assert len(found.evidence) == 2
    for other in ({"mtime": 7}, {"mode": 0}, {"xattrs": (USER,)}):
        shown = finding(judged(facts(), live._replace(**other), image=[image], writable=[]), "/f")
        assert shown.origin is Origin.UNEXPLAINED
