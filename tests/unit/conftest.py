"""What holds for all unit tests."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def width_of_nobodys_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts are as wide as by default, whatever terminal the tests are run in."""
    monkeypatch.delenv("COLUMNS", raising=False)
