"""Escape names and messages, so that hostile bytes never reach a terminal or a page."""

from __future__ import annotations

import re
import unicodedata

# Control, format (bidirectional overrides among them), surrogate, private, unassigned; line and
# paragraph separators. A terminal draws everything else as it is.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_ESCAPE = re.compile(r"\\(\\|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")


def visible(name: str) -> str:
    r"""Escape ``name`` (surrogateescape text) so that it is printable, one line, and reversible.

    A backslash becomes ``\\``, a byte that is not UTF-8 and a control character ``\xNN``, any
    other invisible character ``\uNNNN`` or ``\UNNNNNNNN``.
    """
    if name.isascii() and name.isprintable() and "\\" not in name:
        return name
    return "".join(map(_escape, name))


def _escape(char: str) -> str:
    code = ord(char)
    if char == "\\":
        return "\\\\"
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if unicodedata.category(char) not in _UNSAFE:
        return char
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def unescape(escaped: str) -> str:
    """Undo :func:`visible`: the name that ``escaped`` stands for, as surrogateescape text."""
    return _ESCAPE.sub(_character, escaped)


def _character(match: re.Match[str]) -> str:
    body = match.group(1)
    if body == "\\":
        return "\\"
    code = int(body[1:], 16)
    if body[0] == "x" and code >= 0x80:
        return chr(0xDC00 + code)
    return chr(code)


def printable(text: str) -> str:
    """Make free text (an engine's message, a command's output) safe to print; keep its newlines."""
    return "\n".join(visible(line).replace("\\\\", "\\") for line in text.split("\n"))
