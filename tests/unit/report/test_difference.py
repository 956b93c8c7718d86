"""Two roots compared: what only one has, what differs and how, whose it is."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchlab.errors import LabError
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind
from scratchlab.render.terminal.difference import render
from scratchlab.report.difference import (
    Difference,
    Item,
    Tally,
    change_of,
    differences,
    items_of_image,
    items_of_report,
)

FILE = Entry("/x", Kind.FILE, 0o644, size=3, sha256="a" * 64, mtime=5_000_000_000)


def items(*entries: Entry, origin: str = "image-layer") -> list[Item]:
    with Ledger(entries) as ledger:
        return [replace(item, origin=origin) for item in items_of_image(ledger)]


def compared(*sides: Entry) -> list[Difference]:
    one, other = sides
    return list(differences(items(one), items(other)))


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"mode": 0o4755}, ("mode",)),
        ({"uid": 7}, ("uid",)),
        ({"gid": 7}, ("gid",)),
        ({"size": 4, "sha256": "b" * 64}, ("size", "sha256")),
        ({"sha256": "b" * 64}, ("sha256",)),
        ({"links": "/a"}, ("links",)),
        ({"xattrs": (("user.x", b"1"),)}, ("xattrs",)),
        ({"xattrs": (("security.selinux", b"1"),)}, ()),
        ({"mtime": 6_000_000_000}, ("mtime",)),
        ({"mtime": 5_400_000_000}, ()),  # the other side has no fractions
        ({"mtime": None}, ()),
        ({"sha256": None}, ()),  # not read: told apart
        ({"layer": 4}, ()),
        ({"kind": Kind.SYMLINK, "target": "y", "sha256": None, "size": 0},
         ("kind", "size", "sha256", "target")),
    ],
)  # fmt: skip
def test_each_field(change: dict[str, Any], fields: tuple[str, ...]) -> None:
    found = compared(FILE, FILE._replace(**change))
    assert [difference.fields for difference in found] == ([fields] if fields else [])


def test_what_is_not_known_is_counted() -> None:
    tally = Tally()
    found = differences(items(FILE), items(FILE._replace(sha256=None)), tally)
    assert (list(found), tally.unknown) == ([], 1)


def test_the_root_itself_is_not_compared() -> None:
    root = Entry("/", Kind.DIRECTORY, 0o755)
    assert compared(root, root._replace(mode=0o700)) == []


NAMES = st.sampled_from(["a", "b", "a-b", "a.b", "\udcff", "é", "a b", "\n"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(lambda names: "/" + "/".join(names))
ENTRIES = st.lists(
    st.builds(Entry, PATHS, st.sampled_from([Kind.FIFO, Kind.SOCKET]), st.integers(0, 3)),
    max_size=12, unique_by=lambda entry: entry.path,
)  # fmt: skip


@given(ENTRIES, ENTRIES)
def test_both_directions_tell_the_same(one: list[Entry], other: list[Entry]) -> None:
    there = list(differences(items(*one), items(*other)))
    back = list(differences(items(*other), items(*one)))
    mirrored = [Difference(each.path, each.other, each.one, each.fields) for each in back]
    assert there == mirrored
    ones, others = ({item.path: item for item in items(*side)} for side in (one, other))
    assert {each.path for each in there if change_of(each) == "only-a"} == ones.keys() - others
    assert {each.path for each in there if change_of(each) == "only-b"} == others.keys() - ones
    same = {path for path in ones.keys() & others if ones[path].fields == others[path].fields}
    assert same == (ones.keys() & others) - {each.path for each in there}


@given(ENTRIES)
def test_a_root_does_not_differ_from_itself(entries: list[Entry]) -> None:
    assert list(differences(items(*entries), items(*entries))) == []


def test_a_report_in_another_order_is_refused() -> None:
    class Unordered:
        entries = iter([{"path": "/b", "live": None}, {"path": "/a", "live": None}])

    with pytest.raises(LabError, match="not in order"):
        list(items_of_report(Unordered(), "r.json"))  # type: ignore[arg-type]


def screen(one: list[Item], other: list[Item], *, times: bool = False) -> list[str]:
    out, tally = io.StringIO(), Tally()
    render(("one", "other"), differences(one, other, tally), tally, out, times=times)
    return out.getvalue().splitlines()


def test_how_it_differs_and_whose_it_is_on_screen() -> None:
    changed = FILE._replace(mode=0o4755, sha256="b" * 64, mtime=0)
    ours = items(FILE)
    theirs = items(changed, FILE._replace(path="/y"), origin="written-later")
    assert screen(ours, theirs) == [
        "--- A: one",
        "+++ B: other",
        "~ /x  mode 0644 -> 4755; content aaaaaaaaaaaa -> bbbbbbbbbbbb; "
        "time 1970-01-01T00:00:05Z -> 1970-01-01T00:00:00Z  image-layer -> written-later",
        "+ /y  file 0644 0:0 3 B  written-later",
        "0 only in A, 1 only in B, 1 differ",
        "whose: 2 written-later",
    ]


def test_times_alone_are_counted_and_listed_only_when_asked() -> None:
    ours, theirs = items(FILE), items(FILE._replace(mtime=0))
    assert screen(ours, theirs)[2:] == [
        "no difference; 1 more only in the time of modification (--times lists them)"
    ]
    assert screen(ours, theirs, times=True)[2].startswith("~ /x  time 1970")


def test_a_directory_tells_what_lies_in_it_but_for_what_stands_out() -> None:
    directory = Entry("/d", Kind.DIRECTORY, 0o755)
    inside = [FILE._replace(path=f"/d/{name}") for name in "abc"]
    shell = FILE._replace(path="/d/b/sh", mode=0o4755)
    device = Entry("/d/dev", Kind.CHAR, 0o666, device=(1, 3))
    theirs = items(directory, *inside, shell, device)
    assert screen([], theirs)[2:-2] == [
        "+ /d  directory 0755 0:0  image-layer  and 3 below it",
        "+ /d/b/sh  file 4755 0:0 3 B  image-layer",
        "+ /d/dev  char-device 0666 0:0  image-layer",
    ]
    mount = items(directory, origin="user-mount") + items(*inside, origin="user-data")
    assert screen(mount, [])[2:-2] == ["- /d  directory 0755 0:0  user-mount  and 3 below it"]
