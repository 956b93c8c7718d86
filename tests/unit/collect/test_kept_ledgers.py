"""A kept ledger is used only if root alone can have written it, for this image, undamaged."""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import scratchlab
from scratchlab.collect.image import ledger_cache
from scratchlab.collect.image.ledger_cache import LedgerCache
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Image, Kind

IMAGE = Image(id="sha256:" + "a" * 64, diff_ids=("sha256:1",))
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the cache is root's")


@pytest.fixture
def cache(tmp_path: Path) -> LedgerCache:
    found = LedgerCache(tmp_path / "ledgers")
    with Ledger([Entry("/x", Kind.FILE, 0o644)]) as ledger:
        found.keep("docker", IMAGE, ledger)
    return found


def test_what_was_kept_is_found(cache: LedgerCache) -> None:
    found = cache.find("docker", IMAGE.id, IMAGE.diff_ids)
    assert found is not None
    assert found[0] == replace(IMAGE, source="kept")
    with found[1] as ledger:
        assert [entry.path for entry in ledger] == ["/x"]


def test_the_digest_that_was_kept_with_it_is_not_made_again(
    cache: LedgerCache, tmp_path: Path
) -> None:
    (file,) = (tmp_path / "ledgers").glob("*.json")
    record = json.loads(file.read_text())
    found = cache.find("docker", IMAGE.id, IMAGE.diff_ids)
    assert found is not None
    with found[1] as ledger:
        assert ledger.digest() == record["digest"]
    file.write_text(json.dumps({**record, "digest": "as kept"}))
    found = cache.find("docker", IMAGE.id, IMAGE.diff_ids)
    assert found is not None
    with found[1] as ledger:
        assert ledger.digest() == "as kept"


def test_another_image_engine_or_list_of_layers_is_not_found(cache: LedgerCache) -> None:
    assert cache.find("docker", "sha256:" + "b" * 64, IMAGE.diff_ids) is None
    assert cache.find("podman", IMAGE.id, IMAGE.diff_ids) is None
    assert cache.find("docker", IMAGE.id, ("sha256:2",)) is None
    assert cache.find("docker", IMAGE.id, ()) is None
    assert cache.find("docker", "../" + IMAGE.id, IMAGE.diff_ids) is None


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o720, 0o702, 0o777, 0o755])
def test_a_directory_that_others_can_reach_is_not_read(
    cache: LedgerCache, tmp_path: Path, mode: int
) -> None:
    os.chmod(tmp_path / "ledgers", mode)
    assert cache.find("docker", IMAGE.id, IMAGE.diff_ids) is None


