"""./lab check names a machine on which the lab was not measured, and counts it as ready."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_machine_that_was_not_measured_is_ready(tmp_path: Path) -> None:
    run = {"schema": "scratchlab-run-1", "started": "2026-01-01T00:00:00+00:00", "ended": None,
           "inventory": [], "hosts": ["old", "new"], "chosen": ["old", "new"]}  # fmt: skip
    (tmp_path / "run.json").write_text(json.dumps(run))
    for name, seen in (("old", "Debian 12"), ("new", "Ubuntu 24.04: not measured here")):
        status = {
            "schema": "scratchlab-status-1", "host": name, "state": "done", "stage": "Check",
            "task": "", "reason": "", "seconds": 1.0, "report": None, "hostname": name,
            "started": run["started"], "ended": run["started"],
            "readiness": [{"id": "distribution", "ready": True, "observed": seen, "help": ""}],
        }  # fmt: skip
        (tmp_path / name).mkdir()
        (tmp_path / name / "status.json").write_text(json.dumps(status))
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/show_readiness.py"), str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "new: Ubuntu 24.04: not measured here" in done.stdout
    assert "old: " not in done.stdout
    assert "2 of 2 machines are ready" in done.stdout
