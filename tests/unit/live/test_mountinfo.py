"""mountinfo is parsed as the kernel writes it (proc_pid_mountinfo(5))."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchlab.errors import LabError
from scratchlab.model import Mount
from scratchlab.mountinfo import changes, parse, visible_mounts

# Lines of a real container (Docker 20.10.24, runc 1.1.5), one with a space and a tab in its path.
REAL = rb"""109 63 0:56 / / rw,relatime master:77 - overlay overlay rw,lowerdir=/l/A:/l/B
110 109 0:60 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
111 109 0:61 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
112 111 0:62 / /dev/pts rw,nosuid,noexec - devpts devpts rw,gid=5,mode=620,ptmxmode=666
126 109 254:0 /my\040hosts /etc/tab\011and\134slash rw shared:1 master:2 - ext4 /dev/vda\043 rw
"""

_bytes = st.binary(min_size=1, max_size=12).filter(lambda text: b"\0" not in text)
_text = _bytes.map(os.fsdecode)
_path = _text.map(lambda text: "/" + text)
_number = st.integers(0, 2**31 - 1)
_option = _text.filter(lambda text: text != "-")
_mounts = st.builds(
    Mount,
    id=_number,
    parent=_number,
    device=st.tuples(_number, _number),
    root=_text,
    target=_path,
    options=st.lists(_text, min_size=1, max_size=3).map(tuple),
    propagation=st.lists(_option, max_size=3).map(tuple),
    fstype=_text,
    source=st.one_of(st.just(""), _text),
    super_options=st.lists(_text, min_size=1, max_size=3).map(tuple),
)


def mangle(text: str, more: bytes = b"") -> bytes:
    """Escape a field like the kernel's seq_escape()."""
    special = b" \t\n\\#" + more
    return b"".join(
        b"\\%03o" % byte if byte in special else bytes([byte]) for byte in os.fsencode(text)
    )


def write(mount: Mount) -> bytes:
    """One line, as the kernel's show_mountinfo() writes it."""
    return b" ".join([
        b"%d %d %d:%d" % (mount.id, mount.parent, *mount.device),
        mangle(mount.root),
        mangle(mount.target),
        b",".join(mangle(option, b",") for option in mount.options),
        *(mangle(field) for field in mount.propagation),
        b"-",
        mangle(mount.fstype),
        mangle(mount.source),
        b",".join(mangle(option, b",") for option in mount.super_options) + b"\n",
    ])  # fmt: skip


@given(st.lists(_mounts, max_size=5).map(tuple))
def test_mounts_survive_the_format_of_the_kernel(mounts: tuple[Mount, ...]) -> None:
    assert parse(b"".join(map(write, mounts))) == mounts


@given(st.binary(max_size=200))
def test_any_bytes_are_mounts_or_one_clear_error(text: bytes) -> None:
    try:
        mounts = parse(text)
    except LabError:
        return
    assert len(mounts) == text.count(b"\n")


def test_escapes_and_optional_fields_are_parsed() -> None:
    mount = parse(REAL)[4]
    assert mount.root == "/my hosts"
    assert mount.target == "/etc/tab\tand\\slash"
    assert mount.source == "/dev/vda#"
    assert mount.propagation == ("shared:1", "master:2")
    assert parse(REAL)[0].super_options == ("rw", "lowerdir=/l/A:/l/B")


def test_a_name_that_is_not_utf8_keeps_its_bytes() -> None:
    (mount,) = parse(b"1 0 0:1 / /\xff\xfe rw - tmpfs tmpfs rw\n")
    assert os.fsencode(mount.target) == b"/\xff\xfe"


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"1 0 0:1 / /x rw tmpfs tmpfs rw\n",
        b"1 0 0:1 / /x rw - tmpfs\n",
        b"one 0 0:1 / /x rw - tmpfs tmpfs rw\n",
        b"1 0 01 / /x rw - tmpfs tmpfs rw\n",
        b"1 0 0:1 / x rw - tmpfs tmpfs rw\n",
        b"1 0 0:1 / /x rw - tmpfs tmpfs rw",
    ],
)
def test_a_malformed_line_is_an_error(line: bytes) -> None:
    with pytest.raises(LabError, match="mountinfo"):
        parse(line)


def mount(ident: int, parent: int, target: str, fstype: str = "tmpfs") -> Mount:
    return Mount(ident, parent, (0, ident), "/", target, ("rw",), (), fstype, "none", ("rw",))


def ids(mounts: list[Mount], root: int | None = None) -> dict[str, int]:
    return {target: found.id for target, found in visible_mounts(mounts, root).items()}


