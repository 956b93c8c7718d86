"""Makes the packed evidence of this directory again: ``python -m tests.unit.judge.make_evidence``.

Needs root and Docker on a machine with busybox-static. Each case runs one container of a
merged-/usr image, does something in it, and saves what `scratchlab verify` collects as
``evidence/NAME.tar.gz``. With arguments, only the cases of those names are made.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PREFIX = "scratchlab-evidence"
EVIDENCE = Path(__file__).with_name("evidence")
HOST = Path("/tmp") / PREFIX  # the host's side of binds
PROGRAMS = ("sh", "sleep", "ls", "cat", "mv", "rm", "mkdir", "chown", "chmod", "ln", "echo",
            "touch", "mount", "umount", "mknod", "cp")  # fmt: skip
LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64",
         "var/run": "/run", "data": "/srv/content", "etc/mtab": "../proc/self/mounts"}  # fmt: skip
MAY_MOUNT = ("--cap-add", "SYS_ADMIN", "--security-opt", "apparmor=unconfined",
             "--security-opt", "seccomp=unconfined")  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One container: ``flags`` of `docker run`, ``inside`` a script that runs in it afterwards,
    ``host`` one that runs on the host then, ``before`` one that runs on the host first.
    """

    flags: tuple[str, ...] = ()
    inside: str = ""
    host: str = ""
    before: str = ""
    vantage: str = "host"


