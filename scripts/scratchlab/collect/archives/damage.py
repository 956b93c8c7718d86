"""What is wrong with one member of an archive, until it is known whether the image needs it."""

from __future__ import annotations

from scratchlab.text import visible


class DamageError(Exception):
    """A member contradicts its format or itself; the text is a sentence's end: ``X is damaged: …``.

    An archive may carry members that no image needs (a foreign file that merely looks like a
    layer), so this becomes a LabError only where the image cannot be had without the member.
    """


def shown(name: bytes) -> str:
    """``name`` for a sentence: one line, nothing raw, at most 200 characters of it."""
    text = visible(name.decode("utf-8", "surrogateescape"))
    return text if len(text) <= 200 else f"{text[:200]}…"
