"""Makes evidence of engines that this machine does not have, in a system container.

``python -m tests.unit.judge.make_machine_evidence MACHINE [CASE...]``, where MACHINE is the
container of a machine (``./lab machines up --kind container``; docker ps). It installs the engines
there, makes an image of Debian packages, runs the case's container, does something in it and
keeps what `scratchlab verify` collects as ``evidence/NAME.tar.gz``, trimmed (see :func:`trimmed`).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.unit.judge.make_evidence import EVIDENCE, pack

from scratchlab import evidence
from scratchlab.evidence import EvidenceSet
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind

SCRIPTS = Path(__file__).parents[3] / "scripts"
PACKAGES = "nginx-light,postgresql,systemd-sysv,dbus,procps"
_TRIMMED = ("/usr/", "/var/lib/dpkg/", "/etc/systemd/", "/var/lib/postgresql/")
_DEEP, _PARTS = ("/usr/share/", "/usr/lib/python3"), 3
_OF_A_DIRECTORY = 2  # files of one directory that are kept, where image and container agree
MAY_MOUNT = ("--cap-add SYS_ADMIN --security-opt apparmor=unconfined"
             " --security-opt seccomp=unconfined")  # fmt: skip
CDI = """{"cdiVersion": "0.5.0", "kind": "vendor.com/class",
 "containerEdits": {"mounts": [{"hostPath": "/opt/cdi/dir", "containerPath": "/opt/vendor/dir",
                                "options": ["ro", "rbind"]}]},
 "devices": [
  {"name": "name", "containerEdits": {"env": ["NAME=1"],
    "deviceNodes": [{"path": "/dev/vendor0", "hostPath": "/dev/null"},
                    {"path": "/dev/zero2", "hostPath": "/dev/zero"}],
    "mounts": [{"hostPath": "/opt/cdi/libvendor.so", "containerPath": "/usr/lib/libvendor.so",
                "options": ["ro", "nosuid", "nodev", "bind"]}]}}]}
"""
SETUP = f"""
set -e
export DEBIAN_FRONTEND=noninteractive
command -v crun >/dev/null || {{
  mkdir -p /etc/docker; echo '{{"features": {{"cdi": true}}}}' >/etc/docker/daemon.json
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends podman crun docker.io docker-cli busybox-static \
    catatonit tini netavark aardvark-dns nftables passt uidmap iptables mmdebstrap \
    fuse-overlayfs slirp4netns dbus-user-session >/dev/null
}}
mkdir -p /etc/cdi /opt/cdi/dir /root/small/usr/bin /root/small/keep/d
echo lib >/opt/cdi/libvendor.so; echo x >/opt/cdi/dir/x; echo y >/opt/cdi/other.so
cat >/etc/cdi/vendor.json <<'END'
{CDI}END
cd /root/small
cp /usr/bin/busybox usr/bin; ln -sfn usr/bin bin
for name in sh sleep mount umount rm mknod mkdir cat touch; do ln -sf busybox usr/bin/$name; done
tar --numeric-owner -cf /root/small.tar .
[ -e /root/services.tar ] ||
  mmdebstrap --mode=root --variant=minbase --include={PACKAGES} trixie /root/services.tar
"""
LOAD = """
{engine} image inspect {name} >/dev/null 2>&1 ||
  {engine} import -c 'CMD ["sleep", "36000"]' - {name} </root/{name}.tar >/dev/null
"""
POSTGRES = ("install -d -o postgres /run/postgresql; exec setpriv --reuid postgres"
            " --regid postgres --init-groups /usr/lib/postgresql/17/bin/postgres"
            " -D /var/lib/postgresql/17/main"
            " -c config_file=/etc/postgresql/17/main/postgresql.conf")  # fmt: skip
SYSTEMD = ("--cap-add SYS_ADMIN --security-opt apparmor=unconfined --security-opt"
           " seccomp=unconfined --tmpfs /run --tmpfs /tmp --cgroupns private"
           " -e SYSTEMD_PROC_CMDLINE=SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1")  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One container of ``engine`` (a command, with its options), of ``image`` (small, services).

    ``flags`` and ``command`` are those of `run`. ``before``, ``inside`` and ``later`` are scripts:
    on the machine first, in the container, and on the machine then. ``daemon`` is Docker's
    configuration, where another one is needed; ``verify`` are more options of scratchlab.
    """

    engine: str
    image: str = "small"
    flags: str = ""
    command: str = ""
    before: str = ""
    inside: str = ""
    later: str = ""
    daemon: str = '{"features": {"cdi": true}}'
    verify: str = ""


