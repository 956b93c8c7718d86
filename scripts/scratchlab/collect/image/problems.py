"""What is wrong with one member of an archive, until it is known whether the image needs it."""

from __future__ import annotations

from collections.abc import Iterable

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


# What is odd about an archive, in sentences, however often it occurs.


_EXAMPLES = 3


class Notes:
    """Sentences with names in them; of many alike, the first three and how many more."""

    def __init__(self) -> None:
        self._said: dict[str, list[str]] = {}
        self._count: dict[str, int] = {}

    def add(self, sentence: str, *names: bytes) -> None:
        """Note ``sentence``, its ``{}`` filled with ``names``."""
        examples = self._said.setdefault(sentence, [])
        self._count[sentence] = self._count.get(sentence, 0) + 1
        if len(examples) < _EXAMPLES:
            filled = sentence.format(*map(shown, names))
            if filled not in examples:
                examples.append(filled)

    def sentences(self) -> tuple[str, ...]:
        """Everything that was noted."""
        return tuple(self._all())

    def _all(self) -> Iterable[str]:
        for sentence, examples in self._said.items():
            yield from examples
            more = self._count[sentence] - len(examples)
            if more and "{" in sentence:
                yield f"{more} more like it: {examples[-1]}"
