"""Properties of any input: hypothesis searches for one that breaks them."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scratchlab.collect.image.layers.paths import to_key, to_path
from scratchlab.collect.image.problems import DamageError
from scratchlab.collect.image.tar import header, pax
from scratchlab.errors import LabError

from . import build
from .archives import FORMATS, Made, classic, image
from .build import directory, file, layer, sha256, symlink
from .reading import entries, paths, read, stack
from .test_sparse import FORMATS as SPARSE

IMAGE = image(layer(directory("d/"), file("d/f", b"x" * 700), symlink("s", "d")), layer(file("g")))
ARCHIVES = {name: make(IMAGE) for name, make in FORMATS.items()}


# -- tar headers and PAX records -------------------------------------------------------------------


@given(st.integers(-(1 << 62), 1 << 62))
def test_number_is_read_as_it_was_written(value: int) -> None:
    assert header.parse_number(build.number(value, 12)) == value


@given(st.binary(min_size=8, max_size=12))
def test_number_field_is_a_number_or_damage(raw: bytes) -> None:
    try:
        value = header.parse_number(raw)
    except DamageError:
        return
    assert -(1 << 63) <= value < 1 << 63


@given(st.binary(min_size=512, max_size=512))
def test_valid_header_claims_nothing_impossible(raw: bytes) -> None:
    try:
        found = header.parse_header(build.checked(raw))
        header.validate(found)
    except DamageError:
        return
    assert 0 <= found.size < 1 << 63
    assert 0 <= found.stored <= found.size
    assert 0 <= found.uid < 1 << 32
    assert 0 <= found.gid < 1 << 32
    assert 0 <= found.mode <= 0o7777
    assert b"\0" not in found.name + found.link


keys = st.binary(min_size=1).filter(lambda key: not set(b"=\0") & set(key))
records = st.lists(st.tuples(keys, st.binary()))


@given(records)
def test_records_are_read_as_they_were_written(pairs: list[tuple[bytes, bytes]]) -> None:
    named = (b"path", b"linkpath", b"GNU.sparse.name")
    pairs = [(key, value.replace(b"\0", b"") if key in named else value) for key, value in pairs]
    assert pax.parse_records(b"".join(build.record(key, value) for key, value in pairs)) == pairs


@given(st.binary() | records.map(lambda all_: b"".join(build.record(*pair) for pair in all_)[1:]))
def test_records_are_records_or_damage(data: bytes) -> None:
    try:
        found = pax.parse_records(data)
    except DamageError:
        return
    rebuilt = b"".join(build.record(key, value) for key, value in found)
    assert len(rebuilt) <= len(data) + 8 * len(found)


@given(st.integers(-(10**15), 10**15))
def test_time_is_read_to_the_nanosecond(nanoseconds: int) -> None:
    seconds, rest = divmod(abs(nanoseconds), 10**9)
    text = f"{'-' if nanoseconds < 0 else ''}{seconds}.{rest:09d}".encode()
    (entry,) = entries(stack(layer(file("x", pax={b"mtime": text})))).values()
    assert entry.mtime == nanoseconds


# -- names -----------------------------------------------------------------------------------------


@given(st.binary(max_size=200) | st.text("./a\n", max_size=60).map(str.encode))
def test_any_name_stays_below_the_root(name: bytes) -> None:
    try:
        path = to_path(to_key(name.replace(b"\0", b"")))
    except DamageError:
        return
    assert path.startswith(b"/")
    parts = path.split(b"/")[1:]
    assert path == b"/" or not {b"", b".", b".."} & set(parts)
    assert to_path(to_key(path)) == path


# -- whole archives --------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(ARCHIVES)),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=20),
    st.floats(0, 1),
)
def test_damaged_archive_is_read_right_or_refused_in_one_line(
    name: str, changes: Sequence[tuple[float, int]], cut: float
) -> None:
    """With bytes changed and the end cut off: no other error, and no other ledger."""
    data = bytearray(ARCHIVES[name])
    for at, value in changes:
        data[int(at * (len(data) - 1))] = value
    if cut < 0.3:
        del data[int(cut * len(data)) :]
    try:
        found = read(bytes(data))
    except LabError:
        return
    if found.image.id == IMAGE.id:
        assert paths(found) == ["/d", "/d/f", "/g", "/s"]
    found.ledger.close()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=3000))
def test_random_bytes_are_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(LabError) as caught:
        read(data)
    assert "\n" not in str(caught.value)


# -- sparse files ----------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(SPARSE)),
    st.lists(st.tuples(st.integers(0, 3000), st.binary(max_size=1500)), max_size=12),
    st.integers(0, 2000),
)
def test_sparse_file_has_the_content_it_has_on_disk(
    name: str, spaced: list[tuple[int, bytes]], tail: int
) -> None:
    content, parts = b"", []
    for hole, data in spaced:
        content += bytes(hole)
        parts.append((len(content), data))
        content += data
    content += bytes(tail)
    # An unused pair ends the list in the header, so none may be empty but the last.
    parts = [part for part in parts if part[1]]
    found = entries(stack(layer(SPARSE[name](parts, len(content)))))["/sparse"]
    assert (found.size, found.sha256) == (len(content), sha256(content))


# -- layers, against a model of a few lines --------------------------------------------------------

PARTS = ("a", "b", "c")


def random_layer(dice: random.Random) -> list[tuple[str, str]]:
    """Entries of one layer, without duplicates or anything below a non-directory."""
    made: dict[str, str] = {}
    for _ in range(dice.randint(0, 6)):
        path = "/".join(dice.choice(PARTS) for _ in range(dice.randint(1, 3)))
        kind = dice.choice(["file", "directory", "whiteout", "opaque", "fifo"])
        parents = [path[:at] for at, char in enumerate(path) if char == "/"]
        bare = [other for other in made if made[other] not in ("directory", "whiteout", "opaque")]
        if path in made or any(parent in bare for parent in parents):
            continue
        if kind in ("file", "fifo") and any(other.startswith(path + "/") for other in made):
            continue
        if kind == "opaque" and path in bare:
            continue
        made[path] = kind
    return list(made.items())


def packed(made: list[tuple[str, str]]) -> bytes:
    return layer(*(member(path, kind) for path, kind in made))


def member(path: str, kind: str) -> bytes:
    head, _, base = path.rpartition("/")
    if kind == "whiteout":
        return file(f"{head}/.wh.{base}".lstrip("/"))
    if kind == "opaque":
        return file(f"{path}/.wh..wh..opq")
    if kind == "directory":
        return directory(path)
    return file(path, path.encode()) if kind == "file" else build.fifo(path)


def model(layers: list[list[tuple[str, str]]]) -> dict[str, tuple[str, int]]:
    """{path: (kind, layer)} by the specification."""
    root: dict[str, tuple[str, int]] = {}

    def drop(path: str, *, itself: bool) -> None:
        for other in list(root):
            if other.startswith(path + "/") or (itself and other == path):
                del root[other]

    for index, made in enumerate(layers):
        for path, kind in made:
            if kind in ("whiteout", "opaque"):
                drop(path, itself=kind == "whiteout")
        for path, kind in made:
            # A whiteout's directory, and an opaque one, are of this layer too.
            upto = path if kind == "opaque" else path.rpartition("/")[0]
            parts = upto.split("/") if upto else []
            for parent in ("/".join(parts[: n + 1]) for n in range(len(parts))):
                root[parent] = ("directory", index)
            if kind in ("file", "fifo", "directory"):
                if kind != "directory":
                    drop(path, itself=False)
                root[path] = (kind, index)
    return root


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 1 << 40))
def test_layers_add_up_as_in_the_specification(seed: int) -> None:
    dice = random.Random(seed)
    layers = [random_layer(dice) for _ in range(dice.randint(1, 4))]
    found = read(classic(Made(tuple(packed(made) for made in layers))))
    kinds = {"file": "file", "fifo": "fifo", "directory": "directory"}
    actual = {
        path[1:]: (kinds[str(entry.kind)], entry.layer) for path, entry in entries(found).items()
    }
    assert actual == model(layers)
    found.ledger.close()


@given(st.binary(min_size=header.BLOCK, max_size=header.BLOCK))
@example(b"\xff" * header.BLOCK)
@example(bytes(header.BLOCK))
def test_a_checksum_is_the_sum_of_all_bytes(block: bytes) -> None:
    assert header._sum(block) == sum(block)
