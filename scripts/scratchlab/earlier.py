"""What earlier versions wrote, for all who read it: evidence and reports of schema 1."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Problems of schema 1 that are notes in schema 2: oddities of the image archive that leave no doubt
# about the ledger, facts that could not be read, and predictions that could not be made. All of
# them in the words of every version that wrote schema 1; any other problem stays one.
_NOTES = re.compile(
    r"(\d+ more like it: )?layer \d+[: ]"
    r"|the archive (also contains|holds) the image for "
    r"|the (image's history has|history tells of) \d"
    r"|no config\.json of the runtime was found"
    r"|the runtime's config\.json "
    r"|the writable layer is .* for the engine, and "
    r"|the debug container shares "
    r"|no prediction( was made)?: "
)


def problems_and_notes(sentences: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The problems of schema 1 as the problems and the notes of schema 2."""
    problems: list[str] = []
    notes: list[str] = []
    for sentence in sentences:
        (notes if _NOTES.match(sentence) else problems).append(sentence)
    return tuple(problems), tuple(notes)
