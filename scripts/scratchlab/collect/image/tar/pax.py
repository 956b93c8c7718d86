"""PAX extended headers (POSIX.1-2001 pax, "pax Header Block")."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote_to_bytes

from scratchlab.collect.image.problems import DamageError, display
from scratchlab.collect.image.tar.header import NANO, Header

Records = list[tuple[bytes, bytes]]
_SCHILY = b"SCHILY.xattr."
_LIBARCHIVE = b"LIBARCHIVE.xattr."
_TEXTS = frozenset({b"path", b"linkpath", b"GNU.sparse.name"})
_DIGITS = 20


def parse_records(data: bytes) -> Records:
    """The records (``LENGTH KEY=VALUE``, newline) of an extended header. Raises DamageError."""
    records: Records = []
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + _DIGITS)
        digits = data[at:space]
        if space < 0 or not digits.isdigit():
            raise DamageError("a length is missing in a PAX header")
        end = at + int(digits)
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if (
            end > len(data)
            or end <= space + 1
            or data[end - 1 : end] != b"\n"
            or not equals
            or not key
        ):
            raise DamageError("a record in a PAX header is truncated or has no key")
        if b"\0" in key or (key in _TEXTS and b"\0" in value):
            raise DamageError("a name in a PAX header contains NUL")
        records.append((key, value))
        at = end
    return records


def apply_records(records: Records, header: Header) -> None:
    """Let ``records`` override the fields of ``header``, except the records of sparse files.

    An empty value leaves the header's own. Raises DamageError.
    """
    for key, value in records:
        if key.startswith(_SCHILY):
            header.xattrs[key[len(_SCHILY) :]] = value
        elif not value:
            continue
        elif key == b"path":
            header.name = value
        elif key == b"linkpath":
            header.link = value
        elif key == b"size":
            header.size = _integer(value, header)
        elif key == b"uid":
            header.uid = _integer(value, header)
        elif key == b"gid":
            header.gid = _integer(value, header)
        elif key == b"mtime":
            header.mtime = _time(value, header)
    # The same attribute may come in both forms (bsdtar's default).
    for key, value in records:
        if key.startswith(_LIBARCHIVE):
            name = unquote_to_bytes(key[len(_LIBARCHIVE) :])
            if name not in header.xattrs:
                header.xattrs[name] = _base64(value, header)
                header.libarchive_only = True
    for name in header.xattrs:
        if not name or b"\0" in name:
            raise DamageError(f"{display(header.name)} has an extended attribute without a name")


def _integer(value: bytes, header: Header) -> int:
    sign = value[:1] == b"-"
    digits = value[sign:]
    if not digits.isdigit() or len(digits) > _DIGITS:
        raise DamageError(f"{display(header.name)} has a PAX header in which a number is malformed")
    return -int(digits) if sign else int(digits)


def _time(value: bytes, header: Header) -> int:
    """Seconds with a fraction, as nanoseconds; finer digits are dropped, as engines do."""
    whole, _, fraction = value.partition(b".")
    sign = -1 if whole[:1] == b"-" else 1
    digits = whole.removeprefix(b"-")
    fine = fraction[:9].ljust(9, b"0")
    if not digits.isdigit() or len(digits) > _DIGITS or (fraction and not fraction.isdigit()):
        raise DamageError(f"{display(header.name)} has a PAX header in which the time is malformed")
    return sign * (int(digits) * NANO + int(fine))


def _base64(value: bytes, header: Header) -> bytes:
    try:
        # libarchive leaves the padding out.
        return base64.b64decode(
            value.rstrip(b"=") + b"=" * (-len(value.rstrip(b"=")) % 4), validate=True
        )
    except binascii.Error:
        raise DamageError(
            f"{display(header.name)} has an extended attribute that is not base64"
        ) from None
