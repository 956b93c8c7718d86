"""An engine on another machine: a system container with its own processes, mounts and network.

Its programs are this machine's ``/usr``, so that it starts in seconds and needs no packages. Its
Docker listens on TCP with TLS, where it requires a client certificate, and behind sshd.
"""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from machines.docker_engine import VOLUMES, effective_capabilities
from machines.docker_engine import docker as cli
from scratchlab.collect.engines import connect
from scratchlab.errors import LabError
from tests.integration.conftest import LABEL, SESSION

_DIRECTORIES = ("usr", "var/lib/docker", "var/lib/containerd", "root", "run", "tmp", "proc", "sys",
            "dev", "certificates", "etc/docker")  # fmt: skip
_LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64",
          "var/run": "../run"}  # fmt: skip
_COPIED = ("passwd", "group", "shadow", "nsswitch.conf", "ld.so.cache", "alternatives")
_BOOT = r"""
mount -o remount,rw /sys/fs/cgroup
for controller in /sys/fs/cgroup/*; do
    [ -L "$controller" ] || mount -o remount,bind,rw "$controller"
done
mkdir -p /run/sshd
until [ -e /certificates/ready ]; do sleep 0.05; done
/usr/sbin/sshd -f /certificates/sshd_config
exec dockerd --bip=10.213.7.1/24 -H unix:///run/docker.sock -H tcp://0.0.0.0:2376 --tlsverify \
    --tlscacert=/certificates/ca.pem --tlscert=/certificates/server.pem \
    --tlskey=/certificates/server-key.pem 2>&1
"""


@dataclass(frozen=True)
class Machine:
    """The machine's two URLs, and the environment variables that a shell needs for either."""

    name: str
    tcp: str
    ssh: str
    environment: dict[str, str]


@contextmanager
def other_machine(directory: Path) -> Iterator[Machine]:
    """Run the machine during the block; its keys and certificates are in ``directory``."""
    name = f"{SESSION}-machine"
    for part in ("machine", "user"):
        (directory / part).mkdir(mode=0o755)
    cli("import", "-", name, stdin=_skeleton())
    try:
        cli(*_command(name, directory / "machine"))
        address = cli("inspect", "--format", "{{.NetworkSettings.IPAddress}}", name)
        _certificates(directory, address)
        environment = {
            "DOCKER_TLS_VERIFY": "1",
            "DOCKER_CERT_PATH": str(directory / "user"),
            "PATH": f"{_login(directory)}:{os.environ['PATH']}",
        }
        (directory / "machine" / "ready").touch()
        machine = Machine(name, f"tcp://{address}:2376", f"ssh://root@{address}", environment)
        _wait(machine)
        yield machine
    finally:
        cli("rm", "--force", "--volumes", name, check=False)
        cli("image", "rm", "--force", name, check=False)


def _command(name: str, certificates: Path) -> list[str]:
    return [
        "run",
        "--detach",
        f"--name={name}",
        "--hostname=far-away",
        f"--label={LABEL}={SESSION}",
        "--cgroupns=private",
        "--security-opt=seccomp=unconfined",
        "--security-opt=apparmor=unconfined",
        "--security-opt=systempaths=unconfined",
        "--device-cgroup-rule=a *:* rwm",
        *(f"--cap-add={capability}" for capability in effective_capabilities()),
        "--volume=/usr:/usr:ro",
        f"--volume={certificates}:/certificates:ro",
        *(f"--volume={path}" for path in VOLUMES),
        "--tmpfs=/run",
        "--tmpfs=/tmp:exec",
        name,
        "/bin/sh",
        "-c",
        _BOOT,
    ]


def _skeleton() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in _DIRECTORIES:
            member = tarfile.TarInfo(name)
            member.type, member.mode = tarfile.DIRTYPE, 0o700 if name == "root" else 0o755
            tar.addfile(member)
        for name, target in _LINKS.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
        for name in _COPIED:
            tar.add(f"/etc/{name}", f"etc/{name}")
    return out.getvalue()


def _certificates(directory: Path, address: str) -> None:
    """Make a certificate authority, and certificates for the machine and its user."""
    ours, theirs = directory / "user", directory / "machine"
    _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-subj", "/CN=lab", "-days", "2", "-keyout", directory / "ca-key.pem",
             "-out", ours / "ca.pem")  # fmt: skip
    (theirs / "ca.pem").write_bytes((ours / "ca.pem").read_bytes())
    for common, key, file, uses in (
        ("far-away", theirs / "server-key.pem", theirs / "server.pem",
         f"subjectAltName=IP:{address}\nextendedKeyUsage=serverAuth\n"),
        ("user", ours / "key.pem", ours / "cert.pem", "extendedKeyUsage=clientAuth\n"),
    ):  # fmt: skip
        request, extensions = directory / f"{common}.csr", directory / f"{common}.ext"
        extensions.write_text(uses)
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-subj", f"/CN={common}", "-keyout", key, "-out", request)  # fmt: skip
        _openssl("x509", "-req", "-in", request, "-CA", ours / "ca.pem", "-CAkey",
                 directory / "ca-key.pem", "-CAcreateserial", "-days", "2", "-extfile", extensions,
                 "-out", file)  # fmt: skip


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def _login(directory: Path) -> str:
    """Make keys for sshd and its user; returns the directory of an ``ssh`` that uses them."""
    theirs = directory / "machine"
    for key in (theirs / "host", directory / "identity"):
        subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-f", key], check=True)
    (theirs / "authorized").write_text((directory / "identity.pub").read_text())
    (theirs / "sshd_config").write_text(
        "HostKey /certificates/host\nAuthorizedKeysFile /certificates/authorized\nPidFile none\n"
        "StrictModes no\nUsePAM no\nPermitRootLogin yes\n"
    )
    program = directory / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\nexec /usr/bin/ssh -i {directory}/identity -o IdentitiesOnly=yes -F none"
        ' -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "$@"\n'
    )
    program.chmod(0o755)
    return str(program.parent)


def _wait(machine: Machine) -> None:
    for _ in range(300):
        try:
            with entered(machine):
                connect("docker", machine.tcp).close()
        except LabError:
            time.sleep(0.1)
        else:
            return
        if not cli("ps", "--quiet", "--filter", f"name=^{machine.name}$"):
            break
    raise AssertionError(f"the machine does not answer:\n{cli('logs', machine.name)[-3000:]}")


@contextmanager
def entered(machine: Machine) -> Iterator[None]:
    """Add the machine's environment variables to this process's during the block."""
    before = dict(os.environ)
    os.environ.update(machine.environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
