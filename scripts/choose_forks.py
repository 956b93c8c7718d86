"""How many machines Ansible works on at once: ``choose_forks.py [OPTION...]`` of ansible-playbook.

Prints the number; prints nothing where an option or ANSIBLE_FORKS says it. Imports nothing but
``os`` and ``sys``: every run of the lab waits for this.
"""

from __future__ import annotations

import os
import sys

FORK = 30  # MiB: a fork of Ansible and its ssh; measured: 14 to 25 (docs/classroom.md)
RESERVE = 400  # MiB: Ansible itself, and what else the controller does
PER_CORE = 10  # five were as quick, measured with machines that share the cores
FEWEST = 20  # where memory allows it, on any number of cores


def forks(available: float, cores: int) -> int:
    """The number for ``available`` MiB of memory and ``cores`` processors: at least 1."""
    return max(min(int((available - RESERVE) / FORK), max(PER_CORE * cores, FEWEST)), 1)


def is_told(options: list[str]) -> bool:
    """Whether one of the ``options`` is the number of forks: -f 5, -f5, --forks 5, --fo=5."""
    names = [option.partition("=")[0] for option in options]
    long = any(len(name) > 3 and "--forks".startswith(name) for name in names)
    return long or any(name.startswith("-f") for name in names)


def available_memory(root: str | os.PathLike[str] = "/") -> float:
    """MiB that this process may still take, by the machine and by its control group."""
    lines = _text(root, "proc/meminfo").splitlines()
    kib = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    found = [kib / 1024]
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        group = os.path.join(root, "sys/fs/cgroup")
        try:
            free = int(_text(group, limit)) - int(_text(group, used))
        except (OSError, ValueError):  # another version of control groups, or no limit ("max")
            continue
        found.append(free / (1 << 20))
    return min(found)


def _text(directory: str | os.PathLike[str], name: str) -> str:
    with open(os.path.join(directory, name), encoding="utf-8") as file:
        return file.read()


def main(options: list[str]) -> int:
    """Print the number of forks."""
    if not is_told(options) and not os.environ.get("ANSIBLE_FORKS"):
        print(forks(available_memory(), len(os.sched_getaffinity(0))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
