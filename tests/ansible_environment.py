"""Environment variables for Ansible started by a test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# A play that a test writes has no ansible.cfg and no collections beside it.
PLUGINS = {
    "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
    "ANSIBLE_CALLBACKS_ENABLED": "scratchlab.lab.lab_record",
}


def environment(home: Path) -> dict[str, str]:
    """This process's environment, with all of Ansible's own files below ``home``.

    ANSIBLE_REMOTE_TMP is needed because Ansible takes the user's home there from the user database,
    not from HOME (ansible-core 2.19, plugins/action/__init__.py: _remote_expand_user).
    """
    directories = {
        "HOME": home,
        "ANSIBLE_HOME": home / ".ansible",
        "ANSIBLE_REMOTE_TMP": home / ".ansible" / "there",
    }
    return os.environ | {name: str(path) for name, path in directories.items()}


def run_playbook(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook that a test wrote into ``directory``; output and errors are in ``stdout``.

    Without PYTHONPATH: what a role starts finds the program where the role says.
    """
    variables = environment(directory) | PLUGINS
    variables.pop("PYTHONPATH", None)
    return subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), *options],
        cwd=directory,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def show_of_each(
    directory: Path,
    hosts: Mapping[str, Mapping[str, Any]],
    shown: str,
    facts: Mapping[str, Any],
    **play: Any,
) -> str:
    """Show for each host what the template ``shown`` comes to: a line ``HOST=VALUE`` each.

    ``hosts`` has variables by host, ``facts`` are set for all, ``play`` are keywords of the play.
    """
    tasks: list[dict[str, Any]] = [
        {"ansible.builtin.set_fact": {**facts, "cacheable": True}},
        {"ansible.builtin.debug": {"msg": "{{ inventory_hostname }}=" + shown}},
    ]
    one = {"hosts": "all", "gather_facts": False, **play, "tasks": tasks}
    (directory / "play.yml").write_text(json.dumps([one]))
    (directory / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    here = ("-e", "ansible_connection=local")
    said = run_playbook(directory, "-i", "hosts.json", *here, "play.yml").stdout
    return said.replace('"', "")
