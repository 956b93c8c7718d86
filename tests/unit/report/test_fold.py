"""Many paths in a few words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchlab.report.fold import folded


@pytest.mark.parametrize(
    ("directories", "words"),
    [
        (
            {"/usr/share/doc/a": 900, "/usr/share/doc/b": 822, "/etc": 3},
            "most below /usr/share/doc",
        ),
        ({"/var/log": 5}, "all below /var/log"),
        ({"/var/log/a": 2, "/var/log/b": 2}, "all below /var/log"),
        ({"/var/log/a": 3, "/var/log/b": 1}, "all below /var/log"),
        ({"/": 7}, ""),
        ({"/": 7, "/a": 1}, "1 below /a, 7 elsewhere"),
        (
            {"/a/x": 4, "/b": 3, "/c": 2, "/d": 1, "/e": 1},
            "4 below /a/x, 3 below /b, 2 below /c, 2 elsewhere",
        ),
    ],
)
def test_directories_are_folded(directories: dict[str, int], words: str) -> None:
    assert folded(directories) == words


paths = st.lists(st.sampled_from("abc"), max_size=4).map(lambda names: "/" + "/".join(names))


@given(st.dictionaries(paths, st.integers(1, 9), min_size=1))
def test_no_number_is_larger_than_the_whole(directories: dict[str, int]) -> None:
    words = folded(directories)
    numbers = [int(word) for word in words.split() if word.isdecimal()]
    assert sum(numbers) in (0, sum(directories.values()))
    if words.startswith("all below "):
        top = words.removeprefix("all below ")
        assert all(path == top or path.startswith(f"{top}/") for path in directories)
