"""An engine's archive may hold several images: the one with the engine's own layers is read."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, BinaryIO

import pytest

from scratchlab.collect.image.from_engine import SharedImages, read_engine_image
from scratchlab.errors import LabError
from scratchlab.ledger import Ledger
from scratchlab.model import Engine, Entry, Image, Kind
from scratchlab.progress import Progress

from .archives import Made, docker25, image
from .build import file, layer

ONE = image(layer(file("one", b"1")), tags=())
TWO = image(layer(file("two", b"2")), tags=())
DOCKER = Engine("docker")


class Answers:
    """What an engine answers for the image ``wanted``: an archive with both."""

    def __init__(self, wanted: Made, **reported: Any) -> None:
        layers = list(wanted.diff_ids)
        self._reported = {"Id": wanted.id, "RootFS": {"Layers": layers}, "RepoTags": ["lab:2"]}
        self._reported |= reported
        self.saved = 0

    def inspect_image(self, ref: str) -> dict[str, Any]:
        assert ref == "wanted"
        return self._reported

    @contextmanager
    def save(self, ref: str) -> Iterator[BinaryIO]:
        assert ref == "wanted"
        self.saved += 1
        yield io.BytesIO(docker25(ONE, TWO))


def read(wanted: Made, **options: Any) -> tuple[str, list[str], tuple[str, ...]]:
    client: Any = Answers(wanted)
    progress = options.pop("progress", Progress())
    found, ledger = read_engine_image(client, DOCKER, "wanted", progress, **options)
    with ledger:
        return found.id, paths(ledger), found.tags


def paths(ledger: Ledger) -> list[str]:
    return [entry.path for entry in ledger if entry.path != "/"]


@pytest.mark.parametrize(("wanted", "path"), [(ONE, "/one"), (TWO, "/two")])
def test_the_image_with_the_engines_layers_is_read(wanted: Made, path: str) -> None:
    assert read(wanted) == (wanted.id, [path], ("lab:2",))


def is_closed(ledger: Ledger) -> bool:
    try:
        ledger.get("/")
    except sqlite3.ProgrammingError:
        return True
    return False


def test_an_archive_of_another_image_is_refused_and_its_ledger_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[Ledger] = []
    real = Ledger.__init__

    def noted(self: Ledger, *arguments: Any, **options: Any) -> None:
        real(self, *arguments, **options)
        opened.append(self)

    monkeypatch.setattr(Ledger, "__init__", noted)
    client: Any = Answers(ONE, Id=TWO.id)
    with pytest.raises(LabError) as refused:
        read_engine_image(client, DOCKER, "wanted", Progress())
    other = TWO.id.removeprefix("sha256:")
    assert str(refused.value) == (
        f"docker saved an archive of image {ONE.id} instead of {other}; try again"
    )
    assert opened
    assert all(map(is_closed, opened))


def test_an_archive_without_it_is_refused() -> None:
    with pytest.raises(LabError):
        read(image(layer(file("three", b"3"))))


class Steps:
    """A display that counts."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, str]] = []
        self.counts: list[int] = []

    def step(self, title: str, unit: str) -> Any:
        self.steps.append((title, unit))
        return self.counts.append


def test_progress_is_told_in_bytes() -> None:
    progress = Steps()
    read(ONE, progress=progress)
    assert progress.steps == [("reading the image", "bytes")]
    assert progress.counts[-1] == len(docker25(ONE, TWO))


class Kept:
    """A cache that has one image, or none."""

    def __init__(self, image: Image | None = None) -> None:
        self.image = image
        self.ledger = Ledger([Entry("/kept", Kind.FILE, 0o644)])
        self.asked: list[Any] = []
        self.kept: list[Any] = []

    def find(self, *arguments: Any) -> tuple[Image, Ledger] | None:
        self.asked.append(arguments)
        return None if self.image is None else (self.image, self.ledger)

    def keep(self, engine: str, image: Image, ledger: Ledger) -> None:
        self.kept.append((engine, image.id, paths(ledger)))


def test_what_is_kept_is_not_read_again() -> None:
    cache: Any = Kept(Image(id=ONE.id, tags=("old:1",), source="kept"))
    client: Any = Answers(ONE)
    found, ledger = read_engine_image(client, DOCKER, "wanted", Progress(), cache)
    assert cache.asked == [("docker", ONE.id, tuple(ONE.diff_ids))]
    assert (client.saved, ledger, cache.kept) == (0, cache.ledger, [])
    assert found == replace(cache.image, tags=("lab:2",))


def test_what_was_read_is_kept() -> None:
    cache: Any = Kept()
    read(ONE, cache=cache)
    assert cache.kept == [("docker", ONE.id, ["/one"])]


def test_containers_of_one_image_share_what_was_read() -> None:
    client: Any = Answers(ONE)
    cache: Any = Kept()
    with SharedImages() as images:
        first = images.read(client, DOCKER, "wanted", Progress(), cache)
        first[1].close()  # of one container: the others go on reading
        assert images.read(client, DOCKER, "wanted", Progress(), cache) is first
        assert (client.saved, paths(first[1]), len(cache.kept)) == (1, ["/one"], 1)
    assert is_closed(first[1])
    images.close()  # again: nothing


def test_only_one_ledger_is_open_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    images = SharedImages()
    from_engine = "scratchlab.collect.image.from_engine.read_engine_image"
    monkeypatch.setattr(from_engine, lambda *given: (Image(id=given[2]), Ledger()))
    client: Any = None

    def read(ref: str) -> tuple[Image, Ledger]:
        return images.read(client, DOCKER, ref, Progress())

    one, two = read("one"), read("two")
    assert [image.id for image, _ in (one, two)] == ["one", "two"]
    assert (is_closed(one[1]), is_closed(two[1])) == (True, False)
    images.close()
    assert is_closed(two[1])
    assert not is_closed(read("two")[1])
    images.close()
