"""The experiments as documentation: the README's table, made from the table that is run."""

from __future__ import annotations

from collections.abc import Iterable

from scratchlab.experiments.names import Names
from scratchlab.experiments.table import EXPERIMENTS, Experiment, fill

# The README holds the table between these two lines; a test compares it with what is made here.
BEGIN, END = "<!-- experiments: begin -->", "<!-- experiments: end -->"


def markdown(table: Iterable[Experiment] = EXPERIMENTS, names: Names | None = None) -> str:
    """The experiments as a table in Markdown, one row each, with a newline at the end."""
    words = (names or Names()).words()
    rows = [
        (e.id, fill(e.claim, words), _code(fill(e.command, words)), fill(e.article, words))
        for e in table
    ]
    head = ("ID", "Claim", "Command a person types", "What the article saw in 2017")
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def in_sync(text: str) -> bool:
    """Whether ``text`` (a README) holds the table of today between its two marks."""
    return f"{BEGIN}\n{markdown()}{END}\n" in text


def _code(command: str) -> str:
    return f"`{command}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
