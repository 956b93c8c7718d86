"""Why the tar reader is our own: what Python's ``tarfile`` does with a broken archive.

When this fails, ``tarfile`` has changed: measure again (docs/verifier.md, "With what it is read").
"""

from __future__ import annotations

import io
import tarfile

import pytest

from scratchlab.errors import LabError

from .archives import classic, image
from .build import directory, file, layer
from .reading import read

LAYER = layer(directory("a/"), file("a/1", b"1"), file("a/2", b"2"), file("a/3", b"3"))
BROKEN = LAYER.replace(b"a/2\0", b"a/X\0", 1)  # its checksum is no longer right


@pytest.mark.parametrize("mode", ["r:", "r|"])
@pytest.mark.parametrize("errorlevel", [0, 1, 2])
def test_tarfile_ends_silently_at_a_broken_header(mode: str, errorlevel: int) -> None:
    with tarfile.open(fileobj=io.BytesIO(BROKEN), mode=mode, errorlevel=errorlevel) as tar:  # type: ignore[call-overload]
        assert tar.getnames() == ["a", "a/1"]


def test_tarfile_ends_silently_where_the_archive_does() -> None:
    """It is cut within a header, and has no end marker."""
    with tarfile.open(fileobj=io.BytesIO(LAYER[: 512 * 3 + 100])) as tar:
        assert tar.getnames() == ["a", "a/1"]


def test_this_reader_refuses_both() -> None:
    for data in (BROKEN, LAYER[: 512 * 3 + 100]):
        with pytest.raises(LabError, match=r"a header's checksum is wrong|truncated in a header"):
            read(classic(image(data)))
