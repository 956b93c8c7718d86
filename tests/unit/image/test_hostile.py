"""The hostile archives, each by the command line in a process of its own that is measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from .build import sha256
from .hostile import CORPUS, OUTSIDE

ROOT = Path(__file__).parents[3]
SECRET = b"only this machine may know\n"
PEAK = 100  # MiB
SECONDS = 60  # of the processor, of one archive: CI shares its cores
_RUN = """
import json, os, sys, time
from scratchlab.__main__ import main

def run(path, form):
    os.dup2(os.open(f"{path}.out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
    os.dup2(os.open(f"{path}.err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    start = time.process_time()
    status = main(["image", path, "--format", form])
    sys.stdout.flush()
    sys.stderr.flush()
    seconds = time.process_time() - start
    out, err = (open(path + end, encoding="utf-8", newline="").read(1 << 20)
                for end in (".out", ".err"))
    return {"path": path, "form": form, "status": status, "seconds": seconds,
            "out": out, "err": err}

found = os.dup(1)
for path in sys.argv[2:]:
    for form in sys.argv[1].split(","):
        os.write(found, (json.dumps(run(path, form)) + "\\n").encode())
# Not ru_maxrss: that counts what the process was before it became this program.
peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
os.write(found, (json.dumps({"peak": int(peak) // 1024}) + "\\n").encode())
"""


def run(forms: str, *paths: Path) -> tuple[list[dict[str, Any]], int]:
    """(what each archive gave in each form, the peak memory in MiB)."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN, forms, *paths],
        env={**os.environ, "PYTHONPATH": "scripts"}, cwd=ROOT, capture_output=True, check=True,
        stdin=subprocess.DEVNULL, timeout=600,
    )  # fmt: skip
    *results, end = map(json.loads, done.stdout.splitlines())
    return results, end["peak"]


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


def check(result: dict[str, Any], status: int) -> None:
    what = (Path(result["path"]).name, result["form"], result["err"][:500])
    assert result["status"] == status, what
    assert result["seconds"] < SECONDS, what
    for text in (result["out"], result["err"]):
        raw = {char for char in set(text) - {"\n"} if unicodedata.category(char)[0] == "C"}
        assert not raw, (what, raw)
        assert "only this machine" not in text, what
        assert sha256(SECRET) not in text, what
    if status == 2:
        assert result["out"] == "", what
        assert result["err"].startswith("scratchlab: "), what
        assert result["err"].count("\n") == 1, what
    assert "something unexpected went wrong" not in result["err"], what


@pytest.mark.parametrize("form", ["table", "json", "mtree"])
def test_small_ones_in_every_form(form: str, tmp_path: Path, outside: Path) -> None:
    small = {name: one for name, one in CORPUS.items() if not one.big}
    assert len(small) > 45
    paths = {}
    for name, one in small.items():
        paths[tmp_path / f"{name}.tar"] = one
        (tmp_path / f"{name}.tar").write_bytes(one.make())
    results, peak = run(form, *paths)
    assert len(results) == len(small)
    for result in results:
        check(result, paths[Path(result["path"])].status)
    assert peak < PEAK
    assert sorted(path.name.partition(".tar")[2] for path in tmp_path.iterdir()) == sorted(
        ["", ".err", ".out"] * len(small)
    )


@pytest.mark.parametrize("name", [name for name, one in CORPUS.items() if one.big])
def test_a_big_one_costs_little(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.tar"
    path.write_bytes(CORPUS[name].make())
    assert path.stat().st_size < 20 << 20
    (result,), peak = run("mtree", path)
    check(result, CORPUS[name].status)
    assert peak < PEAK, result["err"]
    if name == "million entries":
        assert "# 1001001 entries" in result["out"]
