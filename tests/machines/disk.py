"""Disks for virtual machines: a base system with a kernel, as one ext4 file system.

Kept under a key over what goes into it, written aside and renamed: a killed build leaves none.
Needs root, for the owners of the files.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.machines.base import CACHE, USER, base_system, locked
from tests.machines.container import public_key

SIZE = "8G"  # sparse: it takes the room of what is in it
# libnss-myhostname: the machine's name comes with its start, and sudo wants to resolve it.
PACKAGES = ("linux-image-cloud-amd64", "udev", "libnss-myhostname")
FILES = {
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/fstab": "/dev/vda / ext4 defaults,discard 0 1\n",
    # QEMU's user-mode network has a DHCP server and a resolver (QEMU, Network emulation).
    "etc/systemd/network/20-wired.network": "[Match]\nType=ether\n[Network]\nDHCP=yes\n",
    "etc/resolv.conf": "nameserver 10.0.2.3\n",
    "etc/ssh/sshd_config.d/machine.conf": "PasswordAuthentication no\nUseDNS no\n",
    "etc/machine-id": "",  # each machine makes its own
}


class DiskError(Exception):
    """There is no disk; the text says why and what mends it."""


@dataclass(frozen=True)
class Disk:
    """A directory with ``root.ext4``, ``vmlinuz``, ``initrd`` and ``known_hosts``. Read only."""

    directory: Path

    @property
    def image(self) -> Path:
        """The file system."""
        return self.directory / "root.ext4"

    @property
    def kernel(self) -> Path:
        """The kernel that is installed in it."""
        return self.directory / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """That kernel's initial RAM file system."""
        return self.directory / "initrd"

    @property
    def known_hosts(self) -> Path:
        """The host key of every machine with this disk, under the name ``vm``."""
        return self.directory / "known_hosts"


def disk(suite: str) -> Disk:
    """The disk of a suite, made when it is missing or stale (two minutes). Raises DiskError."""
    try:
        tar = base_system(suite, PACKAGES)
        parts = (tar.stem, str(tar.stat().st_mtime), Path(__file__).read_text(), public_key())
        key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
        made = Disk(CACHE / f"disk-{suite}-{key}")
        with locked(f"disk-{suite}"):
            if not made.directory.is_dir():
                make(tar, made)
                for old in CACHE.glob(f"disk-{suite}-*/"):
                    if old != made.directory:
                        shutil.rmtree(old)
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        raise DiskError(
            f"no disk for {suite}: {error} "
            "-- it needs root and: apt-get install mmdebstrap e2fsprogs openssh-client"
        ) from error
    return made


def make(tar: Path, made: Disk) -> None:
    """Unpack, furnish, and put a file system around it."""
    aside = Disk(made.directory.with_suffix(".new"))
    shutil.rmtree(aside.directory, ignore_errors=True)
    tree = aside.directory / "tree"
    tree.mkdir(parents=True)
    try:
        run("tar", "--extract", "--numeric-owner", "--xattrs", f"--file={tar}", "-C", str(tree))
        host_key = furnish(tree)
        aside.known_hosts.write_text(f"vm {host_key}")
        for name, wanted in (("vmlinuz", aside.kernel), ("initrd.img", aside.initrd)):
            (found,) = tree.glob(f"boot/{name}-*")
            shutil.copy(found, wanted)
        run("truncate", "-s", SIZE, str(aside.image))
        run("mkfs.ext4", "-q", "-F", "-d", str(tree), str(aside.image))
        shutil.rmtree(tree)
        aside.directory.rename(made.directory)
    finally:
        shutil.rmtree(aside.directory, ignore_errors=True)


def furnish(tree: Path) -> str:
    """Network, the user's key and a host key of its own; gives the host key's public half."""
    for name, text in FILES.items():
        path = tree / name
        path.unlink(missing_ok=True)
        path.write_text(text)
    for old in tree.glob("etc/ssh/ssh_host_*"):
        old.unlink()
    key = tree / "etc/ssh/ssh_host_ed25519_key"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "vm", "-f", str(key))
    run("chroot", str(tree), "systemctl", "--quiet", "enable", "systemd-networkd", "ssh")
    authorized = tree / "home" / USER / ".ssh" / "authorized_keys"
    authorized.parent.mkdir(mode=0o700)
    authorized.write_text(public_key())
    run("chroot", str(tree), "chown", "-R", f"{USER}:", f"/home/{USER}/.ssh")
    return key.with_suffix(".pub").read_text()


def run(*command: str) -> None:
    """Run a program. Raises subprocess.CalledProcessError, or FileNotFoundError."""
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
