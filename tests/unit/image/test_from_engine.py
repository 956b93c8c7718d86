"""An engine's archive may hold several images: the one with the engine's own layers is read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import pytest

from scratchlab.collect.image.from_engine import read_engine_image
from scratchlab.errors import LabError
from scratchlab.model import Engine
from scratchlab.progress import Progress

from .archives import Made, docker25, image
from .build import file, layer

ONE = image(layer(file("one", b"1")), tags=())
TWO = image(layer(file("two", b"2")), tags=())


class Answers:
    """What an engine answers for the image ``wanted``: an archive with both."""

    def __init__(self, wanted: Made) -> None:
        self._wanted = wanted

    def inspect_image(self, ref: str) -> dict[str, Any]:
        assert ref == "wanted"
        layers = list(self._wanted.diff_ids)
        return {"Id": self._wanted.id, "RootFS": {"Layers": layers}, "RepoTags": ["lab:2"]}

    @contextmanager
    def save(self, ref: str) -> Iterator[BinaryIO]:
        assert ref == "wanted"
        yield io.BytesIO(docker25(ONE, TWO))


def read(wanted: Made) -> tuple[str, list[str], tuple[str, ...]]:
    client: Any = Answers(wanted)
    found, ledger = read_engine_image(client, Engine("docker"), "wanted", Progress())
    with ledger:
        return found.id, [entry.path for entry in ledger if entry.path != "/"], found.tags


@pytest.mark.parametrize(("wanted", "path"), [(ONE, "/one"), (TWO, "/two")])
def test_the_image_with_the_engines_layers_is_read(wanted: Made, path: str) -> None:
    assert read(wanted) == (wanted.id, [path], ("lab:2",))


def test_an_archive_without_it_is_refused() -> None:
    with pytest.raises(LabError):
        read(image(layer(file("three", b"3"))))
