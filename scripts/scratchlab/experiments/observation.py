"""Observations as JSON: what a probe saw can be kept, and judged again without an engine."""

from __future__ import annotations

import types
from dataclasses import asdict, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from scratchlab.model import Json

T = TypeVar("T")


def to_json(observation: Any) -> Json:
    """The JSON form of a frozen dataclass of plain fields, tuples and further such dataclasses."""
    return asdict(observation)


def from_json(kind: type[T], data: Json) -> T:
    """Undo :func:`to_json`; ``kind`` is the class of the observation.

    Raises KeyError or TypeError where ``data`` is not such an observation.
    """
    hints = get_type_hints(kind)
    values = {f.name: _value(hints[f.name], data[f.name]) for f in fields(kind)}  # type: ignore[arg-type]
    return kind(**values)


def _value(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if get_origin(hint) is types.UnionType:  # X | None
        (hint,) = (arg for arg in get_args(hint) if arg is not types.NoneType)
    if is_dataclass(hint) and isinstance(hint, type):
        return from_json(hint, value)
    if get_origin(hint) is tuple:
        inner = get_args(hint)
        if inner[-1] is Ellipsis:
            return tuple(_value(inner[0], item) for item in value)
        return tuple(_value(one, item) for one, item in zip(inner, value, strict=True))
    return value
