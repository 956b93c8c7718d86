"""./lab watch for a large room: ``python3 -m tests.benchmarks.watch [HOSTS] [LOOKS]``.

Four containers, with an sshd on a port of its own for each host: real ssh, one connection for each
host. Prints JSON: the time until every host has answered for the first
time, the time of a look after that (median and slowest of LOOKS), the controller's processor time
for a look, its memory (all ssh included, shared pages once), and the time of the page. Containers
and controller share this machine's cores; the load is printed. Needs root and the engine.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import os
import resource
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from statistics import median

from machines import docker_engine
from machines.docker_engine import docker
from machines.place import Place as Kept
from scratchlab.classroom.live import Limits, Need, rows_of
from scratchlab.classroom.status import DIRECTORY, Status, write_status
from scratchlab.render.html.live_page import write_live
from scratchlab.watch.inventory import Target, target_of
from scratchlab.watch.room import Room
from scratchlab.watch.server import Place, Server
from tests.benchmarks.classroom import memory, process_tree

PREFIX = f"scratchlab-manywatch-{os.getpid()}"
KEPT = Kept()
CONTAINERS = 4
FIRST_PORT = 3000


def start(hosts: int) -> list[Target]:
    """Start the containers; the way to each of ``hosts``."""
    key, image = KEPT.public_key(), docker_engine.image(KEPT, "bookworm")
    targets: list[Target] = []
    status = write_status(Status("student", "build", "Build it", 3, 16, 2, 0, 20, 194, 1))
    for number in range(CONTAINERS):
        ports = range(FIRST_PORT, FIRST_PORT + len(range(number, hosts, CONTAINERS)))
        name = f"{PREFIX}-{number}"
        docker("run", "--detach", "--init", f"--name={name}", image, "sleep", "infinity")
        script = (
            f"set -e; mkdir -p /run/sshd /home/student/.ssh {DIRECTORY}; "
            "cat >/home/student/.ssh/authorized_keys; chown -R student: /home/student/.ssh; "
            f"echo '{status.decode().strip()}' >{DIRECTORY}/1000.json; "
            # One sshd listens on at most sixteen sockets.
            f"for port in $(seq {ports[0]} {ports[-1]}); do /usr/sbin/sshd -p $port; done"
        )
        docker("exec", "--interactive", name, "sh", "-c", script, stdin=key.encode())
        address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        found = docker("inspect", "--format", address, name)
        for port in ports:
            variables = {
                "ansible_host": found,
                "ansible_port": port,
                "ansible_user": "student",
                "ansible_ssh_private_key_file": str(KEPT.key),
                "ansible_ssh_common_args": "-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
                "ansible_host_key_checking": False,
            }
            targets.append(target_of(f"desk{len(targets) + 1:03}", variables, {}, 20))
    return targets


def processor() -> float:
    """Seconds of processor that this process and its children that ended have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def ssh_processor() -> float:
    """Seconds of processor of the ssh that run."""
    ticks = 0
    for pid in process_tree(os.getpid())[1:]:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def page_time(room: Room) -> tuple[float, int]:
    """Seconds until a browser has the page of ``room``, and its bytes."""

    def make() -> str:
        out = io.StringIO()
        write_live(rows_of(room.machines, time.monotonic(), Limits(), {}), "now", 5, out)
        return out.getvalue()

    server = Server(Place("127.0.0.1", 0, ""), make)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    seconds, size = [], 0
    for _ in range(3):
        begun = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1])
        connection.request("GET", "/")
        size = len(connection.getresponse().read())
        seconds.append(time.monotonic() - begun)
    server.shutdown()
    return max(seconds), size


async def measure(targets: list[Target], looks: int) -> dict[str, object]:
    """Look at the room; returns what was measured."""
    room = Room(targets, connect=60, answer=20)
    try:
        begun, before = time.monotonic(), processor()
        await room.look_once()
        first = time.monotonic() - begun
        times, used = [], processor() + ssh_processor()
        connecting = used - before
        for _ in range(looks):
            begun = time.monotonic()
            await room.look_once()
            times.append(time.monotonic() - begun)
        used = processor() + ssh_processor() - used
        rows = rows_of(room.machines, time.monotonic(), Limits(), {})
        seconds, size = await asyncio.to_thread(page_time, room)
        return {
            "hosts": len(targets),
            "answered": sum(row.need is not Need.GONE for row in rows),
            "first_look_s": round(first, 1),
            "controller_cpu_s_first": round(connecting, 1),
            "look_median_s": round(median(times), 2),
            "look_slowest_s": round(max(times), 2),
            "controller_cpu_s_a_look": round(used / looks, 2),
            "memory_mib": memory(os.getpid()),
            "page_s": round(seconds, 2),
            "page_kib": size >> 10,
            "load": round(os.getloadavg()[0], 1),
            "cores": os.cpu_count(),
        }
    finally:
        await room.close()


def main(hosts: int, looks: int) -> int:
    """Start the containers, measure, and remove them."""
    try:
        print(json.dumps(asyncio.run(measure(start(hosts), looks))), flush=True)
    finally:
        names = (f"{PREFIX}-{number}" for number in range(CONTAINERS))
        docker("rm", "--force", "--volumes", *names, check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main(*[*map(int, sys.argv[1:3]), *(200, 5)[len(sys.argv) - 1 :]]))