_CHANGED_VOLUME = "echo new > /data/new; echo changed > /data/file; rm /data/gone"
_OPAQUE = "rm -r /o; mkdir /o; echo n > /o/new; mv /r /r2; rm /usr/share/doc/x"
CASES = {
    "plain": Case(),
    "init": Case(("--init",)),
    "devices": Case((
        "--device", "/dev/fuse", "--device", "/dev/fuse:/dev/a/b/fuse",
        "--device", "/dev/zero:/opt/deep/zero", "--device", "/dev/zero:/lib/zero",
        "--device", "/dev/net",
    )),
    "device-in-bind": Case(("-v", "/dev/net/tun:/dev/net/tun", "--device", "/dev/zero:/data/z",
                            "-v", f"{PREFIX}:/data")),
    "volume-through-link": Case(("-v", "/data", "-v", f"{HOST}/file:/lib/deep/file:ro")),
    "links-on-mount": Case(("-v", f"{HOST}/links:/nb", "-v", f"{HOST}/dir:/nb/cur/data")),
    "volume-changed": Case(("-v", "/data"), _CHANGED_VOLUME),
    "volume-over-etc": Case(("-v", "/etc"), "echo x > /etc/new"),
    "cgroup-bind": Case(("-v", "/sys/fs/cgroup:/sys/fs/cgroup:ro")),
    "file-over-cpuinfo": Case(("-v", f"{HOST}/file:/proc/cpuinfo:ro")),
    "tmpfs-over-mask": Case(("--tmpfs", "/proc/acpi")),
    "workdir-on-tmpfs": Case(("--tmpfs", "/run", "-w", "/var/run/app/deep")),
    "workdir-in-shm": Case(("-w", "/dev/shm/wd")),
    "pid-file": Case(("--tmpfs", "/run"), "mkdir /run/app; echo 1 > /run/app/pid"),
    "network-of-container": Case(
        ("--network", f"container:{PREFIX}-other"),
        before=f"docker run -d --name {PREFIX}-other {PREFIX}",
    ),
    "network-of-user": Case(
        ("--network", PREFIX, "--network-alias", "alias", "--domainname", "example.org",
         "--hostname", "named", "--add-host", "other:192.0.2.7", "--add-host", "six:2001:db8::7"),
        before=f"docker network create {PREFIX}",
    ),
    "legacy-link": Case(
        ("--link", f"{PREFIX}-other:db", "--hostname", "h.example.org", "--dns", "192.0.2.53"),
        before=f"docker run -d --name {PREFIX}-other {PREFIX}",
    ),
    "host-mounts-below": Case(
        ("-v", f"{HOST}/dir:/b"),
        before=f"mkdir {HOST}/dir/sub; mount -t tmpfs below {HOST}/dir/sub; "
               f"echo x > {HOST}/dir/sub/x",
    ),
    "host-mount-later": Case(
        ("--mount", f"type=bind,src={HOST}/shared,dst=/media,bind-propagation=rslave"),
        before=f"mkdir -p {HOST}/shared/sub; mount --bind {HOST}/shared {HOST}/shared; "
               f"mount --make-shared {HOST}/shared",
        host=f"mount -t tmpfs late {HOST}/shared/sub; echo usb > {HOST}/shared/sub/stick",
    ),
    "hard-links-parted": Case(inside="touch /lk/a; rm /lk/c; chown 7 /usr/share/lone"),
    "hosts-written": Case(inside="echo 203.0.113.9 evil >> /etc/hosts"),
    "hostname-written": Case(inside="echo evil > /etc/hostname"),
    "resolv-written": Case(inside="echo nameserver 203.0.113.9 > /etc/resolv.conf"),
    "mounted-below-volume": Case(
        (*MAY_MOUNT, "-v", "/data", "-v", f"{HOST}/dir:/b"),
        "mkdir /data/x /b/in; mount -t tmpfs t /data/x; echo evil > /data/x/f; "
        "mount --bind /usr/share /b/in; mount --bind /etc /srv/beside",
    ),
    "mounted-on-volume": Case((*MAY_MOUNT, "-v", "/data"), "mount -t tmpfs t /srv/content"),
    "volume-mounted-again": Case(
        (*MAY_MOUNT, "-v", "/data"), "umount /srv/content; mount --bind /usr /srv/content"
    ),
    "mounted-on-etc": Case(MAY_MOUNT, "mount -t tmpfs t /etc"),
    "bind-over-hosts": Case(MAY_MOUNT, "mount --bind /etc/passwd /etc/hosts"),
    "shm-replaced": Case(
        MAY_MOUNT, "umount /dev/shm; mount -t tmpfs -o nosuid,nodev,noexec shm /dev/shm"
    ),
    "mask-twice": Case(MAY_MOUNT, "mount -t tmpfs -o ro t /proc/acpi"),
    "mask-gone": Case(MAY_MOUNT, "umount /proc/acpi"),
    "mask-made-again": Case(MAY_MOUNT, "umount /proc/acpi; mount -t tmpfs -o ro tmpfs /proc/acpi"),
    "last-mask-made-again": Case(
        MAY_MOUNT, "umount /sys/firmware; mount -t tmpfs -o ro tmpfs /sys/firmware"
    ),
    "mask-writable": Case(MAY_MOUNT, "mount -o remount,rw /proc/acpi"),
    "readonly-path-writable": Case(MAY_MOUNT, "mount -o remount,bind,rw /proc/sys"),
    "null-made-again": Case(inside="rm /dev/null; mknod -m 666 /dev/null c 1 3"),
    "hosts-of-host-network-written": Case(
        ("--network", "host"), "echo 203.0.113.9 evil >> /etc/hosts"
    ),
    "host-gateway": Case(("--add-host", "up:host-gateway")),
    "host-gateway-changed": Case(
        ("--add-host", "up:host-gateway"),
        "echo 127.0.0.1 localhost > /etc/hosts; echo 203.0.113.9 up >> /etc/hosts",
    ),
    "search-line": Case(
        ("--network", PREFIX), "echo search evil >> /etc/resolv.conf",
        before=f"docker network create {PREFIX}",
    ),
    "opaque-and-whiteouts": Case(inside=_OPAQUE),
    "written": Case(
        inside="echo 1 > /opt/x; chmod 600 /etc/passwd; rm /tmp/f; mkdir /tmp/f; rm -r /usr/lib/d; "
               "echo d > /usr/lib/d; rm /usr/share/to; ln -s other /usr/share/to"
    ),
    "node-in-dev": Case(inside="mknod /dev/x c 1 5; ln -s /x /dev/link; echo s > /dev/shm/s"),
    "terminal-and-init": Case(("-t", "--init", "--read-only", "--tmpfs", "/tmp:mode=1777")),
    "hosts-own-mounts": Case(("-v", f"{HOST}/file:/etc/hosts", "-v", "/dev:/dev")),
    "ipc-host": Case(("--ipc", "host", "--network", "host", "--pid", "host")),
    "ipc-shareable": Case(("--ipc", "shareable"), "echo s > /dev/shm/s"),
    "ipc-none": Case(("--ipc", "none", "--network", "none")),
    "unconfined": Case(("--security-opt", "systempaths=unconfined")),
    "debug-plain": Case(vantage="debug"),
    "debug-volume-changed": Case(("-v", "/data", "--init"), _CHANGED_VOLUME, vantage="debug"),
    "debug-opaque-and-whiteouts": Case(inside=_OPAQUE, vantage="debug"),
    "debug-hard-link-added": Case(inside="ln /lk/a /lk/d", vantage="debug"),
    "debug-search-line": Case(
        ("--network", PREFIX), "echo search evil >> /etc/resolv.conf",
        before=f"docker network create {PREFIX}", vantage="debug",
    ),
    "debug-mounted-inside": Case(
        (*MAY_MOUNT, "-v", "/data"), "mkdir /data/x; mount -t tmpfs t /data/x", vantage="debug"
    ),
    "debug-devices": Case(
        ("--device", "/dev/fuse:/dev/a/b/fuse", "--device", "/dev/zero:/opt/zero"), vantage="debug"
    ),
    "debug-host-mounts-below": Case(
        ("-v", f"{HOST}/dir:/b"),
        before=f"mkdir {HOST}/dir/sub; mount -t tmpfs below {HOST}/dir/sub; "
               f"echo x > {HOST}/dir/sub/x",
        vantage="debug",
    ),
    "debug-hosts-written": Case(inside="echo 203.0.113.9 evil >> /etc/hosts", vantage="debug"),
}  # fmt: skip


