"""Read one large JSON object without holding it: the items of one of its arrays come one by one.

Accepts and refuses what ``json.loads`` does, in any layout, but for an array that stands twice.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from typing import Any, BinaryIO

_CHUNK = 1 << 18  # characters
_NUMBER_TAIL = 2  # characters of a cut number that json takes for what follows a whole one: e+
_FIRST = frozenset('{["-0123456789tfnNI')  # of a value; NaN and Infinity as json.loads
_SPACE = re.compile(r"[ \t\n\r]*")  # RFC 8259, section 2


def load_object(stream: BinaryIO, array: str, keep: Callable[[Any], None], *, most: int) -> Any:
    """The JSON value in ``stream``, with [] in place of the array ``array``, whose items go to
    ``keep`` in their order.

    Raises ValueError and RecursionError where the stream does not hold one JSON value, or holds
    more than ``most`` bytes.
    """
    return _Parser(stream, most).whole(array, keep)


class _Parser:
    def __init__(self, stream: BinaryIO, most: int) -> None:
        head = stream.read(4)
        # As json.loads does, which also takes UTF-16, UTF-32 and lone surrogates.
        encoding = json.detect_encoding(head)
        self._text = io.TextIOWrapper(
            io.BufferedReader(_Joined(head, stream, most)), encoding, "surrogatepass", newline=""
        )
        self._decoder = json.JSONDecoder()
        self._buffer, self._at, self._ended = "", 0, False

    def whole(self, array: str, keep: Callable[[Any], None]) -> Any:
        result: Any = self._members(array, keep) if self._accept("{") else self._value()
        if self._peek():
            raise ValueError("extra data")
        return result

    def _members(self, array: str, keep: Callable[[Any], None]) -> dict[str, Any]:
        members: dict[str, Any] = {}
        if self._accept("}"):
            return members
        while True:
            if self._peek() != '"':
                raise ValueError("a member has no name")
            name = self._value()
            self._require(":")
            if name == array and name in members:
                raise ValueError(f"{array} stands twice")
            if name == array and self._accept("["):
                self._items(keep)
                members[name] = []
            else:
                members[name] = self._value()
            if not self._accept(","):
                break
        self._require("}")
        return members

    def _items(self, keep: Callable[[Any], None]) -> None:
        if self._accept("]"):
            return
        keep(self._value())
        while self._accept(","):
            keep(self._value())
        self._require("]")

    def _value(self) -> Any:
        if self._peek() not in _FIRST:
            raise ValueError("a value is missing")
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
            except ValueError:
                if not self._more():
                    raise
                continue
            # A number may go on after the end of the buffer: 1, 1. and 1e+ may begin a longer one.
            if end + _NUMBER_TAIL >= len(self._buffer) and self._more():
                continue
            self._at = end
            return value

    def _require(self, mark: str) -> None:
        if not self._accept(mark):
            raise ValueError(f"{mark} is missing")

    def _accept(self, mark: str) -> bool:
        if self._peek() != mark:
            return False
        self._at += 1
        return True

    def _peek(self) -> str:
        """The next character that is not white space; empty at the end."""
        while True:
            match = _SPACE.match(self._buffer, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more():
                return ""

    def _more(self) -> bool:
        """Read on; as much again as is kept, so that a long value is not decoded too often."""
        if self._ended:
            return False
        rest = self._buffer[self._at :]
        chunk = self._text.read(max(_CHUNK, len(rest)))
        if not chunk:
            self._ended = True
            return False
        self._buffer, self._at = rest + chunk, 0
        return True


class _Joined(io.RawIOBase):
    """``head``, then what ``stream`` holds; together at most ``most`` bytes."""

    def __init__(self, head: bytes, stream: BinaryIO, most: int) -> None:
        super().__init__()
        self._head, self._stream, self._left = head, stream, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._head[: len(buffer)] or self._stream.read(len(buffer))
        self._head = self._head[len(data) :]
        self._left -= len(data)
        if self._left < 0:
            raise ValueError("too large")
        buffer[: len(data)] = data
        return len(data)
