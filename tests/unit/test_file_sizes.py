"""A Python file of this project has at most 400 lines, so that it can be read in one go."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_LINES = 400


@pytest.mark.parametrize("directory", ["scripts", "tests", "plugins", "molecule"])
def test_no_python_file_is_longer_than_400_lines(directory: str) -> None:
    files = list((ROOT / directory).rglob("*.py"))
    assert files
    lines = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in files}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}
