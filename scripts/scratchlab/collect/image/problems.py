"""Problems with an archive: damage, which may be fatal, and oddities, which are only noted."""

from __future__ import annotations

from collections.abc import Iterator

from scratchlab.errors import LabError
from scratchlab.text import visible

_LONGEST = 200  # characters of a displayed name
_EXAMPLES = 3


class DamageError(Exception):
    """A member contradicts its format or itself. The text completes ``X is damaged: ...``.

    An archive may hold members that no image needs (a foreign file that merely looks like a
    layer). So this becomes a LabError only if the image cannot be read without the member.
    """


class UnreadableError(DamageError):
    """A member is whole, but not something that can be read here: foreign, encrypted, no image.

    The text is a sentence of its own. ``remedy`` says how to go on.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


def refusal(error: DamageError, what: str, remedy: str = "save the image again") -> LabError:
    """``error`` as the error for the user. ``what`` names the thing read: ``the archive``."""
    if isinstance(error, UnreadableError):
        return LabError(str(error), error.remedy)
    return LabError(f"{what} is damaged: {error}", remedy)


def display(name: bytes | str) -> str:
    """``name`` for a message: one printable line, at most 200 characters of it."""
    if isinstance(name, bytes):
        name = name.decode("utf-8", "surrogateescape")
    text = visible(name)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


class Notes:
    """Sentences with names in them. Of many alike: the first three, and how many more."""

    def __init__(self) -> None:
        self._examples: dict[str, list[str]] = {}
        self._count: dict[str, int] = {}

    def add(self, sentence: str, *names: bytes) -> None:
        """Note ``sentence``, its ``{}`` filled with ``names``."""
        examples = self._examples.setdefault(sentence, [])
        self._count[sentence] = self._count.get(sentence, 0) + 1
        if len(examples) < _EXAMPLES:
            filled = sentence.format(*map(display, names))
            if filled not in examples:
                examples.append(filled)

    def sentences(self) -> tuple[str, ...]:
        """Everything that was noted."""
        return tuple(self._sentences())

    def _sentences(self) -> Iterator[str]:
        for sentence, examples in self._examples.items():
            yield from examples
            more = self._count[sentence] - len(examples)
            if more and "{" in sentence:
                yield f"{more} more like it: {examples[-1]}"
