"""A mount of the engine's is found by what it shows: first on the paths that are named."""

from __future__ import annotations

from tests.unit.judge.handmade import mount

from scratchlab.judge.host_mounts import HostMounts

INSIDE = mount(9, "/data/below", root="/r")


def same(*targets: str) -> HostMounts:
    """The engine's mounts on ``targets``, all with what INSIDE shows."""
    return HostMounts(mount(9, target, root="/r") for target in targets)


def found(mounts: HostMounts, *paths: str, below: str = "below") -> str | None:
    """The target of the mount that is found."""
    answer = mounts.find(INSIDE, paths, below)
    return None if answer is None else answer.target


def test_the_named_path_comes_before_others_with_its_ending() -> None:
    mounts = same("/a/below", "/source/below", "/z/below")
    for path in ("/source/below", "/z/below", "/a/below"):
        assert found(mounts, path) == path
    assert found(mounts, "/gone", "/source/below") == "/source/below"


def test_otherwise_the_ending_tells() -> None:
    assert found(same("/a/below", "/b/other"), "/gone") == "/a/below"
    assert found(same("/b/other"), "/gone") is None
    assert found(same("/nested"), "/gone", below="nested") == "/nested"


def test_an_ending_behind_all_others_is_not_there() -> None:
    assert found(same("/a"), "/gone", below="z") is None
    assert found(same("/b/a"), "/gone", below="c/b/a") is None


def test_what_shows_something_else_is_another_mount() -> None:
    assert found(HostMounts([mount(9, "/source/below", root="/x")]), "/source/below") is None
    assert found(HostMounts([mount(8, "/source/below", root="/r")]), "/source/below") is None
    assert found(HostMounts([])) is None


def test_of_two_on_one_path_the_first_stands() -> None:
    first = mount(9, "/source/below", root="/r", options=("ro",))
    second = mount(9, "/source/below", root="/r", options=("rw",))
    assert HostMounts([first, second]).find(INSIDE, ["/source/below"], "below") == first
