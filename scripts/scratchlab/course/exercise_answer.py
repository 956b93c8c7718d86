"""The answer to an exercise, as a student types it."""

from __future__ import annotations

from scratchlab.errors import LabError
from scratchlab.model import Origin
from scratchlab.render.words import ORIGINS

CHOICES = tuple(str(origin) for origin in ORIGINS if origin is not Origin.UNEXPLAINED)


def read_answer(path: str, origin: str) -> tuple[str, str]:
    """The path and the origin. Raises LabError for what cannot be an answer; it is not counted."""
    if not path.startswith("/"):
        raise LabError(f"{path!a} is not a path: it begins with /", "scratchlab verify exercise")
    if origin not in CHOICES:
        raise LabError(f"{origin!a} is not an origin", f"choose from: {', '.join(CHOICES)}")
    return "/" + path.strip("/"), origin
