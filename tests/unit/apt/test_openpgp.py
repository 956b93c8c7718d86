"""Fingerprints of keys, compared with what gpg says of the keyrings of this distribution."""

from __future__ import annotations

import base64
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from ansible_collections.scratchlab.lab.plugins.module_utils import openpgp
from hypothesis import given
from hypothesis import strategies as some

# A key of version 4 (Ed25519), made for this test, and its fingerprint as gpg 2.2 shows it.
BODY = bytes.fromhex("046500000016092b06010401da470f01010740") + bytes(32)
KEYRINGS = sorted(Path("/usr/share/keyrings").glob("debian-archive-*.gpg"))


def armored(data: bytes, headers: str = "") -> bytes:
    text = base64.encodebytes(data).decode()
    return (
        f"-----BEGIN PGP PUBLIC KEY BLOCK-----\n{headers}\n{text}=AAAA\n"
        "-----END PGP PUBLIC KEY BLOCK-----\n"
    ).encode()


def packet(body: bytes, tag: int = openpgp.PUBLIC_KEY) -> bytes:
    return bytes([0xC0 | tag, len(body)]) + body


@pytest.mark.skipif(
    not (KEYRINGS and shutil.which("gpg")), reason="needs gpg and Debian's keyrings"
)
@pytest.mark.parametrize("path", KEYRINGS, ids=lambda path: path.name)
def test_primary_keys_are_those_that_gpg_shows(path: Path, tmp_path: Path) -> None:
    shown = subprocess.run(
        ["gpg", "--homedir", str(tmp_path), "--show-keys", "--with-colons", str(path)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    keys = shown.split("pub:")[1:]
    wanted = [key.partition("\nfpr:")[2].split(":")[8] for key in keys]
    assert openpgp.fingerprints(path.read_bytes()) == wanted


def test_armored_and_plain_key_have_one_fingerprint() -> None:
    plain = openpgp.fingerprints(packet(BODY))
    assert len(plain) == 1
    assert len(plain[0]) == 40
    assert openpgp.fingerprints(armored(packet(BODY))) == plain
    assert openpgp.fingerprints(armored(packet(BODY), "Version: GnuPG v2\n")) == plain


def test_every_primary_key_is_named_and_no_other_packet() -> None:
    other = BODY[:-1] + b"\1"
    keys = packet(BODY) + packet(b"a user", 13) + packet(b"\4subkey", 14) + packet(other)
    found = openpgp.fingerprints(keys)
    assert len(set(found)) == 2
    assert openpgp.fingerprints(armored(packet(BODY)) + armored(packet(other))) == found


def test_key_of_version_6_has_a_longer_fingerprint() -> None:
    (found,) = openpgp.fingerprints(packet(b"\6" + BODY[1:]))
    assert len(found) == 64


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>moved</html>", armored(b"\xc6\x40short"), packet(b"\3old"), packet(BODY)[:-1],
     b"\xc6", b"\xc6\xe1aa", armored(b"")[:-30], b"\x9bwithout a length",
     b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n???\n-----END PGP PUBLIC KEY BLOCK-----\n"],
)  # fmt: skip
def test_what_is_no_key_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"^it "):
        openpgp.fingerprints(content)


@given(some.binary(max_size=300))
def test_any_bytes_give_fingerprints_or_a_value_error(content: bytes) -> None:
    for data in (content, armored(content)):
        with suppress(ValueError):
            assert all(len(one) in (40, 64) for one in openpgp.fingerprints(data))
