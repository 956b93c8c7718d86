"""Members of a layer: type, numbers, names, attributes and times, in every encoding."""

from __future__ import annotations

import base64
import io
import tarfile

import pytest

from scratchlab.errors import LabError
from scratchlab.model import Entry, Kind

from .build import (
    block,
    checked,
    device,
    directory,
    fifo,
    file,
    gnu_long,
    hardlink,
    layer,
    padded,
    pax,
    record,
    sha256,
    symlink,
)
from .reading import entries, paths, stack


def one(*members: bytes) -> Entry:
    """The only entry of a layer."""
    (entry,) = entries(stack(layer(*members))).values()
    return entry


def refused(*members: bytes, message: str) -> None:
    with pytest.raises(LabError, match=message) as caught:
        stack(layer(*members))
    assert "\n" not in str(caught.value)


# -- types ---------------------------------------------------------------------------------------


def test_every_type() -> None:
    found = entries(stack(layer(
        file("file", b"content"), directory("directory/"), symlink("link", "/etc/passwd"),
        fifo("pipe"),
        device("char", b"3", (10, 130), mode=0o600), device("block", b"4", (259, 100_000)),
    )))  # fmt: skip
    assert {path: entry.kind for path, entry in found.items()} == {
        "/block": Kind.BLOCK, "/char": Kind.CHAR, "/file": Kind.FILE, "/directory": Kind.DIRECTORY,
        "/link": Kind.SYMLINK, "/pipe": Kind.FIFO,
    }  # fmt: skip
    assert (found["/char"].device, found["/block"].device) == ((10, 130), (259, 100_000))
    assert found["/file"].sha256 == sha256(b"content")
    assert found["/link"].target == "/etc/passwd"
    assert found["/pipe"].sha256 is None


def test_v7_headers_mark_directories_by_a_slash() -> None:
    v7 = bytes(8)
    found = entries(stack(layer(
        block(b"d/", b"\0", magic=v7), block(b"d/f", b"\0", size=3, magic=v7) + padded(b"abc"),
    )))  # fmt: skip
    assert (found["/d"].kind, found["/d/f"].kind) == (Kind.DIRECTORY, Kind.FILE)
    assert found["/d/f"].size == 3


def test_contiguous_files_are_files() -> None:
    assert one(block(b"x", b"7", size=1) + padded(b"1")).sha256 == sha256(b"1")


@pytest.mark.parametrize("kind", [b"A", b"D", b"M", b"N", b"V", b"X", b"\xff", b"8"])
def test_types_that_no_engine_unpacks_are_refused(kind: bytes) -> None:
    refused(block(b"x", kind), message="which no engine unpacks")


def test_whiteout_device_is_noted() -> None:
    found = stack(layer(device("x", b"3", (0, 0)), device("y", b"4", (0, 0))))
    assert found.image.problems == ()
    assert found.image.notes == (
        "layer 0: x is a character device 0:0, which overlayfs treats as a whiteout",
    )


def test_size_of_a_type_without_data_is_ignored() -> None:
    """star wrote sizes for symlinks, directories and devices."""
    found = stack(
        layer(block(b"d/", b"5", size=512), block(b"s", b"2", size=9, link=b"t"), file("x"))
    )
    assert paths(found) == ["/d", "/s", "/x"]


# -- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0, 0o644, 0o4755, 0o2755, 0o1777, 0o7777])
def test_all_permission_bits(mode: int) -> None:
    assert one(file("x", mode=mode)).mode == mode
    assert one(directory("x/", mode=mode)).mode == mode


def test_type_bits_in_the_mode_field_are_ignored() -> None:
    assert one(file("x", mode=0o100644)).mode == 0o644


def test_symlink_has_mode_0777_as_in_linux() -> None:
    assert one(symlink("x", "y", mode=0o644)).mode == 0o777


@pytest.mark.parametrize("number", [0, 0o7777777, 2_097_152, 4_294_967_295])
def test_large_owners_in_base_256_and_in_pax(number: int) -> None:
    assert (one(file("x", uid=number)).uid, one(file("x", gid=number)).gid) == (number, number)
    text = str(number).encode()
    found = one(file("x", pax={b"uid": text, b"gid": text}))
    assert (found.uid, found.gid) == (number, number)


