"""Time of a classroom: ``python3 -m tests.benchmarks.classroom COUNT [HOSTS:FORKS ...]``.

Starts COUNT system containers from one prepared base (tests.machines.classroom prepare) and runs
the whole lab on them; then again, without changes, for each HOSTS:FORKS. Prints a JSON line for
each run: wall time, time of the machines' own tasks (median and slowest), processor time and peak
memory of the controller (Ansible, its forks and their ssh; shared pages counted once, PSS), and how
many machines finished. The machines share this machine's cores, so twenty on two cores measure the
cores; the line has the load. Starts no run that would end after 20 minutes. Needs root: it raises
fs.inotify.max_user_instances meanwhile.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple

from machines.docker_engine import INSTANCES, INSTANCES_EACH, docker
from tests.benchmarks import keeping_bytecode
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.idle import MODULES_AGAIN, Tasks, tasks_of
from tests.machines import ROOT, classroom
from tests.scenarios import environment

DIRECTORY = ROOT / ".cache" / "classroom-benchmark"
LIMIT = 20 * 60  # seconds for all of it
BEFORE_MIB = 70.0  # of a fork and its ssh on 2026-11-27
# A host on 2026-11-27: 3.3 s of the processor, where a host of ansible -m ping took 0.10 s.
BEFORE_PINGS = 33.0
PING = "the same of ansible -m ping"
_BETWEEN = 0.2  # seconds between two looks at the memory
# ssh reaches these machines through docker exec, as in no real classroom.
NOT_COUNTED = "docker"


@contextmanager
def enough_instances(count: int) -> Iterator[None]:
    """Raise the kernel's limit for ``count`` containers with systemd; restore it afterwards."""
    before = INSTANCES.read_text()
    if int(before) < count * INSTANCES_EACH:
        INSTANCES.write_text(str(count * INSTANCES_EACH))
    try:
        yield
    finally:
        INSTANCES.write_text(before)


def process_tree(parent: int) -> list[int]:
    """The PIDs of a process and its descendants."""
    pids = [parent]
    for pid in pids:
        with suppress(OSError):  # processes come and go while /proc is read
            for task in Path(f"/proc/{pid}/task").iterdir():
                pids += map(int, (task / "children").read_text().split())
    return pids


def memory(pid: int) -> int:
    """MiB of memory of a process tree, shared pages counted once (proc_pid_smaps(5), Pss)."""
    total = 0
    for member in process_tree(pid):
        try:
            if Path(f"/proc/{member}/comm").read_text().strip() == NOT_COUNTED:
                continue
            lines = Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total >> 10


class Cost(NamedTuple):
    """What a command cost the controller."""

    status: int
    wall: float  # seconds
    processor: float  # seconds
    peak: int  # MiB


def watched(command: Sequence[str], variables: Mapping[str, str]) -> Cost:
    """Run a command, its output in a log, and watch its memory."""
    start, before, peak = time.monotonic(), os.times(), 0
    with open(DIRECTORY / "log", "ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=ROOT,
            env=keeping_bytecode(variables),
        )
        while process.poll() is None:
            peak = max(peak, memory(process.pid))
            time.sleep(_BETWEEN)
    wall, after = time.monotonic() - start, os.times()
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    return Cost(process.returncode, wall, used, peak)


def first(hosts: int) -> str:
    """The names of the first ``hosts`` machines, as a limit of Ansible."""
    return ",".join(f"student{number:02}" for number in range(1, hosts + 1))


def run(inventory: Path, hosts: int, forks: int) -> dict[str, object]:
    """Run ./lab for the first ``hosts`` machines; returns the measured values."""
    options = ["-i", str(inventory), "-l", first(hosts), "--forks", str(forks)]
    cost = watched([str(ROOT / "lab"), *options], os.environ)
    run_file = json.loads((ROOT / "reports" / "run.json").read_text())
    records = [
        json.loads((ROOT / "reports" / name / "status.json").read_text())
        for name in run_file["chosen"]
    ]
    seconds = [record["seconds"] for record in records]
    return {
        "hosts": hosts,
        "forks": forks,
        "wall_s": round(cost.wall, 1),
        "own_tasks_median_s": round(median(seconds), 1),
        "own_tasks_slowest_s": round(max(seconds), 1),
        "controller_cpu_s": round(cost.processor, 1),
        "controller_peak_mib": cost.peak,
        "load": round(os.getloadavg()[0], 1),
        "cores": os.cpu_count(),
        "done": [record["state"] for record in records].count("done"),
        "status": cost.status,
    }


