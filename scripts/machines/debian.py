"""Base systems: a bare Debian with systemd, ssh and Python, as one tar file made from packages.

A file's name has a digest of the packages, options and sources; after two weeks it is made again.
No registry and no prebuilt image is involved.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from machines.model import USER
from machines.place import Place, run

MAX_AGE = 14 * 24 * 3600  # seconds
MIRROR = "http://deb.debian.org/debian"
SECURITY = "http://deb.debian.org/debian-security"
# As in a fresh virtual machine: no engine, no Go, nothing of the lab's.
PACKAGES = (
    "ca-certificates",
    "dbus",
    "iproute2",
    "openssh-server",
    "procps",
    "python3",
    "sudo",
    "systemd",
    "systemd-sysv",
)
# A machine lives for minutes and need not survive a power cut; unsafe I/O installs faster.
OPTIONS = (
    "--mode=root",
    "--format=tar",
    "--variant=minbase",
    "--dpkgopt=force-unsafe-io",
)
# Run outside the new system, whose root is $1.
SETUP = (
    f'chroot "$1" useradd --create-home --shell /bin/bash {USER}',
    f'echo "{USER} ALL=(ALL) NOPASSWD: ALL" >"$1/etc/sudoers.d/{USER}"',
    f'chmod 0440 "$1/etc/sudoers.d/{USER}"',
    # It waits for minutes in a network without DHCP, and nothing on these machines needs it.
    'ln -sf /dev/null "$1/etc/systemd/system/systemd-networkd-wait-online.service"',
)


@dataclass(frozen=True)
class Release:
    """One suite of Debian, and the environment that its systemd needs in a container."""

    suite: str
    security: bool = True  # has -updates and -security
    unified: bool = False  # its systemd knows control groups of version 2 only
    environment: tuple[str, ...] = ()


# systemd: NEWS of 256 (version 1 refused unless forced) and of 258 (support removed).
RELEASES = {
    release.suite: release
    for release in (
        Release("bookworm"),
        Release(
            "trixie",
            environment=("SYSTEMD_PROC_CMDLINE=SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1",),
        ),
        Release("sid", security=False, unified=True),
    )
}


@cache
def output(*command: str) -> str:
    """Standard output of a command; empty when it fails or is not installed."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return ""


def mirror(label: str, default: str) -> str:
    """URL from which this machine fetches the archive called ``label``, else ``default``."""
    targets = output(
        "apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian", f"Label: {label}"
    )
    return targets.splitlines()[0].rstrip("/") if targets else default


def sources(release: Release) -> list[str]:
    """The lines of sources.list for ``release``."""
    main = mirror("Debian", MIRROR)
    lines = [f"deb {main} {release.suite} main"]
    if release.security:
        lines += [
            f"deb {main} {release.suite}-updates main",
            f"deb {mirror('Debian-Security', SECURITY)} {release.suite}-security main",
        ]
    return lines


def apt_options() -> list[str]:
    """The apt settings of this machine for proxies, retries, and outdated indexes of a cache."""
    wanted = re.compile(r"Acquire::(https?::Proxy|Check-Valid-Until|Check-Date|Retries)\b.*;")
    return [line for line in output("apt-config", "dump").splitlines() if wanted.fullmatch(line)]


def key(release: Release) -> str:
    """Digest of everything that goes into a base system, except the archive's content."""
    parts = [repr(release), *PACKAGES, *OPTIONS, *SETUP, *sources(release), *apt_options()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def fresh(file: Path) -> bool:
    """Whether the tar file exists and is not too old."""
    return file.exists() and time.time() - file.stat().st_mtime < MAX_AGE


def file_of(place: Place, suite: str, extra: Sequence[str] = ()) -> Path:
    """Where the base system of ``suite`` with ``extra`` packages is kept, made or not."""
    main = key(RELEASES[suite])
    flavour = hashlib.sha256("\0".join([main, *extra]).encode()).hexdigest()[:12]
    return place.cache / f"{suite}-{flavour if extra else main}.tar"


def base_system(place: Place, suite: str, extra: Sequence[str] = ()) -> Path:
    """The tar file of a base system of ``suite``; made when it is missing or stale.

    ``extra`` are additional packages, such as a kernel for a virtual machine. Raises MachineError.
    """
    file = file_of(place, suite, extra)
    with place.locked(file.stem):
        if not fresh(file):
            unfinished = file.with_suffix(".new")
            make(RELEASES[suite], [*PACKAGES, *extra], unfinished)
            unfinished.rename(file)
            if not extra:
                drop_stale(file)
    return file


def make(
    release: Release, packages: Sequence[str], file: Path, setup: Sequence[str] = SETUP
) -> None:
    """Write a Debian with these packages as a tar file. Raises MachineError."""
    options = [f"--aptopt={line}" for line in apt_options()]
    hooks = [f"--customize-hook={line}" for line in setup]
    # A user without root needs user namespaces and a range of ids (subuid(5)).
    mode = [] if os.geteuid() == 0 else ["--mode=unshare"]
    run(
        "mmdebstrap",
        "--quiet",
        *OPTIONS,
        *mode,
        f"--include={','.join(packages)}",
        *options,
        *hooks,
        release.suite,
        str(file),
        *sources(release),
        package="mmdebstrap",
    )


def drop_stale(file: Path) -> None:
    """Remove stale base systems of the suite of ``file``, the new one."""
    suite = file.name.partition("-")[0]
    for other in file.parent.glob(f"{suite}-*.tar"):
        if other != file and not fresh(other):
            other.unlink()
