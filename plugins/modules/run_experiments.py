#!/usr/bin/python
"""Ansible module: the documentation of the action plugin of the same name."""

DOCUMENTATION = r"""
module: run_experiments
short_description: Run the experiments on a machine, and bring their report
description:
  - Runs the installed program on the machine as M(ansible.builtin.raw) runs a command, without a
    module, and takes the report from its output. That is one connection, where
    M(ansible.builtin.command) and M(scratchlab.lab.bring_report) need two modules.
  - Fails if the program could not answer, and so if it printed no report. A check that failed is
    an answer.
  - Changes nothing on the machine, and is skipped in check mode.
options:
  argv:
    description: The program and its arguments, with C(--packed).
    type: list
    elements: str
    required: true
  dest:
    description: The file on the controller for the report; empty for none.
    type: path
    default: ""
  page:
    description: The page of an earlier report on the controller, to remove first.
    type: path
    default: ""
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Run the experiments
  scratchlab.lab.run_experiments:
    argv: [scratchlab, experiments, --json, /var/lib/scratchlab/report.json, --packed]
    dest: reports/host/report.json
    page: reports/host/index.html
"""

RETURN = r"""
rc:
  description: Exit status of the program.
  type: int
  returned: always
stdout_lines:
  description: What it printed, without the report.
  type: list
  elements: str
  returned: always
checksum:
  description: SHA-1 of the report, as M(scratchlab.lab.bring_report) returns it.
  type: str
  returned: when O(dest) was written
"""

from ansible.module_utils.basic import AnsibleModule


def main():
    """Fail, because the action plugin does all the work."""
    module = AnsibleModule(
        argument_spec={
            "argv": {"type": "list", "elements": "str", "required": True},
            "dest": {"type": "path", "default": ""},
            "page": {"type": "path", "default": ""},
        },
        supports_check_mode=True,
    )
    module.fail_json(msg="run_experiments runs a command, and is not a module for machines")


if __name__ == "__main__":
    main()
