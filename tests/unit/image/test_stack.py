"""Stacked layers, by the rules of the OCI image specification (layer.md)."""

from __future__ import annotations

import pytest

from scratchlab.errors import LabError
from scratchlab.model import Kind

from .build import device, directory, fifo, file, hardlink, layer, symlink
from .reading import entries, paths, stack

BASE = layer(
    directory("a/", mode=0o700, uid=7, gid=8), file("a/1", b"1"), file("a/2", b"2"),
    directory("a/b/"), file("a/b/3", b"3"), file("ab", b"sibling"),
)  # fmt: skip
ALL = ["/a", "/a/1", "/a/2", "/a/b", "/a/b/3", "/ab"]


# -- whiteouts --------------------------------------------------------------------------------


def test_whiteout_hides_a_file() -> None:
    assert paths(stack(BASE, layer(directory("a/"), file("a/.wh.1")))) == [
        path for path in ALL if path != "/a/1"
    ]


def test_whiteout_hides_a_directory_and_its_entries() -> None:
    assert paths(stack(BASE, layer(file(".wh.a")))) == ["/ab"]


def test_whiteout_of_a_missing_name_hides_nothing() -> None:
    assert paths(stack(BASE, layer(directory("a/"), file("a/.wh.9"), file("a/.wh.b2")))) == ALL
    assert paths(stack(layer(file(".wh.x"), file("y")))) == ["/y"]


def test_whiteout_applies_to_lower_layers_only_in_any_order() -> None:
    for members in ((file("a/.wh.1"), file("a/1", b"new")), (file("a/1", b"new"), file("a/.wh.1"))):
        found = entries(stack(BASE, layer(directory("a/"), *members)))
        assert (found["/a/1"].size, found["/a/1"].layer) == (3, 1)


def test_whiteout_does_not_apply_to_upper_layers() -> None:
    assert "/a/1" in paths(stack(layer(file(".wh.a")), BASE))


def test_hidden_and_added_directory_has_only_new_entries_and_is_noted() -> None:
    found = stack(BASE, layer(file(".wh.a"), directory("a/"), file("a/new")))
    assert paths(found) == ["/a", "/a/new", "/ab"]
    assert "layer 1 hides /a and adds it again" in found.image.notes[0]
    assert found.image.problems == ()


def test_opaque_directory_hides_its_lower_entries_and_stays() -> None:
    for members in (
        (directory("a/", mode=0o711), file("a/.wh..wh..opq"), file("a/new")),
        (
            directory("a/", mode=0o711),
            file("a/new"),
            file("a/.wh..wh..opq"),
        ),  # the order does not matter
    ):
        found = stack(BASE, layer(*members))
        assert paths(found) == ["/a", "/a/new", "/ab"]
        assert entries(found)["/a"].mode == 0o711
        assert (found.image.problems, found.image.notes) == ((), ())


def test_opaque_directory_without_a_header() -> None:
    found = stack(BASE, layer(file("a/b/.wh..wh..opq")))
    assert paths(found) == ["/a", "/a/1", "/a/2", "/a/b", "/ab"]


def test_opaque_root_hides_everything_and_is_noted() -> None:
    found = stack(BASE, layer(file(".wh..wh..opq"), file("new")))
    assert paths(found) == ["/new"]
    assert "layer 1 makes the root opaque" in found.image.notes[0]
    assert found.image.problems == ()
    alone = stack(layer(file(".wh..wh..opq"), file("new"))).image
    assert (alone.problems, alone.notes) == ((), ())


def test_whiteout_without_a_name_is_refused() -> None:
    for name in (".wh.", "a/.wh.", ".wh..", ".wh..."):
        with pytest.raises(LabError, match="is a whiteout without a name"):
            stack(BASE, layer(file(name)))


def test_whiteout_below_a_symlink_of_its_layer_follows_it() -> None:
    found = stack(BASE, layer(directory("a/"), symlink("s", "a"), file("s/.wh.1")))
    assert paths(found) == ["/a", "/a/2", "/a/b", "/a/b/3", "/ab", "/s"]


def test_aufs_metadata_is_left_out() -> None:
    old = layer(
        file(".wh..wh.aufs"), directory(".wh..wh.plnk/"), file(".wh..wh.plnk/12.3", b"content"),
        directory(".wh..wh.orph/"), hardlink("one", ".wh..wh.plnk/12.3"),
        hardlink("two", ".wh..wh.plnk/12.3"),
    )  # fmt: skip
    found = stack(old)
    assert paths(found) == ["/one", "/two"]
    assert {(entry.size, entry.links) for entry in entries(found).values()} == {(7, "/one")}
    assert "metadata of the storage driver AUFS" in found.image.notes[0]
    assert found.image.problems == ()


def test_names_that_resemble_a_whiteout_are_not_one() -> None:
    assert paths(stack(layer(file("x.wh.y"), file("wh.z"), directory(".w/"), file(".w/h.")))) == [
        "/.w", "/.w/h.", "/wh.z", "/x.wh.y",
    ]  # fmt: skip


