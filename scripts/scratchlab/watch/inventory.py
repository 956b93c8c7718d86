"""The machines of an inventory, resolved once by ansible-inventory, and how to reach each."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scratchlab.classroom.roster import Roster, roster_of_variables
from scratchlab.errors import LabError
from scratchlab.remedy import advise, lab
from scratchlab.text import visible

SECONDS = 120  # for a script that makes an inventory
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


@dataclass(frozen=True, slots=True)
class Inventory:
    """The machines, in the order of the inventory, and who sits at them by its variables."""

    targets: tuple[Target, ...]
    roster: Roster


def read_inventory(program: str, options: Sequence[str], connect_seconds: int) -> Inventory:
    """Ask ``program`` (ansible-inventory) with ``options`` (-i, -l, ...) for the machines.

    ``connect_seconds``: after how long ssh gives up a connection. Raises LabError.
    """
    command = [program, "--list", *options]
    try:
        done = subprocess.run(command, stdout=-1, stderr=-1, timeout=SECONDS, check=False)
        listed = json.loads(done.stdout) if done.returncode == 0 else None
    except subprocess.TimeoutExpired as error:
        what = f"the inventory took longer than {SECONDS} s"
        raise LabError(what, f"try it: {shlex.join(command)}") from error
    except (OSError, ValueError) as error:
        remedy = advise("see what is wrong", *lab("check"))
        raise LabError(f"{program} does not answer: {error}", remedy) from error
    if listed is None:
        said = done.stderr.decode("utf-8", "replace").split("[ERROR]: ")[-1]
        raise LabError(f"no inventory: {' '.join(said.split())[:300]}", shlex.join(command))
    known: Mapping[str, Variables] = listed.get("_meta", {}).get("hostvars", {})
    names = list(dict.fromkeys(_hosts_of(listed, "all", set())))
    if not names:
        raise LabError("the inventory has no machine", "name another with -i, or another -l")
    variables = {name: known.get(name, {}) for name in names}
    return Inventory(
        tuple(target_of(name, variables[name], os.environ, connect_seconds) for name in names),
        roster_of_variables(variables),
    )


def _hosts_of(listed: Mapping[str, Any], group: str, seen: set[str]) -> Sequence[str]:
    """The hosts of ``group`` and of the groups in it, as often as they are there."""
    if group in seen:
        return ()
    seen.add(group)
    found = listed.get(group, {})
    own = list(found.get("hosts", ()))
    return own + [
        host for child in found.get("children", ()) for host in _hosts_of(listed, child, seen)
    ]


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