def test_impossible_owners_are_refused() -> None:
    refused(file("x", uid=1 << 32), message="claims the owner 4294967296:0")
    refused(file("x", gid=-1), message="claims the owner 0:-1")
    refused(file("x", pax={b"uid": b"-1"}), message="claims the owner")
    refused(file("x", pax={b"uid": b"root"}), message="a number is malformed")
    refused(file("x", pax={b"uid": b"9" * 30}), message="a number is malformed")


@pytest.mark.parametrize(
    "style", [b"0000644\0", b"    644\0", b" 644\0\0\0\0", b"000644 \0", b"644 ddd"]
)
def test_octal_numbers_in_every_style(style: bytes) -> None:
    raw = bytearray(block(b"x", b"0"))
    raw[100:108] = style.ljust(8, b"\0")
    if style.endswith(b"ddd"):
        refused(checked(raw), message="a number is missing")
    else:
        assert one(checked(raw)).mode == 0o644


def test_number_that_is_not_octal_is_refused() -> None:
    raw = bytearray(block(b"x", b"0"))
    raw[108:116] = b"0000098\0"
    refused(checked(raw), message="is not octal")


def test_signed_checksum_is_accepted() -> None:
    raw = bytearray(block("ü".encode(), b"0"))
    total = sum(raw) - sum(raw[148:156]) + 8 * 32
    signed = total - 256 * sum(byte > 127 for byte in raw)
    raw[148:156] = b"%06o\0 " % signed
    assert one(file("a", b"")).kind is Kind.FILE
    assert paths(stack(layer(file("a"), bytes(raw)))) == ["/a", "/ü"]


def test_sizes_beyond_the_stream_or_below_zero_are_refused() -> None:
    refused(block(b"x", b"0", size=-1), message="claims a size of -1 bytes")
    refused(block(b"x", b"0", size=1 << 40), message="truncated in x")
    refused(pax({b"size": b"9223372036854775808"}), block(b"x", b"0"), message="claims a size")
    refused(pax({b"size": b"-5"}), block(b"x", b"0"), message="claims a size")


def test_size_in_pax_overrides_the_header() -> None:
    found = one(pax({b"size": b"3"}), block(b"x", b"0", size=0), padded(b"abc"))
    assert (found.size, found.sha256) == (3, sha256(b"abc"))


# -- times ----------------------------------------------------------------------------------------

SECOND = 1_000_000_000


@pytest.mark.parametrize("seconds", [0, 1, 1_700_000_000, 1 << 33, 1 << 34, -1, -(1 << 31)])
def test_times_in_seconds_past_and_future(seconds: int) -> None:
    assert one(file("x", mtime=seconds)).mtime == seconds * SECOND


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        (b"1.123456789", SECOND + 123_456_789),
        (b"1.5", SECOND + 500_000_000),
        (b"1.1234567899", SECOND + 123_456_789),
        (b"1.", SECOND),
        (b"0.000000001", 1),
        (b"-1.5", -1_500_000_000),
        (b"-0.25", -250_000_000),
        (b"17179869184.5", 17_179_869_184_500_000_000),
    ],
)
def test_sub_second_and_negative_times_in_pax(text: bytes, nanoseconds: int) -> None:
    assert one(file("x", mtime=77, pax={b"mtime": text})).mtime == nanoseconds


@pytest.mark.parametrize(
    "text", [b"x", b"1.x", b"1e9", b"--1", b"1.5.5", b"-", b".5", b"9" * 30, b" 1"]
)
def test_malformed_times_are_refused(text: bytes) -> None:
    refused(file("x", pax={b"mtime": text}), message="the time is malformed")


def test_access_and_change_times_are_ignored() -> None:
    assert one(file("x", mtime=5, pax={b"atime": b"x", b"ctime": b"y"})).mtime == 5 * SECOND