# -- type changes, replacements ----------------------------------------------------------------


@pytest.mark.parametrize(
    "member",
    [file("a", b"file"), symlink("a", "ab"), fifo("a"), device("a", b"3", (1, 3))],
)
def test_directory_that_becomes_something_else_loses_its_entries(member: bytes) -> None:
    found = stack(BASE, layer(member))
    assert paths(found) == ["/a", "/ab"]
    assert entries(found)["/a"].layer == 1


@pytest.mark.parametrize(
    "member", [symlink("a", "b"), fifo("a"), file("a"), device("a", b"4", (8, 0))]
)
def test_any_type_can_become_a_directory(member: bytes) -> None:
    found = stack(layer(member), layer(directory("a/"), file("a/x")))
    assert paths(found) == ["/a", "/a/x"]
    assert entries(found)["/a"].kind is Kind.DIRECTORY


def test_repeated_directory_keeps_its_entries_with_the_new_mode() -> None:
    found = stack(BASE, layer(directory("a/", mode=0o555, uid=1)))
    assert paths(found) == ALL
    assert (entries(found)["/a"].mode, entries(found)["/a"].uid) == (0o555, 1)


def test_replaced_file_keeps_nothing() -> None:
    attribute = {b"SCHILY.xattr.user.a": b"1"}
    found = stack(layer(file("x", b"long", pax=attribute)), layer(file("x", b"s", mode=0o600)))
    entry = entries(found)["/x"]
    assert (entry.size, entry.mode, entry.xattrs, entry.layer) == (1, 0o600, (), 1)


# -- parents that no header describes ----------------------------------------------------------


def test_implied_parents_have_mode_0755_and_root_as_owner() -> None:
    found = stack(layer(file("deep/er/x", uid=5)))
    assert paths(found) == ["/deep", "/deep/er", "/deep/er/x"]
    made = entries(found)["/deep/er"]
    assert (made.mode, made.uid, made.gid, made.mtime, made.layer) == (0o755, 0, 0, None, 0)


def test_implied_parent_over_a_lower_directory_is_noted() -> None:
    layers = (BASE, layer(file("a/new")))
    found = stack(*layers)
    assert entries(found)["/a"].mode == 0o755
    assert "layer 1 has entries below /a but none for it" in found.image.notes[0]
    assert found.image.problems == ()
    kept = stack(*layers, implied_kept=True)
    assert (entries(kept)["/a"].mode, entries(kept)["/a"].uid) == (0o700, 7)
    assert paths(found) == paths(kept) == sorted([*ALL, "/a/new"])


def test_parent_may_be_described_after_its_children() -> None:
    found = stack(layer(file("d/x"), directory("d/", mode=0o700)))
    assert entries(found)["/d"].mode == 0o700
    assert (found.image.problems, found.image.notes) == ((), ())


def test_root_has_a_layer_only_if_one_describes_it() -> None:
    root = stack(layer(file("x"))).ledger.get("/")
    assert root is not None
    assert (root.mode, root.layer) == (0o755, None)
    for name in ("./", ".", "/"):
        root = stack(layer(directory(name, mode=0o700, uid=3), file("x"))).ledger.get("/")
        assert root is not None
        assert (root.mode, root.uid, root.layer) == (0o700, 3, 0)
    with pytest.raises(LabError, match="its root is not a directory"):
        stack(layer(file("./", b"")))


# -- symlinks among the parents ----------------------------------------------------------------


def test_name_below_a_symlink_of_its_layer_follows_it() -> None:
    for target in ("conf", "./conf/", "/conf", "../conf", "x/../conf"):
        members = (
            directory("conf/"),
            directory("x/"),
            symlink("etc", target),
            file("etc/hosts", b"1"),
        )
        found = stack(layer(*members))
        assert paths(found) == ["/conf", "/conf/hosts", "/etc", "/x"], target


def test_name_below_a_symlink_of_a_lower_layer_replaces_it_by_a_directory() -> None:
    """As Docker unpacks: each layer in a directory of its own (measured)."""
    lower = layer(directory("conf/"), file("conf/x"), symlink("etc", "conf"))
    found = stack(lower, layer(file("etc/hosts")))
    assert paths(found) == ["/conf", "/conf/x", "/etc", "/etc/hosts"]
    assert entries(found)["/etc"].kind is Kind.DIRECTORY


def test_missing_target_directory_of_a_symlink_is_created() -> None:
    found = stack(layer(symlink("s", "not/there"), file("s/x")))
    assert paths(found) == ["/not", "/not/there", "/not/there/x", "/s"]


def test_circular_symlinks_are_refused() -> None:
    for links in (
        [symlink("a", "a")],
        [symlink("a", "b"), symlink("b", "a")],
        [symlink("a", "b/x"), symlink("b", "a/x")],
    ):
        with pytest.raises(LabError, match="is below symlinks that do not lead to a directory"):
            stack(layer(*links, file("a/x")))


def test_name_below_a_file_is_refused() -> None:
    with pytest.raises(LabError, match="f/x is below /f, which is not a directory"):
        stack(layer(file("f"), file("f/x")))


