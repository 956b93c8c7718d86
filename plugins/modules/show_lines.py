#!/usr/bin/python
"""Ansible module: print lines as they are."""

DOCUMENTATION = r"""
module: show_lines
short_description: Print lines as they are
description:
  - Prints a text of several lines as one block, whatever the callback for the output is.
    M(ansible.builtin.debug) quotes such a text and wraps its lines.
  - Runs on the controller alone, by the action plugin of the same name.
options:
  lines:
    description: The lines.
    type: list
    elements: str
    required: true
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Show a table
  scratchlab.lab.show_lines:
    lines: "{{ answer.stdout_lines }}"
"""

RETURN = r""" # """

from ansible.module_utils.basic import AnsibleModule


def main():
    """Fail, because the action plugin does all the work."""
    module = AnsibleModule(
        argument_spec={"lines": {"type": "list", "elements": "str", "required": True}},
        supports_check_mode=True,
    )
    module.fail_json(msg="show_lines runs on the controller only")


if __name__ == "__main__":
    main()