_CDI = "--device vendor.com/class=name"
_USERNS = '{"userns-remap": "default"}'
_STORE = '{"features": {"containerd-snapshotter": true}}'
_VFS = '{"storage-driver": "vfs"}'
_OTHER_LIBRARY = ("umount /usr/lib/libvendor.so; mount --bind /bin/busybox /usr/lib/libvendor.so;"
                  " rm /dev/zero2; mknod /dev/zero2 c 1 7")  # fmt: skip
_OTHER_FILE = "sed -i s/libvendor.so/other.so/ /etc/cdi/vendor.json"
_FILE_AGAIN = "sed -i s/other.so/libvendor.so/ /etc/cdi/vendor.json"
_WAIT = "for i in $(seq 60); do test -e {0} && break; sleep 1; done; test -e {0}"
_TAMPERED = "echo x >>/usr/sbin/nologin; rm /etc/debian_version; mkdir /opt/new"
_ROOTLESS = ("runuser -u student -- env -C /home/student XDG_RUNTIME_DIR=/run/user/student"
             " podman")  # fmt: skip
# Rootless overlayfs needs another filesystem below than the machine's own overlayfs.
ROOTLESS_STORAGE = """
chmod 755 /root; mkdir -p /dev/net; [ -e /dev/net/tun ] || mknod -m 666 /dev/net/tun c 10 200
install -d -o student /run/user/student /var/lib/containers/student
install -d -o student ~student/.config ~student/.config/containers
cat >~student/.config/containers/storage.conf <<'END'
[storage]
driver = "overlay"
graphroot = "/var/lib/containers/student"
runroot = "/run/user/student/run"
END
"""
CASES = {
    "docker-26.1.5-cdi": Case("docker", flags=_CDI),
    "docker-26.1.5-cdi-tampered": Case(
        "docker", flags=f"{_CDI} {MAY_MOUNT}", inside=_OTHER_LIBRARY
    ),
    "podman-5.4.2-cdi": Case("podman", flags=_CDI),
    "podman-5.4.2-cdi-file-changed": Case(
        "podman", flags=_CDI, before=_FILE_AGAIN, later=_OTHER_FILE
    ),
    "docker-26.1.5-nginx": Case(
        "docker", "services", command="nginx -g 'daemon off;'",
        inside=_WAIT.format("/run/nginx.pid"),
    ),
    "docker-26.1.5-nginx-tampered": Case(
        "docker", "services", command="nginx -g 'daemon off;'",
        inside=f"{_WAIT.format('/run/nginx.pid')}; {_TAMPERED}",
    ),
    "docker-26.1.5-postgres": Case(
        "docker", "services", command=f'sh -c "{POSTGRES}"',
        inside=_WAIT.format("/run/postgresql/.s.PGSQL.5432"),
    ),
    "docker-26.1.5-postgres-tampered": Case(
        "docker", "services", command=f'sh -c "{POSTGRES}"',
        inside=f"{_WAIT.format('/run/postgresql/.s.PGSQL.5432')}; {_TAMPERED};"
               " chmod u+s /usr/bin/env",
    ),
    "docker-26.1.5-systemd": Case(
        "docker", "services", SYSTEMD, "/sbin/init", inside=_WAIT.format("/run/nginx.pid")
    ),
    "docker-26.1.5-systemd-tampered": Case(
        "docker", "services", SYSTEMD, "/sbin/init",
        inside=f"{_WAIT.format('/run/nginx.pid')}; {_TAMPERED}; mount --bind /opt /mnt",
    ),
    "docker-26.1.5-userns": Case("docker", flags="--init -v /data", daemon=_USERNS),
    "docker-26.1.5-userns-tampered": Case(
        "docker", flags="-v /data", daemon=_USERNS, inside="echo x >/usr/bin/new; rm /bin/cat"
    ),
    "docker-26.1.5-store": Case("docker", flags="--init -v /data", daemon=_STORE),
    "docker-26.1.5-store-tampered": Case(
        "docker", flags="-v /data", daemon=_STORE, inside="echo x >/usr/bin/new; rm /bin/cat"
    ),
    "docker-26.1.5-vfs": Case("docker", daemon=_VFS),
    "docker-26.1.5-vfs-made-again": Case(
        "docker", daemon=_VFS, inside="rm -r /keep/d; mkdir /keep/d"
    ),
    "podman-5.4.2-init": Case("podman", flags="--init -v /data"),
    "podman-5.4.2-rootless": Case(_ROOTLESS, flags="--init -v /data"),
    "podman-5.4.2-rootless-tampered": Case(
        _ROOTLESS, flags="-v /data", inside="echo x >/usr/bin/new; rm /bin/cat"
    ),
    "podman-5.4.2-host-network": Case("podman", flags="--network host"),
    "podman-5.4.2-host-network-written": Case(
        "podman", flags="--network host",
        inside="echo 203.0.113.9 evil >>/etc/hosts; echo evil >/etc/hostname;"
               " echo nameserver 203.0.113.9 >/etc/resolv.conf; echo evil >/run/.containerenv",
    ),
}  # fmt: skip


