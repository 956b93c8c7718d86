"""Hostile archives: the big ones cost little, and the reader opens no file but the archive.

The small ones are measured in tests/unit/image/test_hostile.py.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.image.hostile import CORPUS, OUTSIDE
from tests.unit.image.measured import PEAK, check, measure

ROOT = Path(__file__).parents[2]
_READ = """
import os, sys
import scratchlab.render.exports.mtree, scratchlab.cli.ledgers, scratchlab.collect.image.archive
from scratchlab.__main__ import main
main(["image", "/no/such/archive"])  # so that late imports happen now
os.access("/the-reading-begins", os.F_OK)
for path in sys.argv[1:]:
    main(["image", "--format", "mtree", path])
os.access("/the-reading-ends", os.F_OK)
"""
# SQLite's temporary databases, which are unlinked as soon as they are open, and the directories
# where it checks first (access, stat) whether it may create them.
_TEMPORARY = re.compile(r"^(/var/tmp|/usr/tmp|/tmp|\.)(/etilqs_[0-9a-f]+)?$")


def test_no_file_is_opened_but_the_archives(tmp_path: Path) -> None:
    Path(OUTSIDE).write_bytes(b"outside")
    paths = []
    for name, hostile in CORPUS.items():
        if not hostile.big:
            paths.append(tmp_path / f"{name}.tar")
            paths[-1].write_bytes(hostile.make())
    log = tmp_path / "strace"
    try:
        subprocess.run(
            ["strace", "-f", "-s", "5000", "-e", "trace=%file,openat2", "-o", log, sys.executable,
             "-c", _READ, *paths],
            env={**os.environ, "PYTHONPATH": "scripts"}, cwd=ROOT, check=True, timeout=300,
            capture_output=True,
        )  # fmt: skip
        assert Path(OUTSIDE).read_bytes() == b"outside"
    finally:
        Path(OUTSIDE).unlink()
    calls = log.read_text().split('ss("/the-reading-begins"')[1].split('ss("/the-reading-ends"')[0]
    archives = {str(path) for path in paths}
    opened = set()
    for line in calls.splitlines()[1:-1]:
        match = re.search(r'\w+\((?:AT_FDCWD, )?"((?:[^"\\]|\\.)*)"', line)
        if match is None:
            assert "resumed>" in line or '""' in line or "+++" in line, line
            continue
        path = match[1]
        opened.add(path)
        own = path in archives or _TEMPORARY.match(path) or path == "/dev/urandom"
        module = path.startswith((sys.prefix, sys.base_prefix, f"{ROOT}/scripts")) or (
            path.startswith(("scripts", "/usr/lib", "/lib", "/etc/ld.so"))
        )
        assert own or (module and "O_WRONLY" not in line and "O_RDWR" not in line), line
    assert archives <= opened
    assert not any("passwd" in path or "shadow" in path or OUTSIDE in path for path in opened)


@pytest.mark.parametrize("name", [name for name, hostile in CORPUS.items() if hostile.big])
def test_big_archive_costs_little_time_and_memory(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.tar"
    path.write_bytes(CORPUS[name].make())
    assert path.stat().st_size < 20 << 20
    (result,), peak = measure("mtree", path)
    check(result, CORPUS[name].status)
    assert peak < PEAK, result["err"]
    if name == "million entries":
        assert "# 1001001 entries" in result["out"]
