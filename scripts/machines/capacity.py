"""What this host has left, asked before anything is made."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from machines.debian import file_of, fresh
from machines.model import Kind, Machine, Room
from machines.place import Place

MEMINFO = Path("/proc/meminfo")
# The lab on a system container with Debian 12 or 13 takes 0.4 GiB of memory and 1.5 GiB of disk.
CONTAINER_MEMORY_MIB = 512
CONTAINER_DISK_MIB = 2048
VM_MEMORY_MIB = 2048
VM_DISK_MIB = 3072  # an overlay grows with what is written
BASE_MIB = {Kind.CONTAINER: 512, Kind.VM: 3072}  # a base system, and a disk of it


def memory_mib(machine: Machine) -> int:
    """Memory that the machine may take."""
    usual = VM_MEMORY_MIB if machine.kind is Kind.VM else CONTAINER_MEMORY_MIB
    return machine.limits.memory_mib or usual


def disk_mib(machine: Machine) -> int:
    """Disk that the machine will take, with the lab on it."""
    usual = VM_DISK_MIB if machine.kind is Kind.VM else CONTAINER_DISK_MIB
    return min(usual, machine.limits.disk_gib * 1024) if machine.limits.disk_gib else usual


def available_mib() -> int:
    """Memory that this host can give to new programs."""
    lines = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines())
    return int(lines["MemAvailable"].split()[0]) // 1024


def shortages(place: Place, wanted: Sequence[Machine], room: Room | None = None) -> list[str]:
    """What is too little for these more machines, each with what mends it.

    ``room`` is what their backend can give; None where they run on this host.
    """
    found = []
    room = room or Room(available_mib(), os.cpu_count() or 1)
    memory = sum(map(memory_mib, wanted))
    if memory > (free := room.memory_mib):
        found.append(
            f"{len(wanted)} more machines take {memory} MiB of memory, and {free} MiB are "
            "available -- fewer machines, or a smaller --memory"
        )
    most = max((one.limits.cpus or 0) for one in wanted)
    if most > room.processors:
        found.append(
            f"a machine with {most} processors does not fit where there are {room.processors} -- "
            f"--cpus {room.processors}, or fewer"
        )
    missing = {
        (release, kind)
        for release, kind in {(machine.release, machine.kind) for machine in wanted}
        if kind is Kind.VM or not fresh(file_of(place, release))
    }
    disk = sum(map(disk_mib, wanted)) + sum(BASE_MIB[kind] for _, kind in missing)
    place.cache.mkdir(parents=True, exist_ok=True)
    if disk > (free := shutil.disk_usage(place.cache).free // 2**20):
        found.append(
            f"{len(wanted)} more machines take {disk} MiB of disk, and {free} MiB are free below "
            f"{place.cache} -- fewer machines, or more room there"
        )
    return found
