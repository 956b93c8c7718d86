"""Directories of the host: the layers of an overlay, with their whiteouts."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scratchlab.collect.live import read_tree
from scratchlab.ledger import Ledger
from scratchlab.model import Kind
from tests.integration.live_roots import entry

pytestmark = [pytest.mark.root]


@pytest.fixture
def overlay(tmp_path: Path) -> Iterator[Path]:
    for name in ("lower/gone", "lower/replaced/old", "upper", "work", "merged"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "lower/removed").touch()
    options = f"lowerdir={tmp_path}/lower,upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    merged = str(tmp_path / "merged")
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, merged], check=True)
    yield tmp_path
    subprocess.run(["umount", merged], check=True)


def read(path: Path) -> Ledger:
    fd = os.open(path, os.O_PATH)
    try:
        return read_tree(fd)
    finally:
        os.close(fd)


def test_an_upper_layer_has_whiteouts_and_opaque_directories(overlay: Path) -> None:
    (overlay / "merged/removed").unlink()
    (overlay / "merged/gone").rmdir()
    (overlay / "merged/replaced/old").rmdir()
    (overlay / "merged/replaced").rmdir()
    (overlay / "merged/replaced").mkdir()
    upper = read(overlay / "upper")
    for path in ("/removed", "/gone"):
        assert (entry(upper, path).kind, entry(upper, path).device) == (Kind.CHAR, (0, 0))
    assert ("trusted.overlay.opaque", b"y") in entry(upper, "/replaced").xattrs
    merged = read(overlay / "merged")
    assert [found.path for found in merged] == ["/", "/replaced"]
    assert entry(merged, "/replaced").xattrs == ()


def test_another_mount_is_one_entry_with_a_note(overlay: Path) -> None:
    (overlay / "merged/file").touch()
    ledger = read(overlay)
    assert entry(ledger, "/merged").note == "not read: another mount"
    assert not list(ledger.below("/merged"))
    assert entry(ledger, "/upper/file").kind is Kind.FILE


def test_a_file_mounted_over_a_file_is_not_read(overlay: Path) -> None:
    (overlay / "secret").write_bytes(b"secret")
    (overlay / "upper/under").touch()
    subprocess.run(["mount", "--bind", overlay / "secret", overlay / "upper/under"], check=True)
    try:
        found = entry(read(overlay / "upper"), "/under")
    finally:
        subprocess.run(["umount", overlay / "upper/under"], check=True)
    assert (found.sha256, found.note) == (None, "not read: another mount")
