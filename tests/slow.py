"""E13 to E15 on a machine that is busy: ``python3 -m tests.slow [--times N] [--workers N]``.

Runs them with the lab's own container again and again, beside workers of stress-ng that keep twice
as many processors busy as there are. Prints a line for each run, and ends with 0 when every run
passes. Needs root, the machine that ``./lab`` made, and Debian's stress-ng.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXPERIMENTS = ("E13", "E14", "E15")


def verdicts() -> dict[str, str]:
    """What `scratchlab experiments` answers for each of EXPERIMENTS: verdict and reason."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "report.json")
        only = [word for name in EXPERIMENTS for word in ("--only", name)]
        done = subprocess.run(
            ["scratchlab", "experiments", *only, "--json", str(file)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if not file.exists():
            return dict.fromkeys(EXPERIMENTS, f"no report: {done.stderr.strip()}")
        checks = json.loads(file.read_text())["checks"]
    found = {check["id"]: check for check in checks if check["id"] in EXPERIMENTS}
    return {
        name: found[name]["verdict"]
        if found[name]["verdict"] == "pass"
        else f"{found[name]['verdict']}: {found[name]['observed']}"
        for name in EXPERIMENTS
    }


def main() -> int:
    """Run and print; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.slow", description=__doc__)
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--workers", type=int, default=2 * (os.cpu_count() or 1))
    options = parser.parse_args()
    if shutil.which("stress-ng") is None:
        parser.error("stress-ng is not installed: apt-get install stress-ng")
    passed = 0
    with subprocess.Popen(
        ["stress-ng", "--quiet", "--cpu", str(options.workers)], stdin=subprocess.DEVNULL
    ) as stress:
        try:
            for number in range(1, options.times + 1):
                start, found = time.monotonic(), verdicts()
                passed += set(found.values()) == {"pass"}
                seconds, load = time.monotonic() - start, os.getloadavg()[0]
                words = ", ".join(f"{name} {verdict}" for name, verdict in found.items())
                print(f"{number:>3} {seconds:6.1f} s, load {load:4.1f}: {words}", flush=True)
        finally:
            stress.terminate()
    print(f"{passed} of {options.times} runs passed")
    return int(passed != options.times)


if __name__ == "__main__":
    sys.exit(main())
