"""What keeps Ansible from a machine is named with the command that fixes it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.machines.causes import check
from tests.machines.scenario import Machine

SSH = (
    'ansible_ssh_common_args=-o ProxyCommand="docker exec --interactive --user root '
    '{{ machine_name }} /usr/sbin/sshd -i" -o IdentitiesOnly=yes -o ControlPath=none '
    "-o LogLevel=INFO -o StrictHostKeyChecking=yes -o UserKnownHostsFile="
)
CASES = {
    "unknown key": (
        SSH + "/dev/null",
        "unreachable",
        ("does not know the host key", "ssh-keyscan ", " | ssh-keygen -lf -", "accept-new"),
    ),
    "another key": (
        SSH + "{known_hosts}",
        "unreachable",
        ("it is SHA256:", "ssh-keygen -R "),
    ),
    "no key of the user": (
        "ansible_user=user-nobody",
        "unreachable",
        ("does not let user-nobody log in", "ssh-copy-id user-nobody@"),
    ),
    "password for sudo": ("ansible_user=user-password", "failed", ("asks for a password", "-K")),
    "requiretty": (
        "ansible_user=user-requiretty",
        "failed",
        ("ANSIBLE_PIPELINING=false", "'Defaults:user-requiretty !requiretty'"),
    ),
    "no python": (
        "ansible_python_interpreter=/usr/bin/python9",
        "failed",
        ("has no /usr/bin/python9", "apt-get install python3"),
    ),
}


@pytest.mark.parametrize(("variable", "state", "words"), CASES.values(), ids=CASES)
def test_cause_is_recorded_with_the_command(
    machine: Machine, tmp_path: Path, variable: str, state: str, words: tuple[str, ...]
) -> None:
    name = machine.host.ansible.get_variables()["ansible_host"]
    known_hosts = tmp_path / "known_hosts"
    keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")]
    subprocess.run(keygen, check=True)
    known_hosts.write_text(f"{name} {(tmp_path / 'key.pub').read_text()}")
    name, _, value = variable.partition("=")
    value = value.replace("{known_hosts}", str(known_hosts))
    found = check(machine, "-e", f"{{'{name}': {value!r}}}")
    assert found["state"] == state, found
    for word in words:
        assert word in found["reason"]