def test_the_last_of_stacked_mounts_is_visible() -> None:
    stacked = [mount(1, 0, "/"), mount(2, 1, "/a"), mount(3, 2, "/a"), mount(4, 3, "/a")]
    assert ids(stacked) == {"/": 1, "/a": 4}


def test_a_mount_on_a_parent_directory_hides_what_was_mounted_below_it_before() -> None:
    hidden = [mount(1, 0, "/"), mount(2, 1, "/a/b"), mount(3, 1, "/a")]
    assert ids(hidden) == {"/": 1, "/a": 3}
    again = [*hidden, mount(4, 3, "/a/b")]
    assert ids(again) == {"/": 1, "/a": 3, "/a/b": 4}


def test_parents_decide_and_not_the_order_of_lines() -> None:
    # The root is not the first line when the host pivoted to it after mounting /proc.
    lines = [mount(22, 27, "/proc", "proc"), mount(27, 1, "/", "ext4"), mount(28, 27, "/proc/x")]
    assert ids(lines) == {"/": 27, "/proc": 22}


def test_a_mount_hides_nothing_beside_its_own_directory() -> None:
    assert ids([mount(1, 0, "/"), mount(2, 1, "/ab/c"), mount(3, 1, "/a")]) == {
        "/": 1,
        "/ab/c": 2,
        "/a": 3,
    }


def test_a_mount_over_the_root_does_not_change_the_root_of_a_process() -> None:
    lines = [mount(1, 0, "/"), mount(2, 1, "/a"), mount(3, 1, "/"), mount(4, 3, "/b")]
    assert ids(lines) == {"/": 3, "/b": 4}
    assert ids(lines, root=1) == {"/": 1, "/a": 2}


def test_mounts_of_a_chrooted_process_are_visible_without_their_parent() -> None:
    assert ids([mount(5, 1, "/proc", "proc"), mount(6, 5, "/proc/x")]) == {
        "/proc": 5,
        "/proc/x": 6,
    }


@given(st.lists(st.builds(mount, _number, _number, _path), max_size=6))
def test_a_loop_of_parents_ends(mounts: list[Mount]) -> None:
    for target, found in visible_mounts(mounts).items():
        assert found.target == target


_paths = st.lists(st.sampled_from(["a", "b", "a-b"]), max_size=3).map(
    lambda names: "/".join(["", *names]) or "/"
)


@given(
    st.lists(st.builds(mount, st.integers(0, 9), st.integers(0, 9), _paths), max_size=9),
    st.one_of(st.none(), st.integers(0, 9)),
)
def test_every_path_is_walked_mount_by_mount(mounts: list[Mount], root: int | None) -> None:
    """The kernel's way (fs/namei.c): at each name, up the stack of mounts that stand there."""
    by_id = {found.id: found for found in mounts}

    def above(below: Mount | None, path: str) -> Mount | None:
        seen = {below.id if below else None}
        while True:
            stacked = [
                found
                for found in mounts
                if found.target == path
                and (below.id if below else None)
                == (found.parent if found.parent in by_id and found.parent != found.id else None)
            ]
            if not stacked or stacked[-1].id in seen:
                return below
            below = stacked[-1]
            seen.add(below.id)

    base = by_id.get(root) if root is not None else None
    base = base or above(None, "/")
    expected = {} if base is None else {"/": base}
    for target in dict.fromkeys(found.target for found in mounts if found.target != "/"):
        reached, names = base, target.split("/")
        for end in range(2, len(names) + 1):
            reached = above(reached, "/".join(names[:end]))
        if reached is not None and reached.target == target:
            expected[target] = reached
    assert visible_mounts(mounts, root) == expected


def seconds(stacked: int) -> float:
    """Processor time for as many mounts on one directory, and as many below it."""
    mounts = [mount(1, 0, "/")]
    mounts += [mount(number, number - 1, "/s") for number in range(2, stacked + 2)]
    mounts += [
        mount(stacked + number, stacked + 1, f"/s/d{number}") for number in range(2, stacked + 2)
    ]
    best = 60.0
    for _ in range(3):
        start = time.process_time()
        assert len(visible_mounts(mounts)) == stacked + 2
        best = min(best, time.process_time() - start)
    return best


def test_time_grows_with_the_mounts_and_not_with_their_square() -> None:
    assert seconds(4000) < 24 * seconds(400)  # 10 times where it is linear, 100 times otherwise


def test_changes_name_added_and_removed_mounts() -> None:
    before, after = [mount(1, 0, "/"), mount(2, 1, "/a")], [mount(1, 0, "/"), mount(3, 1, "/b")]
    assert changes(before, before) == ()
    assert changes(before, after) == ("- tmpfs on /a", "+ tmpfs on /b")
