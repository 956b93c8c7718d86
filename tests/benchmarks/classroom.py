"""How long a room takes: ``python3 -m tests.benchmarks.classroom COUNT [HOSTS:FORKS ...]``.

COUNT system containers on this machine, from one prepared base (tests.machines.room prepare), are
taken through the whole lab; then again, changing nothing, for each HOSTS:FORKS. Prints a JSON line
for each run: wall time, the controller's peak memory (Ansible and its forks, shared pages counted
once, PSS), and how many machines came through. They share this machine's cores: on two of them,
twenty machines that work at the same time measure the cores, and the line says how busy they were.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.machines import room
from tests.machines.base import ROOT

FOLDER = ROOT / ".cache" / "room-benchmark"


def children(parent: int) -> list[int]:
    """The process and everything below it."""
    found = [parent]
    for pid in found:
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                found += map(int, task.read_text().split())
            except OSError:
                continue
    return found


def memory(pid: int) -> int:
    """MiB of a process tree, shared pages counted once (proc_pid_smaps(5), Pss)."""
    total = 0
    for one in children(pid):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total >> 10


def run(inventory: Path, hosts: int, forks: int) -> dict[str, object]:
    """One run of the door for the first ``hosts`` machines."""
    names = ",".join(f"student{number:02}" for number in range(1, hosts + 1))
    start, busy, peak = time.monotonic(), os.times(), 0
    command = [str(ROOT / "lab"), "-i", str(inventory), "-l", names, "--forks", str(forks)]
    with open(FOLDER / "log", "ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        while process.poll() is None:
            peak = max(peak, memory(process.pid))
            time.sleep(0.5)
    wall, now = time.monotonic() - start, os.times()
    used = now.children_user + now.children_system - busy.children_user - busy.children_system
    run_file = json.loads((ROOT / "reports" / "run.json").read_text())
    states = [
        json.loads((ROOT / "reports" / name / "status.json").read_text())["state"]
        for name in run_file["chosen"]
    ]
    return {
        "hosts": hosts,
        "forks": forks,
        "wall_s": round(wall, 1),
        "controller_cpu_s": round(used, 1),
        "controller_peak_mib": peak,
        "load": round(os.getloadavg()[0], 1),
        "cores": os.cpu_count(),
        "done": states.count("done"),
        "status": process.returncode,
    }


def main(count: int, wanted: list[str]) -> int:
    """Start, measure, remove."""
    start = time.monotonic()
    try:
        inventory = room.inventory(FOLDER, room.start(count))
        print(json.dumps({"started": count, "wall_s": round(time.monotonic() - start, 1)}))
        for one in [f"{count}:20", *wanted]:
            hosts, forks = map(int, one.split(":"))
            print(json.dumps(run(inventory, hosts, forks)), flush=True)
    finally:
        room.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
