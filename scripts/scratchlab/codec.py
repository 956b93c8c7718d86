"""Encode the lab's frozen dataclasses and named tuples as JSON and decode them, strictly by their
field types.
"""

from __future__ import annotations

import base64
import binascii
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


class MismatchError(ValueError):
    """The JSON does not fit the expected type."""


def encode(value: Any) -> Any:
    """Encode ``value`` (a dataclass or a named tuple, or a value of one) as JSON values.

    Fields with their default value are left out; sets are sorted; bytes become base64.
    """
    if _has_fields(type(value)):
        return {name: encode(item) for name, item, default in _fields(value) if item != default}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, (frozenset, set)):
        return sorted(value)
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    return value


def decode(kind: type[T], data: Any) -> T:
    """Decode ``data`` as ``kind``, a dataclass or a named tuple. Raises MismatchError."""
    decoded: T = _decode(kind, data, kind.__name__)
    return decoded


def _decode(kind: Any, data: Any, where: str) -> Any:
    if kind is Any:
        return data
    if isinstance(kind, type) and _has_fields(kind):
        return _with_fields(kind, data, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        if data is None and type(None) in arguments:
            return None
        members = [member for member in arguments if member is not type(None)]
        return _decode(members[0], data, where)
    if origin is tuple:
        return _tuple(arguments, data, where)
    if origin is frozenset:
        return frozenset(_tuple((*arguments, ...), data, where))
    if origin is not None and issubclass(origin, Mapping):
        _expect(isinstance(data, dict), where, data)
        return {key: _decode(arguments[1], item, where) for key, item in data.items()}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _enum(kind, data, where)
    if kind is bytes:
        return _bytes(data, where)
    # In Python a bool is an int; in this JSON it is not a number.
    _expect(isinstance(data, kind) and (kind is bool or not isinstance(data, bool)), where, data)
    return data


def _with_fields(kind: type, data: Any, where: str) -> Any:
    _expect(isinstance(data, dict), where, data)
    hints = _hints(kind)
    unknown = sorted(data.keys() - hints.keys())
    if unknown:
        raise MismatchError(f"{where} has no field {unknown[0]}")
    values = {name: _decode(hints[name], item, f"{where}.{name}") for name, item in data.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise MismatchError(f"{where}: a field is missing") from error


def _has_fields(kind: type) -> bool:
    return is_dataclass(kind) or (issubclass(kind, tuple) and hasattr(kind, "_fields"))


def _fields(value: Any) -> Iterator[tuple[str, Any, Any]]:
    """Name, value and default (MISSING: none) of each field of a dataclass or a named tuple."""
    if is_dataclass(value):
        for field in fields(value):
            yield field.name, getattr(value, field.name), _default(field)
    else:
        for name, item in zip(value._fields, value, strict=True):
            yield name, item, value._field_defaults.get(name, MISSING)


def _tuple(arguments: tuple[Any, ...], data: Any, where: str) -> tuple[Any, ...]:
    _expect(isinstance(data, list), where, data)
    if len(arguments) == 2 and arguments[1] is ...:
        return tuple(_decode(arguments[0], item, where) for item in data)
    _expect(len(data) == len(arguments), where, data)
    pairs = zip(arguments, data, strict=True)
    return tuple(_decode(argument, item, where) for argument, item in pairs)


def _enum(kind: type[Enum], data: Any, where: str) -> Enum:
    try:
        return kind(data)
    except ValueError:
        raise MismatchError(f"{where} cannot be {data!r:.60}") from None


def _bytes(data: Any, where: str) -> bytes:
    _expect(isinstance(data, str), where, data)
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise MismatchError(f"{where} is not base64") from error


def _expect(fits: bool, where: str, data: Any) -> None:
    if not fits:
        raise MismatchError(f"{where} cannot be {data!r:.60}")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _default(field: Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default
