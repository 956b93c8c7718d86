#!/usr/bin/python
"""Ansible module: run a program on the controller."""

DOCUMENTATION = r"""
module: run_here
short_description: Run a program on the controller, without a module
description:
  - Starts the program by the action plugin of the same name. M(ansible.builtin.command) delegated
    to the controller starts a Python there that reads a module first, which takes longer than what
    the lab runs this way.
  - Runs as the user of Ansible. In check mode it is skipped, unless the task has
    C(check_mode=false).
options:
  argv:
    description: The program and its arguments.
    type: list
    elements: str
    required: true
  stdin:
    description: Its standard input.
    type: str
    default: ""
  variables:
    description: Environment variables beside those of Ansible.
    type: dict
    default: {}
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Build the program
  scratchlab.lab.run_here:
    argv: [scripts/build_zipapp.py, build/scratchlab]
"""

RETURN = r"""
rc:
  description: The exit status; others than 0 fail the task.
  type: int
  returned: when the program ran
stdout:
  description: Its standard output, without blanks at the ends.
  type: str
  returned: when the program ran
stderr:
  description: Its standard error, without blanks at the ends.
  type: str
  returned: when the program ran
"""

from ansible.module_utils.basic import AnsibleModule


def main():
    """Fail, because the action plugin does all the work."""
    module = AnsibleModule(
        argument_spec={
            "argv": {"type": "list", "elements": "str", "required": True},
            "stdin": {"default": ""},
            "variables": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    module.fail_json(msg="run_here runs on the controller only")


if __name__ == "__main__":
    main()
