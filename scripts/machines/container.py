"""What machines that are containers have in common: how their user is let in, and how ssh comes."""

from __future__ import annotations

from machines.model import USER, Connection, Machine
from machines.place import Place

# Shell scripts for a machine's root. The first two read a key.
AUTHORIZED = f"""
set -e; umask 077
mkdir -p ~{USER}/.ssh; cat >~{USER}/.ssh/authorized_keys; chown -R {USER}: ~{USER}/.ssh
"""
HOST_KEY = """
set -e; umask 077; rm -f /etc/ssh/ssh_host_*
cat >/etc/ssh/ssh_host_ed25519_key
ssh-keygen -y -f /etc/ssh/ssh_host_ed25519_key >/etc/ssh/ssh_host_ed25519_key.pub
"""
LOGIN = "mkdir -p /run/sshd; rm -f /run/nologin"


def host_key(place: Place, machine: Machine) -> bytes:
    """The machine's own key."""
    return (place.directory(machine.name) / "host_key").read_bytes()


def connection(place: Place, machine: Machine, *entering: str) -> Connection:
    """Real ssh, but through ``entering``, a command that runs another one in the container: it
    needs no network, and the backend guarantees which machine answers.
    """
    return Connection(
        host=machine.instance,
        alias=machine.instance,
        key=str(place.key),
        known_hosts=str(place.directory(machine.name) / "known_hosts"),
        proxy=(*entering, "/usr/sbin/sshd", "-i"),
    )