def main(machine: str, names: Sequence[str]) -> None:
    """Make the cases of ``names`` in ``machine``; all of them without any."""
    _in(machine, SETUP)
    _install(machine)
    daemon = ""
    for name in names or CASES:
        case = CASES[name]
        if case.engine == "docker" and case.daemon != daemon:
            daemon = case.daemon
            _in(machine, f"echo '{daemon}' >/etc/docker/daemon.json; systemctl restart docker")
        make(machine, name, case)


def make(machine: str, name: str, case: Case) -> None:
    """Run the container of ``case`` and keep its evidence as ``name``."""
    podman = case.engine.endswith("podman")
    if case.engine == _ROOTLESS:
        _in(machine, ROOTLESS_STORAGE)
    _in(machine, f"{case.engine} rm -f -t 0 subject" if podman else "docker rm -fv subject", False)
    _in(machine, LOAD.format(engine=case.engine, name=case.image))
    _in(machine, case.before)
    _in(machine, f"{case.engine} run -d --name subject {case.flags} {case.image} {case.command}")
    if case.inside:
        _in(machine, f"{case.engine} exec -i subject sh -e", stdin=case.inside)
    _in(machine, case.later)
    service = ""
    if case.engine == _ROOTLESS:
        service = "--url unix:///run/user/student/podman.sock"
        _in(machine, f"{_ROOTLESS} system service -t 0 unix:///run/user/student/podman.sock"
                     " >/dev/null 2>&1 </dev/null & sleep 3")  # fmt: skip
    engine = f"--engine {'podman' if podman else 'docker'} {service}"
    verify = f"rm -rf /root/saved; scratchlab verify subject {engine} {case.verify}"
    status = _in(machine, f"{verify} --save-evidence /root/saved", False)
    with tempfile.TemporaryDirectory() as directory:
        saved = Path(directory, "saved")
        subprocess.run(["docker", "cp", f"{machine}:/root/saved", str(saved)], check=True)
        kept = Path(directory, "kept")
        with evidence.load(str(saved)) as whole, trimmed(whole) as less:
            less.save(str(kept))
        pack(kept, EVIDENCE / f"{name}.tar.gz")
    print(f"{name}: exit status {status}", flush=True)


def trimmed(whole: EvidenceSet) -> EvidenceSet:
    """``whole`` without most of what image and container have alike: two files of a directory are
    kept, every one with a hard link, an attribute or a layer above the image, and nothing of the
    image's deep below /usr/share and Python's library.
    """
    above = {entry.path for ledger in (whole.init, whole.writable) if ledger for entry in ledger}
    found: Counter[str] = Counter()
    left_out: set[str] = set()
    for entry in whole.image:
        live = whole.live.get(entry.path)
        alike = live is not None and (live.sha256, live.mode) == (entry.sha256, entry.mode)
        plain = entry.kind in (Kind.FILE, Kind.SYMLINK) and not entry.links and not entry.xattrs
        if entry.path in above or not alike:
            continue
        if not entry.path.startswith(_TRIMMED):
            continue
        if entry.path.startswith(_DEEP) and entry.path.count("/") > _PARTS:
            left_out.add(entry.path)
        elif plain:
            parent = entry.path.rpartition("/")[0]
            found[parent] += 1
            if found[parent] > _OF_A_DIRECTORY:
                left_out.add(entry.path)

    def kept(ledger: Ledger) -> Iterator[Entry]:
        return (entry for entry in ledger if entry.path not in left_out)

    image, kept_live = Ledger(kept(whole.image)), Ledger(kept(whole.live))
    return replace(whole, image=image, live=kept_live)


def _install(machine: str) -> None:
    """Put this checkout's program into the machine."""
    dependencies = sorted((SCRIPTS.parent / "build").glob("dependencies-*"))[-1]
    for source, target in ((SCRIPTS, "/root/scripts"), (dependencies, "/root/dependencies")):
        _in(machine, f"rm -rf {target}")
        subprocess.run(["docker", "cp", str(source), f"{machine}:{target}"], check=True)
    _in(machine, "cat >/usr/local/bin/scratchlab; chmod +x /usr/local/bin/scratchlab", stdin=(
        "#!/bin/sh\nexport PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8\n"
        'PYTHONPATH=/root/scripts:/root/dependencies exec python3 -m scratchlab "$@"\n'
    ))  # fmt: skip


def _in(machine: str, script: str, check: bool = True, stdin: str = "") -> int:
    command = ["docker", "exec", "-i", machine, "sh", "-c", script]
    done = subprocess.run(command, input=stdin, text=True, capture_output=True, check=False)
    if check and done.returncode:
        raise SystemExit(f"{script}\n{done.stderr}")
    return done.returncode


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
