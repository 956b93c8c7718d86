"""Fixtures of all unit tests."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def default_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts have the default width, whatever terminal the tests run in."""
    monkeypatch.delenv("COLUMNS", raising=False)
