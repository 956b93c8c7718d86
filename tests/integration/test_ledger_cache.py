"""A cached image ledger is the same answer, marked as such; a damaged one is not used."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.models.images import Image as DockerImage

from scratchlab.collect.image.ledger_cache import INSTALLED, LedgerCache, installed_cache
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Image, Kind
from tests.integration.conftest import Run

pytestmark = [pytest.mark.engine, pytest.mark.root]

ROOT = Path(__file__).parents[2]
ID = f"sha256:{'ab' * 32}"
IMAGE = Image(id=ID, tags=("x:1",), diff_ids=("sha256:1",), config={"a": [1]}, problems=("odd",))
ENTRIES = [
    Entry("/", Kind.DIRECTORY, 0o755),
    Entry("/a\udcff", Kind.FILE, 0o4755, 1, 2, 3, "ab", xattrs=(("user.x", b"\0\xff"),), mtime=-5),
    Entry("/n", Kind.CHAR, 0o600, device=(1, 3), layer=2),
]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "ledgers"
    with Ledger(ENTRIES) as ledger:
        LedgerCache(path).keep("docker", IMAGE, ledger)
        ledger.put(Entry("/later", Kind.FILE, 0))  # the ledger itself stays usable
    return path


def find(
    directory: Path, diff_ids: tuple[str, ...] = IMAGE.diff_ids
) -> tuple[Image, Ledger] | None:
    return LedgerCache(directory).find("docker", ID, diff_ids)


def test_a_cached_ledger_has_every_field_and_its_source(directory: Path) -> None:
    cached = find(directory)
    assert cached is not None
    image, ledger = cached
    with ledger:
        assert list(ledger) == ENTRIES
        assert ledger.get("/n") == ENTRIES[2]
    assert image.source == "kept"
    assert (image.id, image.config, image.problems) == (IMAGE.id, IMAGE.config, IMAGE.problems)
    assert {path.stat().st_mode & 0o077 for path in (directory, *directory.iterdir())} <= {0, 0o44}
    assert sorted(path.suffix for path in directory.iterdir()) == [".json", ".ledger"]


def test_another_image_engine_or_layers_are_not_in_the_cache(directory: Path) -> None:
    assert find(directory, ("sha256:2",)) is None
    assert LedgerCache(directory).find("podman", ID, IMAGE.diff_ids) is None
    assert LedgerCache(directory).find("docker", f"sha256:{'cd' * 32}", IMAGE.diff_ids) is None
    assert LedgerCache(directory).find("docker", "../../etc/passwd", IMAGE.diff_ids) is None
    assert LedgerCache(directory / "none").find("docker", ID, IMAGE.diff_ids) is None


def test_a_ledger_with_one_changed_byte_is_not_used(directory: Path) -> None:
    (path,) = directory.glob("*.ledger")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert find(directory) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"image": {}, "sha256": 5}', "\0"])
def test_a_damaged_record_is_not_used(directory: Path, text: str) -> None:
    (path,) = directory.glob("*.json")
    path.write_text(text)
    assert find(directory) is None


def test_a_directory_that_others_may_write_to_or_that_is_a_link_is_not_used(
    directory: Path,
) -> None:
    for mode, owner in ((0o777, 0), (0o700, 1000)):
        directory.chmod(mode)
        os.chown(directory, owner, 0)
        assert find(directory) is None
        with Ledger(ENTRIES) as ledger:
            LedgerCache(directory).keep("docker", IMAGE, ledger)
    directory.chmod(0o700)
    os.chown(directory, 0, 0)
    link = directory.parent / "link"
    link.symlink_to(directory)
    assert find(link) is None
    assert find(directory) is not None


def test_the_number_of_ledgers_is_limited(directory: Path) -> None:
    with Ledger(ENTRIES) as ledger:
        for number in range(40):
            image = Image(id=f"sha256:{number:064x}", diff_ids=("sha256:1",))
            LedgerCache(directory).keep("docker", image, ledger)
    assert len(list(directory.glob("*.ledger"))) == len(list(directory.glob("*.json"))) == 32


def test_a_checkout_has_no_cache() -> None:
    assert installed_cache() is None


# The installed program.


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The program as one file; it unpacks itself at its first start."""
    program = tmp_path_factory.mktemp("installed") / "scratchlab"
    before = set(INSTALLED.iterdir()) if INSTALLED.exists() else set()
    build = [sys.executable, str(ROOT / "scripts/build_zipapp.py"), str(program)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    subprocess.run(build, check=True, capture_output=True, env=environment)
    yield program
    for directory in set(INSTALLED.iterdir()) - before:
        shutil.rmtree(directory)


def verified(program: Path, container: str, *options: str) -> dict[str, Any]:
    report = program.with_suffix(".json")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, str(program), "verify", container, "--json", str(report), *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, Any] = json.loads(report.read_text())
    shown = " ".join(done.stdout.split())
    assert ("kept from an earlier run" in shown) == (found["image"]["source"] == "kept")
    return found


def test_the_installed_program_reads_an_image_once_with_the_same_answer(
    installed: Path, shell_image: DockerImage, run_container: Run
) -> None:
    container = run_container(shell_image)
    name = str(container.name)
    first = verified(installed, name, "--fresh")
    assert first["image"].pop("source") == "archive"
    second = verified(installed, name)  # --fresh keeps nothing
    assert second["image"].pop("source") == "archive"
    third = verified(installed, name)
    assert third["image"].pop("source") == "kept"
    assert first == second == third
    again = verified(installed, name, "--fresh")
    assert again["image"]["source"] == "archive"
