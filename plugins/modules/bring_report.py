#!/usr/bin/python
"""Ansible module: one report from a machine, within limits."""

DOCUMENTATION = r"""
module: bring_report
short_description: Bring a report back from a machine that is not trusted
description:
  - What M(ansible.builtin.stat) and M(ansible.builtin.fetch) would do in four ways to the machine
    and back, in one, and without holding what is no regular file or is too large. The machine's
    part is this module, the controller's part the action plugin of the same name.
  - The file on the controller appears whole or not at all.
options:
  src:
    description: The report on the machine; no link.
    type: path
    required: true
  dest:
    description: The file on the controller.
    type: path
    required: true
  page:
    description: The page of an earlier report on the controller, which is removed first.
    type: path
    required: true
  limit:
    description: The largest size, in bytes.
    type: int
    default: 67108864
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Bring the report back
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
  description: SHA-1 of the report, as M(ansible.builtin.fetch) gives it.
  type: str
  returned: success
"""

import base64
import os
import stat
import zlib

from ansible.module_utils.basic import AnsibleModule


def read(path, limit):
    """Content of a regular file of at most ``limit`` bytes. Raises OSError."""
    # O_NONBLOCK: a FIFO in its place must not hold the task up.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("no regular file")
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
