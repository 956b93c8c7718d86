"""The package archive fails in the middle: the lab names the remedy, and stays whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.machines.scenario import PROGRAM, Machine

PORT = 8404
MIRROR = f"deb [trusted=yes] http://127.0.0.1:{PORT}/debian bookworm main"
# Answers 404 to everything.
EMPTY = f"cd $(mktemp -d) && exec python3 -m http.server --bind 127.0.0.1 {PORT}"
# Accepts connections and never answers.
SILENT = (
    'exec python3 -c \'import socket, time; s = socket.create_server(("127.0.0.1", '
    f"{PORT})); time.sleep(600)'"
)
# A package that the lab does not need, so that apt has something to do.
MORE = ("-e", '{"docker_host_packages_also": ["hello"]}')


@contextmanager
def mirror(machine: Machine, server: str) -> Iterator[None]:
    """Make this local server the machine's only source of packages."""
    machine.output("mv /etc/apt/sources.list /root/sources.list")
    machine.output("echo %s >/etc/apt/sources.list", MIRROR)
    machine.output("systemd-run --quiet --unit=mirror sh -c %s", server)
    try:
        yield
    finally:
        machine.output("systemctl stop mirror; mv /root/sources.list /etc/apt/sources.list")


def refused(machine: Machine, reason: str) -> None:
    """Run the lab: it prints apt's error and the remedy, and everything from before still works."""
    done = machine.lab(*MORE)
    assert done.returncode == 2, done.stdout
    assert reason in done.stdout
    assert "then run the same command again" in done.stdout
    assert "Traceback" not in done.stdout
    assert not machine.host.package("hello").is_installed
    assert machine.host.run(f"{PROGRAM} verify sleep").rc == 0


def test_mirror_that_answers_404(machine: Machine) -> None:
    with mirror(machine, EMPTY):
        refused(machine, "404")


def test_mirror_that_hangs(machine: Machine) -> None:
    with mirror(machine, SILENT):
        refused(machine, "Connection failed")


def test_full_disk(machine: Machine) -> None:
    machine.output("mount -t tmpfs -o size=256k tmpfs /var/lib/scratchlab/apt")
    try:
        refused(machine, "no space left for packages")
    finally:
        machine.output("umount /var/lib/scratchlab/apt")


def test_disk_that_was_full_in_the_middle(machine: Machine) -> None:
    """dpkg leaves zsh unpacked without zsh-common, on which it depends; apt then refuses all."""
    more = ("-e", '{"docker_host_packages_also": ["zsh"]}')
    machine.output("mkdir -p /usr/share/zsh && mount -t tmpfs -o size=1m tmpfs /usr/share/zsh")
    try:
        done = machine.lab(*more)
    finally:
        machine.output("umount /usr/share/zsh")
    assert done.returncode == 2, done.stdout
    assert "no space left for packages" in done.stdout
    assert machine.output("dpkg-query -W -f '${db:Status-Abbrev}' zsh").strip() == "iU"
    done = machine.lab(*more)
    assert done.returncode == 0, done.stdout
    assert machine.host.package("zsh").is_installed


def test_next_run_converges(
    machine: Machine, record_testsuite_property: Callable[[str, object], None]
) -> None:
    done = machine.lab()
    assert done.returncode == 0, done.stdout
    engine = machine.report()["engine"]
    record_testsuite_property("engine", f"{engine['name']} {engine['version']}")
