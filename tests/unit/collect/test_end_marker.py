"""Two blocks of zeros end a tar archive; one alone does so only where the file ends."""

from __future__ import annotations

import tarfile

import pytest

from scratchlab.collect.image.limits import ArchiveLimits
from scratchlab.collect.image.problems import DamageError
from scratchlab.collect.image.stream import Cursor
from scratchlab.collect.image.tar.reader import TarReader

BLOCK = bytes(512)


def member() -> bytes:
    """One empty file, without an end marker."""
    return tarfile.TarInfo("f").tobuf(tarfile.USTAR_FORMAT)


def names(end: bytes) -> tuple[list[str], bool]:
    """Names of the members, and whether an end marker was read."""
    reader = TarReader(Cursor(iter([memoryview(member() + end)])), ArchiveLimits())
    return [header.name.decode() for header in reader], reader.ended


@pytest.mark.parametrize(
    ("end", "ended"), [(b"", False), (BLOCK, True), (BLOCK * 2, True), (BLOCK * 9, True)]
)
def test_an_archive_ends_with_its_marker_or_with_the_file(end: bytes, ended: bool) -> None:
    assert names(end) == (["f"], ended)


@pytest.mark.parametrize("more", [member(), b"x" * 512, b"x", bytes(511), BLOCK[:-1] + b"x"])
def test_data_after_half_a_marker_is_damage(more: bytes) -> None:
    with pytest.raises(DamageError, match="data follows half an end marker"):
        names(BLOCK + more)