# -- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [99, 100, 101, 155, 255])
def test_long_names_in_pax_and_in_gnu(length: int) -> None:
    name = b"x" * length
    assert one(file(name)).path == f"/{'x' * length}"
    gnu = gnu_long(name) + block(name, b"0", magic=b"ustar  \0")
    assert one(gnu).path == f"/{'x' * length}"


def test_long_targets_in_pax_and_in_gnu() -> None:
    target = b"y/" * 1000
    assert one(symlink("x", target)).target == "y/" * 1000
    gnu = gnu_long(target, b"K") + block(b"x", b"2", link=target, magic=b"ustar  \0")
    assert one(gnu).target == "y/" * 1000
    both = gnu_long(target, b"K") + gnu_long(b"n" * 200) + block(b"x", b"2", magic=b"ustar  \0")
    assert one(both).path == "/" + "n" * 200


def test_the_prefix_of_ustar_and_star() -> None:
    assert paths(stack(layer(block(b"name", b"0", prefix=b"some/where")))) == [
        "/some", "/some/where", "/some/where/name",
    ]  # fmt: skip
    star = bytearray(block(b"name", b"0", prefix=b"up" + bytes(129) + b"0" * 12))
    star[508:512] = b"tar\0"
    assert paths(stack(layer(checked(star)))) == ["/up", "/up/name"]


def test_gnu_headers_have_times_in_place_of_the_ustar_prefix() -> None:
    times = b"%011o\0%011o\0" % (1_700_000_000, 1_700_000_000)
    raw = block(b"name", b"0", magic=b"ustar  \0", prefix=times)
    assert paths(stack(layer(raw))) == ["/name"]


def test_tars_written_by_python_are_read() -> None:
    name = "directory/" + "n" * 180 + "/é"
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=form) as tar:
            member = tarfile.TarInfo(name)
            member.uid, member.size, member.mtime = 3_000_000, 4, 1_700_000_000
            tar.addfile(member, io.BytesIO(b"data"))
        found = entries(stack(out.getvalue()))
        assert found[f"/{name}"].uid == 3_000_000
        assert found[f"/{name}"].sha256 == sha256(b"data")


@pytest.mark.parametrize(
    "written", ["a/x", "./a/x", "/a/x", "a//x", "a/./x", "b/../a/x", "../a/x", "/../../a/x", "a/x/"]
)
def test_names_are_cleaned_and_stay_below_the_root(written: str) -> None:
    found = stack(
        layer(directory("a/"), file(written) if written[-1] != "/" else directory(written))
    )
    assert paths(found) == ["/a", "/a/x"]
    leads_out = written.startswith(("../", "/../"))
    assert found.image.problems == ()
    assert len(found.image.notes) == leads_out
    if leads_out:
        assert "leads out of the root: read as /a/x" in found.image.notes[0]


@pytest.mark.parametrize(
    "name",
    [b"\xff\xfe", b"new\nline", b"\x1b[31m", "e\u0301".encode(), "é".encode(), b" ", b"\\", b"-"],
)
def test_names_are_bytes(name: bytes) -> None:
    assert one(file(name)).path == "/" + name.decode("utf-8", "surrogateescape")
    assert one(symlink("x", name)).target == name.decode("utf-8", "surrogateescape")


def test_composed_and_decomposed_names_differ() -> None:
    assert len(paths(stack(layer(file("e\u0301"), file("é"))))) == 2


def test_names_that_linux_does_not_allow_are_refused() -> None:
    refused(file(b"x" * 256), message="is longer than Linux allows")
    refused(file(b"x/" * 2050 + b"y"), message="is longer than Linux allows")
    refused(symlink("x", b"y" * 4096), message="impossible target")
    refused(symlink("x", b""), message="impossible target")
    deep = b"x/" * 2040 + b"y"
    assert len(paths(stack(layer(file(deep))))) == 2041


def test_empty_name_is_the_root() -> None:
    refused(file(b""), message="its root is not a directory")


# -- PAX records ----------------------------------------------------------------------------------


def test_empty_pax_value_leaves_the_header_unchanged() -> None:
    found = one(file("x", uid=5, pax={b"uid": b"", b"path": b"", b"mtime": b""}))
    assert (found.path, found.uid) == ("/x", 5)


