"""``scratchlab image`` on hostile archives, in a process of its own whose cost is measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

from .build import sha256

ROOT = Path(__file__).parents[3]
SECRET = b"only this machine may know\n"
PEAK = 100  # MiB
SECONDS = 60  # of the processor, of one archive, where the loop below takes LOOP seconds
LOOP = 0.12
_PROGRAM = """
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
            "loop": loop, "out": out, "err": err}

start = time.process_time()
total = 0
for number in range(2_000_000):
    total += number
loop = time.process_time() - start

results = os.dup(1)
for path in sys.argv[2:]:
    for form in sys.argv[1].split(","):
        os.write(results, (json.dumps(run(path, form)) + "\\n").encode())
# Not ru_maxrss: that counts what the process was before it became this program.
peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
os.write(results, (json.dumps({"peak": int(peak) // 1024}) + "\\n").encode())
"""


def measure(forms: str, *paths: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the result of each archive in each form, and the peak memory in MiB."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, forms, *paths],
        env={**os.environ, "PYTHONPATH": "scripts"}, cwd=ROOT, capture_output=True, check=True,
        stdin=subprocess.DEVNULL, timeout=600,
    )  # fmt: skip
    *results, end = map(json.loads, done.stdout.splitlines())
    return results, end["peak"]


def check(result: dict[str, Any], status: int, *, noted: bool = False) -> None:
    """Assert the exit status, the processor time by this machine's pace, that the output is
    harmless, and that an oddity is ``noted`` or that there is none.
    """
    case = (Path(result["path"]).name, result["form"], result["err"][:500])
    assert result["status"] == status, case
    assert result["seconds"] < SECONDS * max(result["loop"] / LOOP, 1), (case, result["seconds"])
    for text in (result["out"], result["err"]):
        raw = {char for char in set(text) - {"\n"} if unicodedata.category(char)[0] == "C"}
        assert not raw, (case, raw)
        assert "only this machine" not in text, case
        assert sha256(SECRET) not in text, case
    if status == 2:
        assert result["out"] == "", case
        assert result["err"].startswith("scratchlab: "), case
        assert result["err"].count("\n") == 1, case
    assert ("scratchlab: note: " in result["err"]) is noted, case
    assert "unexpected error (" not in result["err"], case
