"""Escaping is total, printable and reversible."""

from hypothesis import given
from hypothesis import strategies as st

from scratchlab.text import unescape, visible

names = st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape"))


@given(names)
def test_a_visible_name_is_one_printable_line(name: str) -> None:
    shown = visible(name)
    assert shown.replace(" ", "x").isprintable() or not any(c < " " or c == "\x7f" for c in shown)
    assert "\x1b" not in shown
    assert "\n" not in shown


@given(names)
def test_a_visible_name_can_be_unescaped(name: str) -> None:
    assert unescape(visible(name)) == name


def test_bidirectional_overrides_are_shown_as_escapes() -> None:
    assert visible("a\u202eb") == "a\\u202eb"
