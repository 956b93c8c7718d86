"""The directories of an overlay mount, whatever their names are."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from scratchlab import mountinfo
from scratchlab.collect import storage
from scratchlab.collect.storage import OverlayDirectories


def test_directories_come_topmost_first() -> None:
    directories = storage.overlay_directories(("rw", "lowerdir=/b:/a", "upperdir=/u", "workdir=/w"))
    assert directories == OverlayDirectories(("/b", "/a"), "/u")


def test_a_read_only_overlay_has_no_upper_directory() -> None:
    assert storage.overlay_directories(("ro", "lowerdir=/b:/a")).upper is None


def test_colons_and_backslashes_in_names_are_escaped() -> None:
    directories = storage.overlay_directories((r"lowerdir=/a\:b:/c\\:/d\\\:e", r"upperdir=/u\:v"))
    assert directories == OverlayDirectories(("/a:b", "/c\\", "/d\\:e"), "/u:v")


def test_new_kernels_have_one_option_a_directory() -> None:
    directories = storage.overlay_directories(
        ("lowerdir+=/b:c", "lowerdir+=/a", "datadir+=/data", "upperdir=/u")
    )
    assert directories == OverlayDirectories(("/b:c", "/a"), "/u")


def test_data_only_layers_are_not_part_of_the_tree() -> None:
    assert storage.overlay_directories(("lowerdir=/b:/a::/data",)).lower == ("/b", "/a")


NAME = st.text(st.sampled_from("ab:\\ ,/"), min_size=1, max_size=8)


@given(st.lists(NAME, min_size=1, max_size=5))
def test_any_names_are_parsed(names: list[str]) -> None:
    joined = ":".join(name.replace("\\", "\\\\").replace(":", "\\:") for name in names)
    assert storage.overlay_directories((f"lowerdir={joined}",)).lower == tuple(names)


def test_a_comma_and_a_space_in_a_name_survive_mountinfo() -> None:
    line = rb"72 48 0:39 / / rw - overlay overlay rw,lowerdir=/a\054b:/c\040d,upperdir=/u" + b"\n"
    directories = storage.overlay_directories(mountinfo.parse(line)[0].super_options)
    assert directories == OverlayDirectories(("/a,b", "/c d"), "/u")


def test_short_links_are_followed_from_where_the_engine_mounted(tmp_path: Path) -> None:
    store = tmp_path / "overlay2"
    (store / "layer1/diff").mkdir(parents=True)
    (store / "l").mkdir()
    (store / "l/SHORT").symlink_to("../layer1/diff")
    absolute = storage.resolve_directories(OverlayDirectories((f"{store}/l/SHORT",), None), None)
    relative = storage.resolve_directories(
        OverlayDirectories(("l/SHORT",), "mine/diff"), str(store)
    )
    assert absolute.lower == relative.lower == (f"{store}/layer1/diff",)
    assert relative.upper == f"{store}/mine/diff"
