"""System containers: a Debian whose process 1 is systemd, for an engine to run inside.

``python3 -m tests.machines.container up NAME SUITE [HOSTNAME]`` makes one, ``down NAME...`` removes
them with their volumes, ``forget`` removes the images. They get the capabilities that this process
has: in a sandbox without CAP_SYS_RESOURCE, ``docker run --privileged`` fails and this does not.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from tests.machines.base import CACHE, RELEASES, USER, Release, base_system, locked

LABEL = "io.scratchlab.machine"
KEY = CACHE / "id_ed25519"
READY_SECONDS = 240
# In the order of their numbers in capability.h of Linux 3.16: an engine of 2020 refuses the three
# that were added later.
CAPABILITIES = """
    chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable
    net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio
    sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time
    sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog
    wake_alarm block_suspend audit_read
"""
# Engines keep layers in these, and overlayfs does not stack on the container's own overlayfs.
VOLUMES = ("/var/lib/docker", "/var/lib/containerd", "/var/lib/containers")
# Docker mounts the control groups read-only, but an engine inside has to make its own.
BOOT = """
if [ "$UNIFIED" = 1 ] && [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
    umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup
fi
mount -o remount,rw /sys/fs/cgroup
for controller in /sys/fs/cgroup/*; do
    if [ -d "$controller" ] && [ ! -L "$controller" ] && mountpoint -q "$controller"; then
        mount -o remount,bind,rw "$controller"
    fi
done
unset UNIFIED
exec /sbin/init
"""


class MachineError(Exception):
    """A machine could not be made; the message has the reason."""


def docker(*arguments: str, check: bool = True, stdin: bytes | None = None) -> str:
    """Standard output of a docker command; raises MachineError with its error output."""
    done = subprocess.run(["docker", *arguments], capture_output=True, check=False, input=stdin)
    if check and done.returncode:
        raise MachineError(f"docker {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode(errors="replace").strip()


def effective_capabilities() -> list[str]:
    """The names in CAPABILITIES that this process has."""
    lines = Path("/proc/self/status").read_text().splitlines()
    bits = int(next(line.split()[1] for line in lines if line.startswith("CapEff")), 16)
    return [name for number, name in enumerate(CAPABILITIES.split()) if bits >> number & 1]


def image(suite: str) -> str:
    """The name of the image of a base system, which is imported if missing."""
    file = base_system(suite)
    name = f"scratchlab-machine:{file.stem}"
    with locked(f"import-{suite}"):
        if not docker("image", "ls", "--quiet", name):
            docker("import", "--change", f"LABEL {LABEL}={suite}", str(file), name)
    return name


def public_key() -> str:
    """The public SSH key for every machine of this checkout; made once."""
    with locked("key"):
        if not KEY.exists():
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "scratchlab", "-f"]
            subprocess.run([*command, str(KEY)], check=True)
    return KEY.with_suffix(".pub").read_text()


def up(name: str, suite: str, hostname: str = "") -> bool:
    """Make the machine unless it runs, and wait until systemd has started.

    Returns whether it was made. Raises MachineError when it does not start.
    """
    if docker("container", "ls", "--quiet", "--filter", f"name=^{name}$"):
        return False
    down(name)
    release = RELEASES[suite]
    docker(*run_command(name, hostname or name, image(suite), release))
    wait_until_started(name)
    script = (
        f"set -e; umask 077; mkdir -p ~{USER}/.ssh /run/sshd; cat >~{USER}/.ssh/authorized_keys; "
        f"chown -R {USER}: ~{USER}/.ssh; rm -f /run/nologin"
    )
    docker("exec", "--interactive", name, "sh", "-c", script, stdin=public_key().encode())
    return True


def run_command(name: str, hostname: str, image_name: str, release: Release) -> list[str]:
    """The arguments of docker for a system container."""
    environment = ["container=docker", *release.environment, f"UNIFIED={int(release.unified)}"]
    return [
        "run",
        "--detach",
        f"--name={name}",
        f"--hostname={hostname}",
        f"--label={LABEL}={release.suite}",
        "--stop-signal=SIGRTMIN+3",
        "--cgroupns=private",
        "--security-opt=seccomp=unconfined",
        "--security-opt=apparmor=unconfined",
        "--security-opt=systempaths=unconfined",
        "--device-cgroup-rule=a *:* rwm",
        *(f"--cap-add={capability}" for capability in effective_capabilities()),
        *(f"--volume={path}" for path in VOLUMES),
        "--tmpfs=/run",
        "--tmpfs=/tmp:exec",
        *(f"--env={setting}" for setting in environment),
        "--entrypoint=/bin/sh",
        image_name,
        "-c",
        BOOT,
    ]


def wait_until_started(name: str) -> None:
    """Wait for systemd. ``degraded`` counts as started: a container loads no kernel modules."""
    end = time.monotonic() + READY_SECONDS
    state = ""
    while time.monotonic() < end:
        state = docker("exec", name, "systemctl", "is-system-running", check=False)
        if state in ("running", "degraded"):
            return
        if not docker("container", "ls", "--quiet", "--filter", f"name=^{name}$"):
            break
        time.sleep(0.3)
    log = docker("logs", "--tail", "5", name, check=False)
    raise MachineError(f"{name} did not start: {state or 'systemd does not answer'}; {log}")


def down(*names: str) -> None:
    """Remove machines and their volumes; a missing one is not an error."""
    if names:
        docker("rm", "--force", "--volumes", *names, check=False)


def forget() -> None:
    """Remove the images of base systems from this engine; keep the tar files."""
    names = docker("image", "ls", "--quiet", "--filter", f"label={LABEL}").split()
    if names:
        docker("image", "rm", *sorted(set(names)), check=False)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    making = verbs.add_parser("up")
    making.add_argument("name")
    making.add_argument("suite", choices=sorted(RELEASES))
    making.add_argument("hostname", nargs="?", default="")
    verbs.add_parser("down").add_argument("names", nargs="+")
    verbs.add_parser("forget")
    options = parser.parse_args()
    try:
        match options.verb:
            case "up":
                print("made" if up(options.name, options.suite, options.hostname) else "running")
            case "down":
                down(*options.names)
            case _:
                forget()
    except (MachineError, subprocess.CalledProcessError) as error:
        print(f"machine: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
