"""System containers on Incus 6: the server of a classroom, with limits and snapshots.

Its command line is driven. The image is made of the base system, without an image server; pool and
network are the lab's own and leave with the last machine. An instance is unprivileged, with nesting
for an engine inside; ``reset`` restores the snapshot that was taken when it was made.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from machines import container
from machines.debian import base_system
from machines.model import Connection, Kind, Machine, MachineError, Room, State
from machines.place import Place, run

POOL = "scratchlab"
NETWORK = "scratchlab0"
SNAPSHOT = "made"
OURS = "user.scratchlab"  # setting of a pool that this program made
ALIAS = "scratchlab-machine-"
DESCRIPTION = "scratchlab: Debian "  # of an image, also of one whose import was killed
# /sys is writable there, so systemd-networkd waits for udev.
EXTRA = ("udev", "libnss-myhostname")
PACKAGES = "incus-base incus-client dnsmasq-base nftables"
# Seconds for one command. In a cluster, `incus start` and `incus exec` learn from the events that
# the members send each other that they are done; without these they wait for ever (Incus 6.0.4,
# client/operations.go: WaitContext).
PATIENCE = 600
# What it says of a machine that is being made or removed (internal/server/instance/operationlock).
BUSY = ("is busy running", "matching non-reusable operation has now succeeded")
BUSY_SECONDS = 300  # how long a server may be making a machine, or removing it
UNANSWERED = "incus cluster list says whether its servers reach each other; then the same again"
# Run in a new machine whose systemd has started; $1 is the resolver's address.
NETWORKED = """
set -e
mkdir -p /etc/systemd/network
printf '[Match]\\nType=ether\\n[Network]\\nDHCP=yes\\n' >/etc/systemd/network/20-wired.network
rm -f /etc/resolv.conf; printf 'nameserver %s\\n' "$1" >/etc/resolv.conf
grep -q " $(uname -n)$" /etc/hosts || printf '127.0.1.1 %s\\n' "$(uname -n)" >>/etc/hosts
systemctl --quiet enable --now systemd-networkd
"""


def incus(*arguments: str, stdin: bytes | None = None) -> str:
    """Standard output of an incus command; raises MachineError with its error output."""
    return run(
        "incus", *arguments, package=PACKAGES, stdin=stdin, seconds=PATIENCE, remedy=UNANSWERED
    )


def answers(*arguments: str) -> bool:
    """Whether an incus command succeeds."""
    try:
        incus(*arguments)
    except MachineError:
        return False
    return True


def query(path: str) -> Any:
    """What Incus answers to a request for ``path`` of its API. Raises MachineError."""
    return json.loads(incus("query", path))


def found(path: str) -> dict[str, Any] | None:
    """The object at ``path`` of the API; None where there is none."""
    try:
        return dict(query(path))
    except MachineError:
        return None


def members() -> list[str]:
    """The servers of the cluster, by name; empty where this server is in none."""
    if not query("/1.0")["environment"].get("server_clustered"):
        return []
    return [str(one["server_name"]) for one in query("/1.0/cluster/members?recursion=1")]


def metadata(suite: str, directory: Path) -> Path:
    """Write the metadata that Incus wants of an image; returns the file."""
    text = json.dumps(  # JSON is YAML
        {
            "architecture": "x86_64",
            "creation_date": 1511222400,  # it must not be 0
            "properties": {"description": f"{DESCRIPTION}{suite} from packages"},
        }
    ).encode()
    file = directory / "metadata.tar"
    with tarfile.open(file, "w") as tar:
        member = tarfile.TarInfo("metadata.yaml")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
    return file


class Incus:
    """See machines.model.Backend."""

    name = "incus"
    kinds: tuple[Kind, ...] = (Kind.CONTAINER,)

    def __init__(self, place: Place) -> None:
        self.place = place

    def lacks(self, wanted: Sequence[Machine]) -> list[str]:
        """See Backend."""
        if not shutil.which("incus"):
            return [f"incus is missing (Debian 13 and later) -- apt-get install {PACKAGES}"]
        try:
            query("/1.0")
        except MachineError as error:
            return [f"no Incus answers ({error}) -- systemctl start incus.socket"]
        pool = found(f"/1.0/storage-pools/{POOL}") or {"driver": "dir"}
        if pool["driver"] == "dir" and any(machine.limits.disk_gib for machine in wanted):
            return [
                f"the storage pool {POOL} has directories, which limit no disk -- leave --disk out,"
                f" or make another one before the first machine: incus storage create {POOL} btrfs"
            ]
        return []

    def room(self) -> Room | None:
        """See Backend."""
        try:
            shown = [query(f"/1.0/resources?target={name}") for name in members()]
        except MachineError:
            return None
        if not shown:
            return None
        memory = sum(int(one["memory"]["total"]) - int(one["memory"]["used"]) for one in shown)
        return Room(memory // 2**20, max(int(one["cpu"]["total"]) for one in shown))

    def warning(self, machine: Machine) -> str:
        """See Backend."""
        if not machine.privileged:
            return ""
        return "privileged machines: a student who is root on one is root on this server"

    def prepare(self, machine: Machine) -> None:
        """See Backend."""
        with self.place.locked("incus"):
            if self._to_be_made("storage", f"/1.0/storage-pools/{POOL}", POOL, "dir"):
                incus("storage", "create", POOL, "dir", f"{OURS}=1")
            if self._to_be_made("network", f"/1.0/networks/{NETWORK}", NETWORK, "--type=bridge"):
                self._make_network()
            self._image(machine.release)

    @staticmethod
    def _to_be_made(what: str, path: str, *kind: str) -> bool:
        """Make way for a pool or network that is not there, on each member of a cluster; what a
        killed run left on some of them goes. Returns whether it has still to be made.
        """
        old = found(path)
        if old and old["status"] == "Created":
            return False
        if old:
            incus(what, "delete", kind[0])
        for member in members():
            incus(what, "create", *kind, f"--target={member}")
        return True

    def _make_network(self) -> None:
        """Make the bridge. Incus chooses a subnet by asking for an address that nobody answers to;
        where the network answers for every address, it is one that follows from the place.
        """
        common = ("--type=bridge", "ipv4.nat=true", "ipv6.address=none")
        try:
            incus("network", "create", NETWORK, "ipv4.address=auto", *common)
        except MachineError as error:
            if "subnet" not in str(error):
                raise
            second, third = bytes.fromhex(self.place.digest)[:2]
            address = f"10.{second}.{third}.1/24"
            incus("network", "create", NETWORK, f"ipv4.address={address}", *common)

    def _image(self, suite: str) -> str:
        """The alias of the image of a base system, which is imported if missing."""
        file = base_system(self.place, suite, EXTRA)
        alias = f"{ALIAS}{file.stem}"
        if found(f"/1.0/images/aliases/{alias}") is None:
            with tempfile.TemporaryDirectory(dir=self.place.cache) as directory:
                described = metadata(suite, Path(directory))
                try:
                    incus("image", "import", str(described), str(file), f"--alias={alias}")
                except MachineError as error:
                    if "Image with same fingerprint" not in str(error):
                        raise
                    # A killed run's import went on, and nobody gave it the name.
                    content = hashlib.sha256(described.read_bytes() + file.read_bytes())
                    incus("image", "alias", "create", alias, content.hexdigest())
        return alias

    def create(self, machine: Machine) -> None:
        """See Backend."""
        self.remove(machine)
        options = ["security.nesting=true"]
        if machine.privileged:
            options.append("security.privileged=true")
        if machine.limits.memory_mib:
            options.append(f"limits.memory={machine.limits.memory_mib}MiB")
        if machine.limits.cpus:
            options.append(f"limits.cpu={machine.limits.cpus}")
        alias = self._image(machine.release)
        place = ("--no-profiles", f"--storage={POOL}", f"--network={NETWORK}")
        incus("init", alias, machine.instance, *place, *(f"--config={one}" for one in options))
        if machine.limits.disk_gib:
            size = f"size={machine.limits.disk_gib}GiB"
            incus("config", "device", "set", machine.instance, "root", size)
        incus("start", machine.instance)

    def wait(self, machine: Machine, seconds: float) -> None:
        """See Backend."""
        self._wait_until_started(machine, seconds)
        instance = self._instance(machine) or {}
        if not any(one["name"] == SNAPSHOT for one in instance.get("snapshots") or ()):
            self._execute(machine, f"hostnamectl --static hostname {machine.name} || true")
            address = incus("network", "get", NETWORK, "ipv4.address").partition("/")[0]
            self._execute(machine, NETWORKED, address)
            self._execute(machine, container.AUTHORIZED, stdin=self.place.public_key().encode())
            key = container.host_key(self.place, machine)
            self._execute(machine, container.HOST_KEY, stdin=key)
            incus("snapshot", "create", machine.instance, SNAPSHOT)
        self._execute(machine, container.LOGIN)

    def _wait_until_started(self, machine: Machine, seconds: float) -> None:
        ends = time.monotonic() + seconds
        state = ""
        while time.monotonic() < ends:
            try:
                state = self._execute(machine, "systemctl is-system-running || true")
            except MachineError as error:
                state = str(error)
            if state in ("running", "degraded"):
                return
            if self.state(machine) is not State.RUNNING:
                break
            time.sleep(0.5)
        try:
            log = incus("console", machine.instance, "--show-log")
        except MachineError as error:
            log = str(error)
        last = " | ".join(line.strip() for line in log.splitlines()[-8:] if line.strip())
        raise MachineError(
            f"{machine.name} did not start: {state or 'systemd does not answer'}; "
            f"its console ends with: {last or '(nothing)'}",
            f"more: incus info {machine.instance} --show-log",
        )

    def _execute(
        self, machine: Machine, script: str, *words: str, stdin: bytes | None = None
    ) -> str:
        """Run a shell script on the machine as root; returns its output."""
        command = ("exec", machine.instance, "--mode=non-interactive", "--", "sh", "-c", script)
        return incus(*command, "sh", *words, stdin=stdin)

    def start(self, machine: Machine) -> None:
        """See Backend."""
        incus("start", machine.instance)

    def stop(self, machine: Machine) -> None:
        """See Backend."""
        incus("stop", machine.instance, "--timeout=60", "--force")

    def reset(self, machine: Machine) -> None:
        """See Backend."""
        instance = self._instance(machine) or {}
        if not any(one["name"] == SNAPSHOT for one in instance.get("snapshots") or ()):
            self.create(machine)
            return
        if self.state(machine) is State.RUNNING:
            incus("stop", machine.instance, "--force")
        incus("snapshot", "restore", machine.instance, SNAPSHOT)
        if self.state(machine) is not State.RUNNING:
            incus("start", machine.instance)

    def remove(self, machine: Machine) -> None:
        """See Backend."""
        ends = time.monotonic() + BUSY_SECONDS
        while self._instance(machine) is not None:
            try:
                incus("delete", machine.instance, "--force")
            except MachineError as error:
                # A killed run asked for something, and the server goes on with it.
                busy = any(words in str(error) for words in BUSY)
                if time.monotonic() > ends or not (busy or self._instance(machine) is None):
                    raise
                time.sleep(1)

    def state(self, machine: Machine) -> State:
        """See Backend."""
        instance = self._instance(machine)
        if instance is None:
            return State.MISSING
        return State.RUNNING if instance["status"] == "Running" else State.STOPPED

    def _instance(self, machine: Machine) -> dict[str, Any] | None:
        listed = json.loads(incus("list", f"^{machine.instance}$", "--format=json"))
        return next((one for one in listed if one["name"] == machine.instance), None)

    def connection(self, machine: Machine) -> Connection:
        """See Backend."""
        entering = ("incus", "exec", machine.instance, "--mode=non-interactive", "--")
        return container.connection(self.place, machine, *entering)

    def forget(self) -> None:
        """See Backend."""
        with self.place.locked("incus"):
            listed = json.loads(incus("image", "list", "--format=json"))
            for image in listed:
                if str(image["properties"].get("description", "")).startswith(DESCRIPTION):
                    incus("image", "delete", image["fingerprint"])
            # What another checkout's machines use stays, as Incus refuses to remove it.
            answers("network", "delete", NETWORK)
            pool = found(f"/1.0/storage-pools/{POOL}")
            if pool and OURS in pool["config"]:  # otherwise a person made it
                answers("storage", "delete", POOL)
