"""Disks for virtual machines: a base system with a kernel, as one ext4 file system.

The name of a disk's directory has a digest of what goes into it. It is written under another name
and renamed, so that a killed build leaves no half disk. Needs root, for the owners of the files.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from machines.debian import base_system
from machines.model import USER, MachineError
from machines.place import Place, new_key, run

SIZE = "8G"  # sparse: it takes only the space of its content
# libnss-myhostname: sudo resolves the machine's name, which is set on the kernel command line.
PACKAGES = ("linux-image-cloud-amd64", "udev", "libnss-myhostname")
FILES = {
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/fstab": "/dev/vda / ext4 defaults,discard,x-systemd.growfs 0 1\n",
    # QEMU's user-mode network has a DHCP server and a resolver (QEMU, Network emulation).
    "etc/systemd/network/20-wired.network": "[Match]\nType=ether\n[Network]\nDHCP=yes\n",
    "etc/resolv.conf": "nameserver 10.0.2.3\n",
    "etc/ssh/sshd_config.d/machine.conf": "PasswordAuthentication no\nUseDNS no\n",
    "etc/machine-id": "",  # each machine makes its own
}


@dataclass(frozen=True)
class Disk:
    """A directory with ``root.ext4``, ``vmlinuz``, ``initrd`` and ``known_hosts``, which nothing
    changes after it was made.
    """

    directory: Path

    @property
    def image(self) -> Path:
        """The file system image."""
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


def disk(place: Place, suite: str, extra: Sequence[str] = ()) -> Disk:
    """The disk of a suite; made in two minutes when missing or stale.

    ``extra`` are more packages. Raises MachineError.
    """
    tar = base_system(place, suite, [*PACKAGES, *extra])
    parts = (tar.stem, str(tar.stat().st_mtime), Path(__file__).read_text(), place.public_key())
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
    label = "-".join([suite, *extra])
    made = Disk(place.cache / f"disk-{label}-{key}")
    with place.locked(f"disk-{label}"):
        if not made.directory.is_dir():
            make(place, tar, made)
            # A virtual machine that lies on an older disk keeps it.
            unused = not any(place.cache.rglob("disk.qcow2"))
            for old in place.cache.glob(f"disk-{label}-{'?' * len(key)}/"):
                if unused and old != made.directory:
                    shutil.rmtree(old)
    return made


def make(place: Place, tar: Path, made: Disk) -> None:
    """Unpack the base system, configure it, and write it as a file system."""
    unfinished = Disk(made.directory.with_suffix(".new"))
    shutil.rmtree(unfinished.directory, ignore_errors=True)
    tree = unfinished.directory / "tree"
    tree.mkdir(parents=True)
    try:
        run("tar", "--extract", "--numeric-owner", "--xattrs", f"--file={tar}", "-C", str(tree),
            package="tar")  # fmt: skip
        host_key = configure(place, tree)
        unfinished.known_hosts.write_text(f"vm {host_key}")
        for name, wanted in (("vmlinuz", unfinished.kernel), ("initrd.img", unfinished.initrd)):
            files = list(tree.glob(f"boot/{name}-*"))
            if len(files) != 1:
                raise MachineError(f"{tar} has {len(files)} files boot/{name}-*", f"rm {tar}")
            shutil.copy(files[0], wanted)
        run("truncate", "-s", SIZE, str(unfinished.image), package="coreutils")
        run("mkfs.ext4", "-q", "-F", "-d", str(tree), str(unfinished.image), package="e2fsprogs")
        shutil.rmtree(tree)
        unfinished.directory.rename(made.directory)
    finally:
        shutil.rmtree(unfinished.directory, ignore_errors=True)


def configure(place: Place, tree: Path) -> str:
    """Set up network, the user's key and a new host key; returns the public host key."""
    for name, text in FILES.items():
        path = tree / name
        path.unlink(missing_ok=True)
        path.write_text(text)
    for old in tree.glob("etc/ssh/ssh_host_*"):
        old.unlink()
    key = tree / "etc/ssh/ssh_host_ed25519_key"
    new_key(key, "vm")
    enable = ("systemctl", "--quiet", "enable", "systemd-networkd", "ssh")
    run("chroot", str(tree), *enable, package="coreutils")
    authorized = tree / "home" / USER / ".ssh" / "authorized_keys"
    authorized.parent.mkdir(mode=0o700)
    authorized.write_text(place.public_key())
    run("chroot", str(tree), "chown", "-R", f"{USER}:", f"/home/{USER}/.ssh", package="coreutils")
    return key.with_suffix(".pub").read_text()