def test_a_directory_of_somebody_else_or_a_link_is_not_read(
    cache: LedgerCache, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to("ledgers")
    assert LedgerCache(tmp_path / "link").find("docker", IMAGE.id, IMAGE.diff_ids) is None
    os.chown(tmp_path / "ledgers", 1000, 0)
    assert cache.find("docker", IMAGE.id, IMAGE.diff_ids) is None


@pytest.mark.parametrize("image_id", ["b" * 63, "B" * 64, "", "../" + "b" * 61])
def test_nothing_is_kept_under_what_is_no_digest(image_id: str, tmp_path: Path) -> None:
    with Ledger() as ledger:
        LedgerCache(tmp_path / "ledgers").keep("docker", replace(IMAGE, id=image_id), ledger)
    assert os.listdir(tmp_path) == []


def test_nothing_is_kept_where_others_write(tmp_path: Path) -> None:
    (tmp_path / "ledgers").mkdir()
    os.chmod(tmp_path / "ledgers", 0o777)
    with Ledger() as ledger:
        LedgerCache(tmp_path / "ledgers").keep("docker", IMAGE, ledger)
    assert os.listdir(tmp_path / "ledgers") == []


@pytest.mark.parametrize("error", [OSError, sqlite3.OperationalError])
def test_a_ledger_that_cannot_be_written_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def refused(*_: object) -> None:
        raise error("No space left on device")

    monkeypatch.setattr(Ledger, "save", refused)
    with Ledger() as ledger:
        LedgerCache(tmp_path / "ledgers").keep("docker", IMAGE, ledger)
    assert os.listdir(tmp_path / "ledgers") == []


def test_a_damaged_ledger_is_not_used(cache: LedgerCache, tmp_path: Path) -> None:
    (file,) = (tmp_path / "ledgers").glob("*.ledger")
    file.write_bytes(file.read_bytes() + b"\0")
    assert cache.find("docker", IMAGE.id, IMAGE.diff_ids) is None


def test_a_damaged_record_is_not_used(cache: LedgerCache, tmp_path: Path) -> None:
    (file,) = (tmp_path / "ledgers").glob("*.json")
    whole = json.loads(file.read_text())
    damaged: list[Any] = [{}, [], {**whole, "sha256": "0" * 64}, {**whole, "image": {"id": 7}}]
    for record in damaged:
        file.write_text(json.dumps(record))
        assert cache.find("docker", IMAGE.id, IMAGE.diff_ids) is None


def keep(cache: LedgerCache, *names: str) -> list[Image]:
    """Keep an image for each of ``names``, the oldest first."""
    images = [replace(IMAGE, id=f"sha256:{name * 64}") for name in names]
    for age, image in enumerate(images):
        with Ledger([Entry("/x", Kind.FILE, 0o644)]) as ledger:
            cache.keep("docker", image, ledger)
        os.utime(cache._directory / f"docker-{image.id[7:]}.ledger", (age, age))
    return images


def are_kept(cache: LedgerCache, images: list[Image]) -> list[bool]:
    files = {path.name for path in cache._directory.iterdir()}
    kept = [f"docker-{image.id[7:]}" for image in images]
    pairs = [(f"{name}.ledger" in files, f"{name}.json" in files) for name in kept]
    assert all(ledger == record for ledger, record in pairs)
    return [ledger for ledger, _ in pairs]


def size_of_one(cache: LedgerCache) -> int:
    return max(path.stat().st_size for path in cache._directory.glob("*.ledger"))


def test_the_oldest_go_where_all_together_are_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each alone is small enough."""
    cache = LedgerCache(tmp_path / "ledgers")
    images = keep(cache, "a", "b", "c")
    size = size_of_one(cache)
    for most, kept in ((3 * size, [True] * 3), (2 * size, [False, True, True])):
        monkeypatch.setattr(ledger_cache, "_MOST_BYTES", most)
        cache._prune()
        assert are_kept(cache, images) == kept


def test_the_newest_stays_however_large_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = LedgerCache(tmp_path / "ledgers")
    images = keep(cache, "a", "b")
    monkeypatch.setattr(ledger_cache, "_MOST_BYTES", size_of_one(cache) - 1)
    cache._prune()
    assert are_kept(cache, images) == [False, True]


def test_the_oldest_go_where_they_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_cache, "_MOST", 2)
    cache = LedgerCache(tmp_path / "ledgers")
    assert are_kept(cache, keep(cache, "a", "b", "c")) == [False, True, True]


def test_what_is_used_is_not_the_oldest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = LedgerCache(tmp_path / "ledgers")
    images = keep(cache, "a", "b", "c")
    found = cache.find("docker", images[0].id, IMAGE.diff_ids)
    assert found is not None
    found[1].close()
    monkeypatch.setattr(ledger_cache, "_MOST", 2)
    cache._prune()
    assert are_kept(cache, images) == [True, False, True]


def test_a_ledger_without_its_record_goes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = LedgerCache(tmp_path / "ledgers")
    images = keep(cache, "a", "b")
    (cache._directory / f"docker-{'a' * 64}.json").unlink()
    monkeypatch.setattr(ledger_cache, "_MOST", 1)
    cache._prune()
    assert are_kept(cache, images) == [False, True]


def test_only_the_installed_program_keeps_ledgers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_cache, "INSTALLED", tmp_path)
    monkeypatch.setattr(scratchlab, "__file__", f"{tmp_path}/v1/scratchlab/__init__.py")
    found = ledger_cache.installed_cache()
    assert found is not None
    assert found._directory == tmp_path / "v1/ledgers"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert ledger_cache.installed_cache() is None
    monkeypatch.undo()
    assert ledger_cache.installed_cache() is None  # this one runs from its sources
