#!/usr/bin/python
"""Ansible module: install Debian packages in one recorded transaction."""

DOCUMENTATION = r"""
module: recorded_packages
short_description: Install Debian packages, and record which ones were added
description:
  - Installs packages with apt-get in one transaction. Its receipt, in
    C(/var/lib/scratchlab/receipts), makes it possible to undo exactly that transaction.
  - Keeps package lists and archives in a directory of the lab. Does not touch the system's own.
  - Does not start any service. Does not remove any package that was there before, or that a
    package of someone else needs.
options:
  state:
    description: V(present) installs O(names); V(absent) removes every package that was added.
    type: str
    choices: [present, absent]
    default: present
  names:
    description: Packages to install.
    type: list
    elements: str
    default: []
  optional:
    description: Packages to install with O(names) where the release has them.
    type: list
    elements: str
    default: []
  repository:
    description:
      - Directory on the machine with a flat repository, to take packages from instead of the
        machine's own sources.
    type: path
    default: ""
  keep:
    description: Packages that O(state=absent) leaves installed, with what they depend on.
    type: list
    elements: str
    default: []
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Install the engine
  scratchlab.lab.recorded_packages:
    names: [docker.io, iptables]
    optional: [docker-cli]
"""

RETURN = r"""
ansible_facts:
  description: RV(ansible_facts.lab_images) and RV(ansible_facts.lab_containers) are empty where
    something was changed, because what was found before does not count any more.
  type: dict
  returned: success
packages:
  description: Packages that were added or removed, or would be in check mode.
  type: list
  returned: always
kept:
  description:
    - Packages of the lab that stay, and the packages of others that need them; an empty list for
      those in O(keep).
  type: dict
  returned: when state is absent
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scratchlab.lab.plugins.module_utils.dpkg_database import PackageError
from ansible_collections.scratchlab.lab.plugins.module_utils.known_facts import FORGOTTEN
from ansible_collections.scratchlab.lab.plugins.module_utils.lab_packages import Packages


def present(module, packages):
    """Install the missing packages."""
    names = module.params["names"]
    missing = packages.missing(names)
    if not missing and not packages.unfinished():
        return {"changed": False, "packages": []}
    if module.check_mode:
        return report(missing, True)
    return report(packages.install(names, module.params["optional"]), True)


def absent(module, packages):
    """Remove the packages that were added."""
    if not packages.receipts.is_dir() or not packages.added():
        return {"changed": False, "packages": [], "kept": {}}
    act = packages.plan if module.check_mode else packages.remove
    removed, kept = act(module.params["keep"])
    return report(sorted(removed), False) | {"kept": kept}


def report(names, arriving):
    """Return the result with a diff that lists the packages."""
    text = "".join(f"{name}\n" for name in names)
    header = "installed packages"
    before, after = ("", text) if arriving else (text, "")
    return {
        "changed": bool(names),
        "packages": names,
        "diff": {"before": before, "after": after, "before_header": header, "after_header": header},
    }


def main():
    """Run the module."""
    os.umask(0o022)  # sudo keeps the mask of the user
    module = AnsibleModule(
        argument_spec={
            "state": {"choices": ["present", "absent"], "default": "present"},
            "names": {"type": "list", "elements": "str", "default": []},
            "optional": {"type": "list", "elements": "str", "default": []},
            "repository": {"type": "path", "default": ""},
            "keep": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    act = present if module.params["state"] == "present" else absent
    packages = Packages(repository=module.params["repository"])
    try:
        result = act(module, packages)
    except PackageError as error:
        module.fail_json(msg=str(error))
    for warning in packages.warnings:
        module.warn(f"the packages that the lab needs are installed, but {warning}")
    module.exit_json(**result, ansible_facts=FORGOTTEN if result["changed"] else {})


if __name__ == "__main__":
    main()
