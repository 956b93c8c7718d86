"""What each layer did at a path: the history of the paths that several layers touched."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchlab.ledger import LayerChange, LayerStep
from scratchlab.model import Kind

from .build import directory, file, hardlink, layer, symlink
from .reading import entries, stack

BASE = layer(
    directory("a/"), file("a/1", b"one"), file("a/2", b"two"), directory("a/b/"), file("a/b/3")
)


def told(*layers: bytes) -> dict[str, list[str]]:
    """By path, ``LAYER CHANGE FIELDS``."""
    return {
        path: [f"{step.layer} {step.change} {','.join(step.fields)}".strip() for step in steps]
        for path, steps in stack(*layers).ledger.histories()
    }


def test_one_layer_has_no_histories() -> None:
    assert told(BASE) == {}


def test_a_new_owner_and_a_removal() -> None:
    owned = layer(directory("a/"), file("a/1", b"one", uid=7))
    removed = layer(directory("a/"), file("a/.wh.1"))
    assert told(BASE, owned, removed) == {
        "/a": ["0 made", "1 repeated", "2 repeated"],
        "/a/1": ["0 made", "1 changed uid", "2 removed"],
    }


def test_a_content_has_its_size() -> None:
    found = stack(BASE, layer(file("a/1", b"longer"))).ledger
    assert found.history("/a/1") == (
        LayerStep(0, LayerChange.MADE, (), Kind.FILE, 3),
        LayerStep(1, LayerChange.CHANGED, ("size", "sha256"), Kind.FILE, 6),
    )
    assert found.history("/a/2") == ()


def test_a_time_counts_for_files_only() -> None:
    later = layer(directory("a/", mtime=9), file("a/1", b"one", mtime=9))
    assert told(BASE, later) == {
        "/a": ["0 made", "1 repeated"],
        "/a/1": ["0 made", "1 changed mtime"],
    }


def test_what_lies_below_a_removed_directory_is_removed() -> None:
    found = told(BASE, layer(file(".wh.a")))
    assert {path: steps[-1] for path, steps in found.items()} == dict.fromkeys(
        ("/a", "/a/1", "/a/2", "/a/b", "/a/b/3"), "1 removed"
    )


def test_an_opaque_directory_removes_what_is_below() -> None:
    found = told(BASE, layer(directory("a/b/"), file("a/b/.wh..wh..opq")))
    assert found["/a/b"] == ["0 made", "1 repeated"]
    assert found["/a/b/3"] == ["0 made", "1 removed"]


def test_removed_and_made_again_in_one_layer() -> None:
    again = layer(directory("a/"), file("a/.wh.1"), file("a/1", b"new"))
    assert told(BASE, again)["/a/1"] == ["0 made", "1 removed", "1 made"]


def test_another_type_replaces_and_removes_what_was_below() -> None:
    found = told(BASE, layer(symlink("a", "elsewhere")))
    assert found["/a"] == ["0 made", "1 replaced kind"]
    assert found["/a/b/3"] == ["0 made", "1 removed"]


def test_a_hard_link_to_a_lower_layer_replaces() -> None:
    found = told(BASE, layer(directory("a/"), hardlink("a/b", "a/1")))
    assert found["/a/b"] == ["0 made", "1 replaced kind"]
    assert found["/a/b/3"] == ["0 made", "1 removed"]


def test_a_layer_may_hide_what_it_brings_itself() -> None:
    odd = layer(file(".wh.a"), directory("a/"), file("a/b/new"), hardlink("a/b", "a/1"))
    assert told(BASE, odd)["/a/b"] == ["0 made", "1 removed", "1 made"]


@pytest.mark.parametrize(("removed", "sizes"), [(("1",), [0]), (("1", "2"), [3, 0])])
def test_the_content_of_several_names_counts_once(
    removed: tuple[str, ...], sizes: list[int]
) -> None:
    base = layer(file("1", b"one"), hardlink("2", "1"))
    found = stack(base, layer(*(file(f".wh.{name}") for name in removed))).ledger
    assert [steps[0].size for _, steps in found.histories()] == sizes


# Whiteouts and files only: directories are implied, and each file lies in one of its own.
MEMBERS = (
    "a/1",
    "a/b/2",
    "a/b/3",
    "c/4",
    ".wh.a",
    "a/.wh.b",
    "a/.wh.1",
    "a/b/.wh..wh..opq",
    ".wh.c",
)
drawn_layers = st.lists(
    st.lists(
        st.tuples(st.sampled_from(MEMBERS), st.integers(0, 1)), max_size=5, unique_by=lambda m: m[0]
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(drawn_layers)
def test_a_history_ends_with_what_the_ledger_has(drawn: list[list[tuple[str, int]]]) -> None:
    layers = [layer(*(file(name, uid=uid) for name, uid in members)) for members in drawn]
    found = stack(*layers)
    known = entries(found)
    for path, steps in found.ledger.histories():
        assert list(steps) == sorted(steps, key=lambda step: step.layer)
        assert len(steps) > 1
        if steps[-1].change is LayerChange.REMOVED:
            assert path not in known
        else:
            assert known[path].layer == steps[-1].layer
    for path, entry in known.items():
        touched = [at for at, content in enumerate(drawn) if path[1:] in dict(content)]
        if len(touched) > 1 and entry.kind is Kind.FILE:
            assert [step.layer for step in found.ledger.history(path)][-1] == touched[-1]
