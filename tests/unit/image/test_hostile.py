"""Each small hostile archive by the command line, in a process of its own that is measured.

The big ones are integration tests: tests/integration/test_archive_hostile.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .hostile import CORPUS, OUTSIDE
from .measured import PEAK, SECRET, check, measure


@pytest.fixture(scope="module")
def outside() -> Any:
    """The file outside that many archives aim at."""
    path = Path(OUTSIDE)
    path.write_bytes(SECRET)
    before = path.stat()
    yield path
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_ino, before.st_mtime_ns, before.st_ctime_ns,
    )  # fmt: skip
    assert path.read_bytes() == SECRET
    path.unlink()


@pytest.mark.parametrize("form", ["table", "json", "mtree"])
def test_small_archives_in_every_form(form: str, tmp_path: Path, outside: Path) -> None:
    small = {name: hostile for name, hostile in CORPUS.items() if not hostile.big}
    assert len(small) > 45
    paths = {}
    for name, hostile in small.items():
        paths[tmp_path / f"{name}.tar"] = hostile
        (tmp_path / f"{name}.tar").write_bytes(hostile.make())
    results, peak = measure(form, *paths)
    assert len(results) == len(small)
    for result in results:
        hostile = paths[Path(result["path"])]
        check(result, hostile.status, noted=hostile.noted)
    assert peak < PEAK
    assert sorted(path.name.partition(".tar")[2] for path in tmp_path.iterdir()) == sorted(
        ["", ".err", ".out"] * len(small)
    )
