"""inventory/machines.yml: what Ansible reads of the machines."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from machines.model import MachineError
from machines.place import write

HEADER = "# Written by ./lab machines, each time again."


def text(hosts: Mapping[str, Mapping[str, Any]]) -> str:
    """The inventory of ``hosts``, Ansible's variables by name."""
    lines = [HEADER, "---", "all:", "  hosts:" if hosts else "  hosts: {}"]
    for name, variables in sorted(hosts.items()):
        lines.append(f"    {name}:")
        # A string of JSON is a string of YAML.
        lines += [f"      {key}: {json.dumps(value)}" for key, value in variables.items()]
    return "\n".join(lines) + "\n"


def update(file: Path, hosts: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the inventory, or remove it if there are no machines.

    Raises MachineError if a person wrote the file that is there.
    """
    refuse_foreign(file)
    if hosts:
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, text(hosts))
    else:
        file.unlink(missing_ok=True)


def refuse_foreign(file: Path) -> None:
    """Raise MachineError if a person wrote ``file``, or if it cannot be written."""
    try:
        if not file.read_text(errors="replace").startswith(HEADER):
            raise MachineError(
                f"{file} was not written by ./lab machines", "name another file: --inventory FILE"
            )
    except FileNotFoundError:
        pass
    except OSError as error:
        raise MachineError(f"cannot read {file}: {error.strerror}") from error
    beside = file.parent
    if beside.exists() and not os.access(beside, os.W_OK):
        raise MachineError(f"cannot write in {beside}", f"chown -R $(id -un) {beside}")
