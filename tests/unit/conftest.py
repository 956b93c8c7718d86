"""Fixtures of all unit tests."""

from __future__ import annotations

import pytest

from scratchlab import deadlines


@pytest.fixture(autouse=True)
def default_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts have the default width, whatever terminal the tests run in."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(autouse=True)
def usual_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test's time limits are those of a machine that has shown nothing yet."""
    monkeypatch.setattr(deadlines, "PACE", deadlines.Pace())
