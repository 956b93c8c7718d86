#!/usr/bin/python
"""Ansible module: fresh machines by the program of ``./lab machines``, which lies on the server."""

DOCUMENTATION = r"""
module: fresh_machines
short_description: Make, start or remove fresh machines on a server
description:
  - Runs the program of C(./lab machines), asks what has to be done, and does it.
options:
  program:
    description: Directory of the program on the server.
    type: path
    required: true
  directory:
    description: Directory for base systems and records.
    type: path
    required: true
  names:
    description: Machines, as NAME or NAME:RELEASE.
    type: list
    elements: str
    required: true
  state:
    description: V(present) makes machines or starts them; V(absent) removes them with their disks.
    type: str
    choices: [present, absent]
    default: present
  options:
    description: Options of C(./lab machines up).
    type: list
    elements: str
    default: []
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Make two machines
  scratchlab.lab.fresh_machines:
    program: /opt/machines/program
    directory: /opt/machines
    names: [desk01, desk02:bookworm]
    options: [--on=incus, --memory=1024]
"""

RETURN = r"""
machines:
  description: The machines that are there afterwards, and how ssh reaches each from the server.
  type: list
  returned: always
"""

import json
import os
import sys

from ansible.module_utils.basic import AnsibleModule


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "program": {"type": "path", "required": True},
            "directory": {"type": "path", "required": True},
            "names": {"type": "list", "elements": "str", "required": True},
            "state": {"choices": ["present", "absent"], "default": "present"},
            "options": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    command = [sys.executable, module.params["program"], "--inventory=-"]
    command.append(f"--cache={module.params['directory']}")

    if module.check_mode and not os.path.isdir(module.params["program"]):
        # The task that brings it has changed nothing in check mode, either.
        module.exit_json(changed=module.params["state"] == "present", machines=[])

    def run(*words):
        """Return the output of the program, or end with its words."""
        status, output, said = module.run_command([*command, *words])
        if status:
            lines = said.strip().splitlines() or [f"exit status {status}"]
            module.fail_json(msg=lines[-1].removeprefix("lab: "))
        return output, said

    def there():
        """Return all machines of the directory."""
        return json.loads(run("list", "--json")[0])

    names = [name.partition(":")[0] for name in module.params["names"]]
    if module.params["state"] == "absent":
        gone = sorted({machine["name"] for machine in there()} & set(names))
        if gone and not module.check_mode:
            run("down", *gone)
        left = [machine for machine in there() if machine["name"] not in gone]
        module.exit_json(changed=bool(gone), machines=left)
    wanted = [f"--name={name}" for name in module.params["names"]]
    dry = ["--dry-run"] if module.check_mode else []
    output, said = run("up", *wanted, *module.params["options"], *dry)
    changed = any(line.startswith(("made:", "started:")) for line in output.splitlines())
    module.exit_json(changed=changed, machines=there(), stdout=output, stderr=said)


if __name__ == "__main__":
    main()
