"""How long a room takes: ``python3 -m tests.benchmarks.classroom COUNT [HOSTS:FORKS ...]``.

COUNT system containers on this machine, from one prepared base (tests.machines.classroom prepare), are
taken through the whole lab; then again, changing nothing, for each HOSTS:FORKS. Prints a JSON line
for each run: wall time, how long the machines' own tasks took (median and slowest), the
controller's processor time and peak memory (Ansible, its forks and their ssh; shared pages counted
once, PSS), and how many machines came through. They share this machine's cores: on two of them,
twenty machines that work at the same time measure the cores, and the line says how busy they were.
Ends after 20 minutes, whatever is left. Root: it raises fs.inotify.max_user_instances meanwhile.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

from tests.benchmarks import keeping_bytecode
from tests.machines import classroom
from tests.machines.base import ROOT

DIRECTORY = ROOT / ".cache" / "room-benchmark"
LIMIT = 20 * 60  # seconds for all of it
# The way to these machines, which no real room has: ssh goes through docker exec.
NOT_THE_CONTROLLERS = "docker"


@contextmanager
def enough_instances(count: int) -> Iterator[None]:
    """Let this kernel boot ``count`` machines as containers; afterwards as it was."""
    before = classroom.INSTANCES.read_text()
    if int(before) < count * classroom.INSTANCES_EACH:
        classroom.INSTANCES.write_text(str(count * classroom.INSTANCES_EACH))
    try:
        yield
    finally:
        classroom.INSTANCES.write_text(before)


def children(parent: int) -> list[int]:
    """The process and everything below it."""
    found = [parent]
    for pid in found:
        with suppress(OSError):  # processes come and go while /proc is read
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def memory(pid: int) -> int:
    """MiB of a process tree, shared pages counted once (proc_pid_smaps(5), Pss)."""
    total = 0
    for one in children(pid):
        try:
            if Path(f"/proc/{one}/comm").read_text().strip() == NOT_THE_CONTROLLERS:
                continue
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
    with open(DIRECTORY / "log", "ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=keeping_bytecode(os.environ),
        )
        while process.poll() is None:
            peak = max(peak, memory(process.pid))
            time.sleep(0.5)
    wall, now = time.monotonic() - start, os.times()
    used = now.children_user + now.children_system - busy.children_user - busy.children_system
    run_file = json.loads((ROOT / "reports" / "run.json").read_text())
    records = [
        json.loads((ROOT / "reports" / name / "status.json").read_text())
        for name in run_file["chosen"]
    ]
    own = [record["seconds"] for record in records]
    return {
        "hosts": hosts,
        "forks": forks,
        "wall_s": round(wall, 1),
        "own_tasks_median_s": round(median(own), 1),
        "own_tasks_slowest_s": round(max(own), 1),
        "controller_cpu_s": round(used, 1),
        "controller_peak_mib": peak,
        "load": round(os.getloadavg()[0], 1),
        "cores": os.cpu_count(),
        "done": [record["state"] for record in records].count("done"),
        "status": process.returncode,
    }


def main(count: int, wanted: list[str]) -> int:
    """Start, measure, remove."""
    start = time.monotonic()
    with enough_instances(count):
        try:
            inventory = classroom.inventory(DIRECTORY, classroom.start(count))
            took = time.monotonic() - start
            print(json.dumps({"started": count, "wall_s": round(took, 1)}), flush=True)
            for one in [f"{count}:20", *wanted]:
                if time.monotonic() - start + took > LIMIT:
                    print(json.dumps({"not_run": one}), flush=True)
                    continue
                hosts, forks = map(int, one.split(":"))
                began = time.monotonic()
                print(json.dumps(run(inventory, hosts, forks)), flush=True)
                took = time.monotonic() - began
        finally:
            classroom.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
