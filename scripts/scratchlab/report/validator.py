"""Validators of JSON Schemas. Compiling the two of a report takes 0.2 s, as long as all else that
its reader does, so they are kept where Python keeps the bytecode of this package.

What is kept names the schema, the compiler and the Python that it is from: one that is from others
is compiled again. It is trusted as Python trusts its bytecode.
"""

from __future__ import annotations

import hashlib
import json
import marshal
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.util import MAGIC_NUMBER, cache_from_source
from types import CodeType
from typing import Any

import fastjsonschema

from scratchlab.atomic import write_bytes
from scratchlab.model import Json

_DIGEST = 32  # bytes of SHA-256


def validator(name: str, rule: Json) -> Callable[[Any], Any]:
    """The validator of ``rule``, a JSON Schema without ``$id`` that is kept as ``name``. Where the
    data is not allowed, it raises JsonSchemaValueException.
    """
    place = os.path.join(os.path.dirname(cache_from_source(__file__)), f"{name}.validator")
    origin = _origin(rule)
    code = _kept(place, origin)
    if code is None:
        source = fastjsonschema.compile_to_code(rule, use_formats=False)
        code = compile(source, f"<{name}>", "exec")
        if not sys.dont_write_bytecode:
            with suppress(OSError):  # where it cannot be written, it is compiled every time
                write_bytes(place, origin + marshal.dumps(code))
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - from our schema, by the compiler whose user does the same
    validate: Callable[[Any], Any] = names["validate"]
    return validate


def _origin(rule: Json) -> bytes:
    """A digest of all that a validator is made from."""
    made_from = [MAGIC_NUMBER.hex(), fastjsonschema.VERSION, rule]
    return hashlib.sha256(json.dumps(made_from).encode()).digest()


def _kept(place: str, origin: bytes) -> CodeType | None:
    """What is kept at ``place``; None where that is nothing, or not from ``origin``."""
    try:
        with open(place, "rb") as file:
            if file.read(_DIGEST) != origin:
                return None
            code = marshal.loads(file.read())  # noqa: S302 - as Python does with its bytecode
    except (OSError, EOFError, ValueError, TypeError):
        return None
    return code if isinstance(code, CodeType) else None
