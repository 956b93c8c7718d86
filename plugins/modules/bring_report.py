#!/usr/bin/python
"""Ansible module: fetch a report from a machine that is not trusted."""

DOCUMENTATION = r"""
module: bring_report
short_description: Fetch a report from a machine that is not trusted
description:
  - Does in one connection what M(ansible.builtin.stat) and M(ansible.builtin.fetch) do in four, and
    rejects a file that is not regular or too large. This module runs on the machine; the action
    plugin of the same name runs on the controller.
  - Writes the whole file on the controller, or nothing.
options:
  src:
    description: The report on the machine. A link is rejected.
    type: path
    required: true
  dest:
    description: The file on the controller.
    type: path
    required: true
  page:
    description: The page of an earlier report on the controller, to remove first.
    type: path
    required: true
  limit:
    description: The largest size, in bytes.
    type: int
    default: 67108864
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Fetch the report
  scratchlab.lab.bring_report:
    src: /var/lib/scratchlab/report.json
    dest: reports/host/report.json
    page: reports/host/index.html
"""

RETURN = r"""
dest:
  description: The file on the controller.
  type: str
  returned: success
checksum:
  description: SHA-1 of the report, as M(ansible.builtin.fetch) returns it.
  type: str
  returned: success
"""

import base64
import os
import stat
import zlib

from ansible.module_utils.basic import AnsibleModule


def read(path, limit):
    """Return the content of a regular file of at most ``limit`` bytes. Raises OSError."""
    # O_NONBLOCK: opening a FIFO must not block the task.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("not a regular file")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(f"larger than {limit >> 20} MiB")
    return content


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"src": {"type": "path", "required": True}, "limit": {"type": "int"}}
    )
    try:
        content = read(module.params["src"], module.params["limit"])
    except OSError as error:
        module.fail_json(msg=error.strerror or str(error))
    packed = base64.b64encode(zlib.compress(content)).decode()
    module.exit_json(changed=False, packed=packed)


if __name__ == "__main__":
    main()
