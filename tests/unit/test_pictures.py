"""Every picture of the documents is made by one command, and shown somewhere."""

from __future__ import annotations

from tests import documents
from tests.browser import pictures


def test_the_command_makes_every_picture_and_a_document_shows_each() -> None:
    directory = documents.ROOT / "docs"
    assert sorted(pictures.NAMES) == sorted(file.stem for file in directory.glob("*.png"))
    pages = [documents.ROOT / "README.md", *directory.glob("*.md")]
    text = "".join(page.read_text("utf-8") for page in pages)
    for name in pictures.NAMES:
        assert f"{name}.png" in text
