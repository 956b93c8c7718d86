#!/usr/bin/python
"""Ansible module: check the variables of the lab's roles."""

DOCUMENTATION = r"""
module: check_variables
short_description: Check the variables of the lab's roles
description:
  - Checks each variable that is set against C(meta/argument_specs.yml) of its role, before any role
    changes a machine, and fails with everything that is wrong in one sentence each.
  - Stricter than the check of a role, which takes a text for a list.
  - Runs on the controller alone, by the action plugin of the same name.
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Check the variables of all roles
  scratchlab.lab.check_variables:
"""

RETURN = r""" # """

from ansible.module_utils.basic import AnsibleModule


def main():
    """Fail, because the action plugin does all the work."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    module.fail_json(msg="check_variables runs on the controller only")


if __name__ == "__main__":
    main()
