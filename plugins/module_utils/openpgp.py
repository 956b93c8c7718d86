"""The fingerprints of OpenPGP keys (RFC 4880, RFC 9580), so that no gpg is needed on a machine.

Pure, and needs only the standard library. It verifies nothing: apt verifies signatures, with the
keys whose fingerprints were compared here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

PUBLIC_KEY = 6  # RFC 9580, 5.: the packet of a primary key
ARMOR = re.compile(
    r"-----BEGIN PGP PUBLIC KEY BLOCK-----[ \t]*\r?\n(.*?)-----END PGP PUBLIC KEY BLOCK-----", re.S
)


def fingerprints(content: bytes) -> list[str]:
    """Return the fingerprints of all primary keys in ``content``, in upper case.

    ``content`` is what a keyring for apt holds: packets, or one or more armored blocks of them.
    Raises ValueError if it is neither, or if a key is older than version 4.
    """
    blocks = [content]
    if not content[:1] or not content[0] & 0x80:  # no packet begins so
        text = content.decode("ascii", errors="replace")
        blocks = [_unarmored(match) for match in ARMOR.findall(text)]
        if not blocks:
            raise ValueError("it is not an OpenPGP key")
    return [
        _fingerprint(body) for block in blocks for tag, body in _packets(block) if tag == PUBLIC_KEY
    ]


def _unarmored(text: str) -> bytes:
    """Return the packets of an armored block: RFC 9580, 6.2 (headers, empty line, base64, CRC)."""
    lines = [line.strip() for line in text.splitlines()]
    while lines and ":" in lines[0]:
        del lines[0]
    data = "".join(line for line in lines if not line.startswith("="))
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise ValueError(f"it has a damaged armor ({error})") from error


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and body of each packet: RFC 9580, 4.2."""
    position = 0
    while position < len(data):
        first = data[position]
        if not first & 0x80:
            raise ValueError("it is not an OpenPGP key")
        if first & 0x40:
            tag, (size, position) = first & 0x3F, _length(data, position + 1)
        else:
            tag, octets = first >> 2 & 0x0F, 1 << (first & 3)
            if octets == 8:
                raise ValueError("it has a packet without a length")
            size = int.from_bytes(data[position + 1 : position + 1 + octets], "big")
            position += 1 + octets
        body = data[position : position + size]
        if len(body) < size:
            raise ValueError("it is cut off")
        yield tag, body
        position += size


def _length(data: bytes, position: int) -> tuple[int, int]:
    """Return the length of a packet of the current format, and where its body begins."""
    first = data[position : position + 1]
    if not first:
        raise ValueError("it is cut off")
    if first[0] < 192:
        return first[0], position + 1
    if first[0] < 224:
        second = data[position + 1 : position + 2] or b"\0"
        return (first[0] - 192 << 8) + second[0] + 192, position + 2
    if first[0] == 255:
        return int.from_bytes(data[position + 1 : position + 5], "big"), position + 5
    raise ValueError("it has a packet of partial length")  # RFC 9580, 4.2.1.4: never for keys


def _fingerprint(body: bytes) -> str:
    """Return the fingerprint of a public key packet: RFC 9580, 5.5.4."""
    version = body[:1]
    if version == b"\x04":
        prefix = b"\x99" + len(body).to_bytes(2, "big")
        return hashlib.sha1(prefix + body, usedforsecurity=False).hexdigest().upper()
    if version == b"\x06":
        return hashlib.sha256(b"\x9b" + len(body).to_bytes(4, "big") + body).hexdigest().upper()
    raise ValueError(f"it has a key of version {version[0] if version else 'unknown'}")
