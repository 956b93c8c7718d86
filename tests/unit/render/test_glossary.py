"""The words of the lab: all there, whole, and found as people type them."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from scratchlab.cli.explain import explain
from scratchlab.errors import LabError
from scratchlab.model import Origin
from scratchlab.render.glossary import find_word, words

ASKED = (
    "image", "layer", "instance", "ledger", "origin", "evidence", "ghost", "vantage", "rung",
    "init layer", "mask",
)  # fmt: skip


@pytest.mark.parametrize("name", [*ASKED, *map(str, Origin)])
def test_word_is_explained(name: str) -> None:
    found = find_word(name)
    assert found.name == name
    assert found.means.endswith(".")


def test_words_lead_only_to_words() -> None:
    assert [see for word in words().values() for see in word.see if see not in words()] == []


@pytest.mark.parametrize(
    ("typed", "name"),
    [("Ghosts", "ghost"), ("init-layer", "init layer"), ("IN", "engine-init-layer"),
     ("engine init layer", "engine-init-layer")],
)  # fmt: skip
def test_word_is_found_as_people_type_it(typed: str, name: str) -> None:
    assert find_word(typed).name == name


def test_unknown_word_is_one_clear_error() -> None:
    with pytest.raises(LabError, match="did you mean ghost"):
        find_word("gost")


def test_command_lists_all_words() -> None:
    done = CliRunner().invoke(explain, [])
    assert len(done.output.splitlines()) == len(words())