# -- duplicates in one layer -------------------------------------------------------------------


def test_last_of_duplicates_counts_and_is_noted() -> None:
    found = stack(layer(file("x", b"first"), symlink("y", "x"), file("x", b"last one")))
    assert entries(found)["/x"].size == 8
    assert found.image.problems == ()
    assert found.image.notes == (
        "layer 0: /x is twice in one layer, and the last counts: Docker refuses to load it",
    )


def test_duplicates_of_different_types() -> None:
    found = stack(
        layer(directory("d/"), file("d/x"), file("d", b"1"), directory("e/"), directory("e/"))
    )
    assert paths(found) == ["/d", "/e"]
    assert entries(found)["/d"].kind is Kind.FILE
    again = stack(layer(file("d"), directory("d/", mode=0o700), file("d/x")))
    assert paths(again) == ["/d", "/d/x"]


def test_many_duplicates_are_noted_three_times_and_counted() -> None:
    members = [file(f"f{n}") for n in range(10)]
    found = stack(layer(*members, *members)).image
    assert found.problems == ()
    assert len(found.notes) == 4
    assert found.notes[-1].startswith("layer 0: 7 more like it: ")


# -- hard links --------------------------------------------------------------------------------


def test_hard_links_form_a_set_of_paths() -> None:
    found = entries(stack(layer(file("b", b"1"), hardlink("a", "b"), hardlink("d/c", "/b"))))
    assert {path: entry.links for path, entry in found.items()} == {
        "/a": "/a", "/b": "/a", "/d": None, "/d/c": "/a",
    }  # fmt: skip
    assert {found[path].sha256 for path in ("/a", "/b", "/d/c")} == {found["/a"].sha256}


def test_target_of_a_hard_link_may_be_written_in_any_way() -> None:
    for target in ("b/x", "/b/x", "./b/x", "b//x", "c/../b/x", "../b/x", "s/x"):
        members = (directory("b/"), file("b/x", b"1"), symlink("s", "b"), hardlink("a", target))
        assert entries(stack(layer(*members)))["/a"].links == "/a", target


def test_last_header_counts_for_all_names() -> None:
    found = entries(
        stack(layer(file("a", b"1", mode=0o600), hardlink("b", "a", mode=0o640, uid=9)))
    )
    assert {(found[path].mode, found[path].uid) for path in ("/a", "/b")} == {(0o640, 9)}


def test_single_remaining_name_is_not_a_set() -> None:
    found = stack(layer(file("a", b"1"), hardlink("b", "a")), layer(file(".wh.b")))
    assert entries(found)["/a"].links is None


def test_replaced_name_leaves_the_set() -> None:
    members = (file("a", b"1"), hardlink("b", "a"), hardlink("c", "a"))
    found = entries(stack(layer(*members), layer(file("b", b"new"))))
    assert [found[path].links for path in ("/a", "/b", "/c")] == ["/a", None, "/a"]
    assert found["/b"].size == 3


def test_hard_link_to_a_lower_layer_is_followed_and_noted() -> None:
    found = stack(layer(file("a", b"1")), layer(hardlink("b", "a")))
    assert {entry.links for entry in entries(found).values()} == {"/a"}
    assert "b is a hard link to a, which is not in its layer" in found.image.notes[0]
    assert found.image.problems == ()


def test_hard_link_before_its_target_is_refused() -> None:
    with pytest.raises(LabError, match="is a hard link to /b, which is not a file in"):
        stack(layer(hardlink("a", "b"), file("b", b"1")))


def test_hard_link_to_nothing_itself_or_a_directory_is_refused() -> None:
    with pytest.raises(LabError, match="is a hard link to /gone, which is not a file in"):
        stack(layer(hardlink("a", "gone")))
    with pytest.raises(LabError, match="is a hard link to /a, which is not a file in"):
        stack(layer(hardlink("a", "a")))
    with pytest.raises(LabError, match="is a hard link to a directory"):
        stack(layer(directory("d/"), hardlink("a", "d")))
    with pytest.raises(LabError, match="is a hard link to /d, which is not a file in"):
        stack(layer(directory("d/")), layer(hardlink("a", "d")))


def test_hard_link_to_a_symlink_fifo_or_device() -> None:
    found = entries(stack(layer(
        symlink("s", "x"), hardlink("s2", "s"), fifo("p"), hardlink("p2", "p"),
        device("n", b"3", (1, 3)), hardlink("n2", "n"),
    )))  # fmt: skip
    assert (found["/s2"].kind, found["/s2"].target, found["/s2"].links) == (Kind.SYMLINK, "x", "/s")
    assert (found["/p2"].kind, found["/p2"].links) == (Kind.FIFO, "/p")
    assert (found["/n2"].device, found["/n2"].links) == ((1, 3), "/n")


def test_chain_of_hard_links() -> None:
    found = entries(stack(layer(file("a", b"1"), hardlink("b", "a"), hardlink("c", "b"))))
    assert {entry.links for entry in found.values()} == {"/a"}
