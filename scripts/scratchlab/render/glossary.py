"""The words of the lab, one place for page, terminal, quiz and worksheet."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from scratchlab.errors import LabError
from scratchlab.render.words import ORIGINS


@dataclass(frozen=True, slots=True)
class Word:
    """A word, what it means, other words to look at, and a command that shows the thing."""

    name: str
    means: str
    see: tuple[str, ...] = ()
    command: str = ""


@cache
def words() -> Mapping[str, Word]:
    """All words by name: those of ``glossary.toml``, and the origins."""
    toml = resources.files("scratchlab.render").joinpath("glossary.toml").read_text("utf-8")
    found = {
        name: Word(name, entry["means"], tuple(entry.get("see", ())), entry.get("try", ""))
        for name, entry in tomllib.loads(toml).items()
    }
    for origin, known in ORIGINS.items():
        means = f"{known.means} Made by: {known.who}. On a small sign: {known.code}."
        found[str(origin)] = Word(str(origin), means, ("origin", "evidence"))
    return dict(sorted(found.items()))


def find_word(name: str) -> Word:
    """The word ``name``, also in the plural, with other spaces, or by its sign.

    Raises LabError for a word that is not here; it names similar ones.
    """
    known = words()
    asked = " ".join(name.replace("_", " ").lower().split())
    signs = {origin.code.lower(): str(key) for key, origin in ORIGINS.items()}
    for one in (asked, asked.replace(" ", "-"), asked.replace("-", " "), asked.removesuffix("s")):
        if one in known or one in signs:
            return known[signs.get(one, one)]
    similar = difflib.get_close_matches(asked, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(similar)}? " if similar else ""
    raise LabError(f"no explanation for {name!a}", f"{hint}all words: scratchlab explain")