def ping(inventory: Path, hosts: int) -> Cost:
    """Ask the first ``hosts`` machines for the module that does least: the floor of a task."""
    options = ["-i", str(inventory), "-l", first(hosts), "--forks", str(hosts)]
    return watched(["ansible", "all", *options, "-m", "ansible.builtin.ping"], environment())


def controller(_runs: int) -> Iterator[Comparison]:
    """What another host costs the controller, from one run on one machine and one on ten; against
    what it cost in the version of 2026-11-27, against one task of Ansible's that does nothing, and
    against as many idle tasks as the run has. Raises RuntimeError when a machine did not finish.
    """
    many = 10
    with enough_instances(many):
        try:
            if not docker("images", "--quiet", classroom.IMAGE).strip():
                classroom.prepare()
            inventory = classroom.inventory(DIRECTORY, classroom.start(many))
            run(inventory, many, many)  # the first run on the base changes it
            one, all_of_them = run(inventory, 1, 1), run(inventory, many, many)
            if (one["done"], all_of_them["done"]) != (1, many):
                raise RuntimeError(f"not every machine finished: see {DIRECTORY / 'log'}")
            idle_tasks = tasks_of(DIRECTORY / "log", "student02")
            one_ping, pings = ping(inventory, 1), ping(inventory, many)
            one_idle, idles = (idle(inventory, hosts, idle_tasks) for hosts in (1, many))
        finally:
            classroom.remove()
    memory, processor = (
        (float(str(all_of_them[key])) - float(str(one[key]))) / (many - 1)
        for key in ("controller_peak_mib", "controller_cpu_s")
    )
    fork, unit = "memory of a fork and its ssh", "s of the processor"
    yield Comparison(fork, memory, "before", BEFORE_MIB, 0.5, "MiB")
    yield Comparison(fork, memory, PING, (pings.peak - one_ping.peak) / (many - 1), unit="MiB")
    peak = float(str(all_of_them["controller_peak_mib"]))
    yield Comparison(f"the controller of {many} machines", peak, PING, pings.peak, unit="MiB")
    each = (pings.processor - one_ping.processor) / (many - 1)
    yield Comparison("a host", processor, PING, each, BEFORE_PINGS / 2, unit)
    each_idle = (idles.processor - one_idle.processor) / (many - 1)
    yield Comparison("a host", processor, "as many idle tasks", each_idle, unit=unit)
    yield Comparison("as many idle tasks", each_idle, PING, each, unit=unit)


def idle(inventory: Path, hosts: int, tasks: Tasks) -> Cost:
    """Run as many tasks that do nothing on the first ``hosts`` machines."""
    playbook = DIRECTORY / "idle.yml"
    playbook.write_text(tasks.playbook(MODULES_AGAIN))
    options = ["-i", str(inventory), "-l", first(hosts), "--forks", str(hosts), str(playbook)]
    return watched(["ansible-playbook", *options], environment())


def main(count: int, wanted: list[str]) -> int:
    """Start the machines, measure, and remove them."""
    start = time.monotonic()
    with enough_instances(count):
        try:
            inventory = classroom.inventory(DIRECTORY, classroom.start(count))
            took = time.monotonic() - start
            print(json.dumps({"started": count, "wall_s": round(took, 1)}), flush=True)
            for sizes in [f"{count}:20", *wanted]:
                if time.monotonic() - start + took > LIMIT:
                    print(json.dumps({"not_run": sizes}), flush=True)
                    continue
                hosts, forks = map(int, sizes.split(":"))
                began = time.monotonic()
                print(json.dumps(run(inventory, hosts, forks)), flush=True)
                took = time.monotonic() - began
        finally:
            classroom.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
