"""JSON documents of an archive: claims, taken by the types that they should have."""

from __future__ import annotations

import json
from typing import Any

from scratchlab.collect.archives.damage import DamageError
from scratchlab.model import Json
from scratchlab.text import visible


def parse(data: bytes, what: str) -> Any:
    """The JSON value in ``data``; raises DamageError, naming ``what``."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise DamageError(f"{what} is not JSON") from None


def mapping(value: Any, what: str) -> Json:
    """``value`` if it is an object; null is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise DamageError(f"{what} is no JSON object")
    return value


def sequence(value: Any, what: str) -> list[Any]:
    """``value`` if it is an array; null is an empty one, as Go writes it."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise DamageError(f"{what} is no JSON array")
    return value


def text(value: Any, what: str) -> str:
    """``value`` if it is a string, raises DamageError otherwise."""
    if not isinstance(value, str):
        raise DamageError(f"{what} is no text")
    return value


def texts(value: Any, what: str) -> tuple[str, ...]:
    """``value`` if it is an array of strings (null: none)."""
    return tuple(text(one, f"{what}[{index}]") for index, one in enumerate(sequence(value, what)))


def quoted(name: str) -> str:
    """A name out of a document, for a sentence: one line, nothing raw, not endless."""
    shown = visible(name)
    return shown if len(shown) <= 200 else f"{shown[:200]}…"
