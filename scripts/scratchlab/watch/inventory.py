"""How to reach each machine of an inventory, with the variables that Ansible has of it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scratchlab.classroom.seats import hosts_of, variables_of
from scratchlab.text import visible

_FALSE = {"0", "no", "n", "off", "f", "false"}
Variables = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """One machine: its name in the inventory, and the command that runs a shell script there; the
    script is its last argument. Without a command, ``problem`` says why.
    """

    name: str
    command: tuple[str, ...] = ()
    problem: str = ""


def targets_of(listed: Variables, connect_seconds: int) -> tuple[Target, ...]:
    """The machines in the output of ``ansible-inventory --list``, in the inventory's order.

    ``connect_seconds``: after how long ssh gives up a connection.
    """
    known = variables_of(listed)
    return tuple(
        target_of(name, known.get(name, {}), os.environ, connect_seconds)
        for name in hosts_of(listed)
    )


def target_of(
    name: str, variables: Variables, environment: Mapping[str, str], connect_seconds: int
) -> Target:
    """How to reach the machine ``name`` with Ansible's ``variables`` of it."""
    shown = visible(name)
    if variables.get("lab_engine_url"):
        return Target(shown, problem="its engine is elsewhere (lab_engine_url)")
    used = {key: value for key, value in variables.items() if key.startswith("ansible_")}
    template = next((key for key in sorted(used) if "{{" in str(used[key])), "")
    if template:
        return Target(shown, problem=f"{template} is a template: write its value for ./lab watch")
    connection = str(used.get("ansible_connection", "ssh")).rpartition(".")[2]
    address = str(_first(used, "ansible_host", "ansible_ssh_host") or name)
    user = _first(used, "ansible_user", "ansible_ssh_user")
    if connection == "local":
        return Target(shown, ("sh", "-c"))
    if connection in ("docker", "podman"):
        account = ("--user", str(user)) if user else ()
        return Target(shown, (connection, "exec", "-i", *account, address, "sh", "-c"))
    if connection not in ("ssh", "smart", "paramiko", "paramiko_ssh"):
        return Target(shown, problem=f"./lab watch knows no connection {visible(connection)}")
    try:
        return Target(shown, _ssh(address, user, used, environment, connect_seconds))
    except ValueError as error:
        return Target(shown, problem=f"its ssh arguments cannot be read: {error}")


def _ssh(
    address: str,
    user: object,
    used: Variables,
    environment: Mapping[str, str],
    connect_seconds: int,
) -> tuple[str, ...]:
    """ssh(1) with the arguments that Ansible would give it. Raises ValueError.

    Of an option that is given twice ssh takes the first: ours come first.
    """

    def chosen(variable: str, *names: str) -> str:
        value = _first(used, *names)
        return str(environment.get(variable, "") if value is None else value)

    checking = chosen(
        "ANSIBLE_HOST_KEY_CHECKING", "ansible_ssh_host_key_checking", "ansible_host_key_checking"
    )
    own = {
        "BatchMode": "yes",
        "ConnectTimeout": str(connect_seconds),
        "ControlMaster": "no",  # one process for each machine, which ends with this program
        "ControlPath": "none",
        "ServerAliveInterval": "10",
        "ServerAliveCountMax": "2",
        "ForwardAgent": "no",
        "ForwardX11": "no",
        "ClearAllForwardings": "yes",
        "PermitLocalCommand": "no",
    }
    if checking.lower() in _FALSE:
        own["StrictHostKeyChecking"] = "no"
    account = chosen("ANSIBLE_REMOTE_USER") if user is None else str(user)
    port = chosen("ANSIBLE_REMOTE_PORT", "ansible_port", "ansible_ssh_port")
    key = chosen(
        "ANSIBLE_PRIVATE_KEY_FILE", "ansible_ssh_private_key_file", "ansible_private_key_file"
    )
    given = [
        *shlex.split(chosen("ANSIBLE_SSH_ARGS", "ansible_ssh_args")),
        *(("-l", account) if account else ()),
        *(("-p", port) if port else ()),
        *(("-i", os.path.expanduser(key)) if key else ()),
        *shlex.split(chosen("ANSIBLE_SSH_COMMON_ARGS", "ansible_ssh_common_args")),
        *shlex.split(chosen("ANSIBLE_SSH_EXTRA_ARGS", "ansible_ssh_extra_args")),
    ]
    program = chosen("ANSIBLE_SSH_EXECUTABLE", "ansible_ssh_executable") or "ssh"
    options = (f"-o{name}={value}" for name, value in own.items())
    return (program, "-T", *options, *given, "--", address)


def _first(variables: Variables, *names: str) -> object:
    """The first of these variables that is set; None where none is."""
    return next((variables[name] for name in names if variables.get(name) is not None), None)
