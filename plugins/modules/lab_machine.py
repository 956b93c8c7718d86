#!/usr/bin/python
"""Ansible module: what stands on a machine, and what stood there before the lab."""

DOCUMENTATION = r"""
module: lab_machine
short_description: Look at a machine, and remember once what was there before the lab
description:
  - Gives the facts that the lab's roles decide on, in a fraction of what gathering facts takes.
  - With O(record), writes C(/var/lib/scratchlab/receipts/before.json) unless it exists. Whatever
    that file says was there is never removed.
options:
  record:
    description: Write the receipt where there is none.
    type: bool
    default: false
  paths:
    description: Files and folders that the lab's engine or Go would create.
    type: list
    elements: path
    default: []
  groups:
    description: Groups that packages of the lab would create.
    type: list
    elements: str
    default: []
  units:
    description: systemd units that the lab would start or enable.
    type: list
    elements: str
    default: []
  sysctls:
    description: Kernel settings that the lab's engine changes.
    type: list
    elements: str
    default: []
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Look at the machine
  scratchlab.lab.lab_machine:
    record: true
    paths: [/var/lib/docker]
"""

RETURN = r"""
ansible_facts:
  description: RV(ansible_facts.lab_machine), the facts, with C(receipts) telling whether the lab
    was here, and RV(ansible_facts.lab_before), the receipt.
  type: dict
  returned: always
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scratchlab.lab.plugins.module_utils.lab_packages import (
    STATE,
    read_json,
    write_json,
)
from ansible_collections.scratchlab.lab.plugins.module_utils.lab_probe import (
    group_exists,
    machine,
    output,
)

BEFORE = STATE / "receipts" / "before.json"


def snapshot(params, facts):
    """What is there now, of what the lab could change."""
    return {
        "schema": 1,
        "paths": {path: path_state(path) for path in params["paths"]},
        "groups": {name: group_exists(name) for name in params["groups"]},
        "units": {unit: unit_state(unit) for unit in params["units"]} if facts["systemd"] else {},
        "sysctls": {name: sysctl(name) for name in params["sysctls"]},
        "interfaces": sorted(os.listdir("/sys/class/net")),
        "firewall": {tool: output(tool) for tool in ("iptables-save", "ip6tables-save")},
        "engine": facts["engine"],
        "go": facts["go"],
    }


def path_state(path):
    """``absent``, ``empty`` (a folder, as a volume or a partition starts out) or ``present``."""
    if not os.path.lexists(path):
        return "absent"
    return "empty" if os.path.isdir(path) and not os.listdir(path) else "present"


def unit_state(unit):
    """``{"active": bool, "enabled": bool}`` of a systemd unit; both false where it is unknown."""
    return {
        "active": bool(output("systemctl", "is-active", unit)),
        "enabled": output("systemctl", "is-enabled", unit).strip() == "enabled",
    }


def sysctl(name):
    """The value of a kernel setting, empty where this kernel has none of that name."""
    try:
        with open("/proc/sys/" + name.replace(".", "/")) as value:
            return value.read().strip()
    except OSError:
        return ""


def main():
    """Run the module."""
    names = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "record": {"type": "bool", "default": False},
            "paths": {"type": "list", "elements": "path", "default": []},
            "groups": names,
            "units": names,
            "sysctls": names,
        },
        supports_check_mode=True,
    )
    facts = machine()
    before = read_json(BEFORE, None)
    facts["receipts"] = any(BEFORE.parent.glob("*"))
    facts["engine"]["receipt"] = read_json(BEFORE.with_name("engine.json"), {})
    changed = False
    if before is None:
        before = snapshot(module.params, facts) if facts["system"] == "Linux" else {}
        changed = module.params["record"] and facts["root"] and facts["system"] == "Linux"
        if changed and not module.check_mode:
            write_json(BEFORE, before)
    module.exit_json(changed=changed, ansible_facts={"lab_machine": facts, "lab_before": before})


if __name__ == "__main__":
    main()
