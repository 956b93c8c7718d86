#!/usr/bin/python
"""Ansible module: record which Go the lab uses, as a local fact."""

DOCUMENTATION = r"""
module: golang_fact
short_description: Find Go, and record which one the lab uses
description:
  - Writes C(/etc/ansible/facts.d/golang.fact), the receipt of the role C(golang).
options:
  path:
    description: The go program; the newest of the machine where empty.
    type: str
    default: ""
  method:
    description: How it was installed on this machine.
    type: str
    required: true
  minimum_version:
    description: The oldest version that is good enough.
    type: str
    required: true
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Record which Go the lab uses
  scratchlab.lab.golang_fact:
    method: distribution
    minimum_version: "1.18"
"""

RETURN = r"""
ansible_facts:
  description: RV(ansible_facts.lab_images) and RV(ansible_facts.lab_containers) are empty where
    something was changed, because what was found before does not count any more.
  type: dict
  returned: success
path:
  description: The go program.
  type: str
  returned: always
version:
  description: Its version.
  type: str
  returned: always
"""

import json
import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scratchlab.lab.plugins.module_utils.known_facts import FORGOTTEN
from ansible_collections.scratchlab.lab.plugins.module_utils.lab_probe import go, go_at
from ansible_collections.scratchlab.lab.plugins.module_utils.receipt_files import (
    STATE,
    ReceiptError,
    read_json,
)

BEFORE = STATE / "receipts" / "before.json"
FACT = Path("/etc/ansible/facts.d/golang.fact")


def numbers(version):
    """Return ``"1.19.8"`` as ``(1, 19, 8)``."""
    return tuple(int(part) for part in version.split("."))


def main():
    """Run the module."""
    os.umask(0o022)  # sudo keeps the mask of the user
    module = AnsibleModule(
        argument_spec={
            "path": {"default": ""},
            "method": {"required": True},
            "minimum_version": {"required": True},
        },
        supports_check_mode=True,
    )
    minimum = module.params["minimum_version"]
    program = go_at(module.params["path"]) if module.params["path"] else go()
    if not program["path"] and module.check_mode:
        module.exit_json(
            changed=True,
            path="",
            version="",
            msg="Go would be installed first",
            ansible_facts=FORGOTTEN,
        )
    if not program["path"]:
        module.fail_json(msg="no Go on this machine; run the role golang first")
    if numbers(program["version"]) < numbers(minimum):
        module.fail_json(
            msg=f"{program['path']} is Go {program['version']}, and the lab needs {minimum}: "
            "set golang_method (-e golang_method=tarball)"
        )
    document = {"method": module.params["method"], **program}
    text = json.dumps(document, indent=2, sort_keys=True) + "\n"
    before = FACT.read_text() if FACT.exists() else ""
    try:
        theirs = read_json(BEFORE, {}).get("paths", {}).get(str(FACT)) == "present"
    except ReceiptError as error:
        module.fail_json(msg=str(error))
    if theirs:  # someone else's fact: never written
        module.exit_json(changed=False, **program)
    if text != before and not module.check_mode:
        FACT.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        temporary = FACT.with_name(".golang.fact.new")
        temporary.write_text(text)
        temporary.chmod(0o644)
        temporary.replace(FACT)
    module.exit_json(
        changed=text != before,
        ansible_facts=FORGOTTEN if text != before else {},
        **program,
        diff={
            "before": before,
            "after": text,
            "before_header": str(FACT),
            "after_header": str(FACT),
        },
    )


if __name__ == "__main__":
    main()