def test_global_headers_are_ignored_as_in_docker() -> None:
    found = stack(layer(pax({b"uid": b"77", b"path": b"z"}, b"g"), file("x"), file("y")))
    assert paths(found) == ["/x", "/y"]
    assert {entry.uid for entry in entries(found).values()} == {0}


def test_several_kinds_of_extended_headers_before_one_member() -> None:
    both = gnu_long(b"gnu") + pax({b"path": b"pax", b"uid": b"9"}) + block(b"own", b"0")
    found = one(both)
    assert (found.path, found.uid) == ("/pax", 9)


@pytest.mark.parametrize(
    "data",
    [
        b"x", b"5", b"30 path=short\n", b"0 a=b\n", b"6 a=b ", b"5 =b\n", b"4 ab\n", b"-6 a=b\n",
        b"99999999999999999999 a=b\n", b"6 a=b\n7", record(b"path", b"a\0b"), record(b"a\0b", b"c"),
        b"3 \n", b" 6 a=b\n", b"06 a=b",
    ],
)  # fmt: skip
def test_broken_pax_records_are_refused(data: bytes) -> None:
    header = block(b"PaxHeaders/x", b"x", size=len(data)) + padded(data)
    refused(header, file("x"), message="a PAX header")


def test_oversized_extended_headers_are_refused() -> None:
    header = block(b"PaxHeaders/x", b"x", size=(1 << 20) + 1)
    refused(header, message="an extended header claims 1048577 bytes")
    refused(block(b"x", b"L", size=-1), message="an extended header claims -1 bytes")


def test_extended_header_at_the_end_is_ignored() -> None:
    assert paths(stack(layer(file("x"), pax({b"path": b"y"})))) == ["/x"]


# -- extended attributes --------------------------------------------------------------------------

CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")


def test_attributes_in_schily_form_are_bytes() -> None:
    found = one(file("x", pax={
        b"SCHILY.xattr.security.capability": CAPABILITY,
        b"SCHILY.xattr.user.text": b"a=b\nc\0d\xff",
        b"SCHILY.xattr.user.empty": b"",
    }))  # fmt: skip
    assert found.xattrs == (
        ("security.capability", CAPABILITY),
        ("user.empty", b""),
        ("user.text", b"a=b\nc\0d\xff"),
    )


def test_attributes_in_libarchive_form_are_read_and_noted() -> None:
    value = base64.b64encode(CAPABILITY).rstrip(b"=")
    made = {b"LIBARCHIVE.xattr.security.capability": value, b"LIBARCHIVE.xattr.user.a%25b": b"AA"}
    found = stack(layer(file("x", pax=made)))
    assert entries(found)["/x"].xattrs == (("security.capability", CAPABILITY), ("user.a%b", b"\0"))
    assert "in LIBARCHIVE's form only" in found.image.notes[0]
    assert found.image.problems == ()


def test_attribute_in_both_forms_is_one() -> None:
    found = stack(layer(file("x", pax={
        b"LIBARCHIVE.xattr.user.a": b"AA==", b"SCHILY.xattr.user.a": b"\0",
    })))  # fmt: skip
    assert entries(found)["/x"].xattrs == (("user.a", b"\0"),)
    assert (found.image.problems, found.image.notes) == ((), ())


def test_every_type_has_attributes() -> None:
    made = {b"SCHILY.xattr.trusted.x": b"1"}
    found = entries(stack(layer(
        directory("d/", pax=made), symlink("s", "t", pax=made), fifo("p", pax=made),
        device("n", b"3", (1, 3), pax=made), file("f", pax=made), hardlink("h", "f", pax=made),
    )))  # fmt: skip
    assert {entry.xattrs for entry in found.values()} == {(("trusted.x", b"1"),)}


def test_broken_attributes_are_refused() -> None:
    refused(file("x", pax={b"SCHILY.xattr.": b"1"}), message="attribute without a name")
    refused(file("x", pax={b"LIBARCHIVE.xattr.a%00b": b"AA"}), message="attribute without a name")
    refused(file("x", pax={b"LIBARCHIVE.xattr.a": b"?"}), message="not base64")