def main(names: Sequence[str]) -> None:
    """Make the cases of ``names``; all of them without any."""
    with image():
        for name in names or CASES:
            with prepared_host():
                make(f"docker-20.10.24-merged-usr-{name}", CASES[name])


def make(name: str, case: Case) -> None:
    """Run the container of ``case`` and keep its evidence as ``name``."""
    container = f"{PREFIX}-subject"
    try:
        if case.before:
            _run("sh", "-ec", case.before)
        _run("docker", "run", "-d", "--name", container, *case.flags, PREFIX)
        if case.inside:
            _run("docker", "exec", container, "sh", "-ec", case.inside)
        if case.host:
            _run("sh", "-ec", case.host)
        with tempfile.TemporaryDirectory() as directory:
            saved = Path(directory) / "evidence"
            verify = [sys.executable, "-m", "scratchlab", "verify", container,
                      "--vantage", case.vantage, "--save-evidence", str(saved)]  # fmt: skip
            done = subprocess.run(verify, check=False, stdout=subprocess.DEVNULL)
            pack(saved, EVIDENCE / f"{name}.tar.gz")
        print(f"{name}: exit status {done.returncode}", flush=True)
    finally:
        for other in (container, f"{PREFIX}-other"):
            subprocess.run(["docker", "rm", "-fv", other], check=False, capture_output=True)
        subprocess.run(["docker", "network", "rm", PREFIX], check=False, capture_output=True)
        subprocess.run(["docker", "volume", "rm", PREFIX], check=False, capture_output=True)


def pack(directory: Path, archive: Path) -> None:
    """Write the files of ``directory`` to ``archive``: the same files are the same bytes."""
    paths = sorted(directory.iterdir())
    with (
        open(archive, "wb") as raw,
        gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as out,
        tarfile.open(fileobj=out, mode="w") as tar,
    ):
        for path in paths:
            member = tarfile.TarInfo(path.name)
            content = path.read_bytes()
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


@contextlib.contextmanager
def image() -> Iterator[None]:
    """The image of all cases, for as long as they run."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "root"
        tree(root)
        # Not a Dockerfile: the classic builder parts hard links in COPY; an archive keeps them.
        archive = Path(directory) / "layer.tar"
        _run("tar", "--numeric-owner", "-C", str(root), "-cf", str(archive), ".")
        _run("docker", "import", "-c", 'ENTRYPOINT ["/bin/busybox"]', "-c",
             'CMD ["sleep", "3600"]', str(archive), PREFIX)  # fmt: skip
    try:
        yield
    finally:
        subprocess.run(["docker", "rmi", "-f", PREFIX], check=False, capture_output=True)


def tree(root: Path) -> None:
    """A merged-/usr system with links, hard links, a user and content."""
    for name in ("usr/bin", "usr/sbin", "usr/lib/d", "usr/lib64", "usr/share/doc", "etc", "run",
                 "var/log", "srv/content/sub", "srv/beside", "opt", "tmp", "home/user", "lk", "o",
                 "r", "media"):  # fmt: skip
        (root / name).mkdir(parents=True)
    shutil.copy("/usr/bin/busybox", root / "usr/bin/busybox")
    for name in PROGRAMS:
        (root / "usr/bin" / name).symlink_to("busybox")
    for name, target in LINKS.items():
        (root / name).symlink_to(target)
    for name in ("srv/content/file", "srv/content/kept", "srv/content/gone", "srv/content/sub/f",
                 "usr/share/doc/x", "usr/share/lone", "usr/lib/d/x", "lk/a", "o/old1", "o/old2",
                 "r/in", "tmp/f", "home/user/.profile", "media/old"):  # fmt: skip
        (root / name).write_text(f"{name}\n")
    (root / "usr/share/to").symlink_to("lone")
    (root / "etc/passwd").write_text(
        "root:x:0:0::/:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n"
    )
    for name in "bc":
        os.link(root / "lk/a", root / "lk" / name)
    os.chmod(root / "tmp", 0o1777)
    for path in ("home/user", "home/user/.profile"):
        os.chown(root / path, 1000, 1000)


@contextlib.contextmanager
def prepared_host() -> Iterator[None]:
    """Files of the host for the binds of one case."""
    for name in ("dir", "links", "shared"):
        (HOST / name).mkdir(parents=True)
    (HOST / "file").write_text("a file of the host\n")
    (HOST / "links/cur").symlink_to("/opt")
    try:
        yield
    finally:
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            if line.split()[1].startswith(f"{HOST}/"):
                subprocess.run(["umount", line.split()[1]], check=False)
        shutil.rmtree(HOST)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main(sys.argv[1:])
