#!/usr/bin/python
"""Ansible module: several small files at once."""

DOCUMENTATION = r"""
module: lab_files
short_description: Write several small text files in one task
description:
  - What a loop of M(ansible.builtin.copy) does, in one round trip.
options:
  files:
    description: Absolute names and contents.
    type: dict
    required: true
  mode:
    description: Permission bits, in octal.
    type: str
    default: "0644"
  epoch:
    description: Modification time to pin, in seconds since 1970; left alone where 0.
    type: int
    default: 0
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Write a build context
  lab_files:
    files:
      /var/lib/scratchlab/build/scratchtest/test: ""
"""

RETURN = r""" # """

import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "dict", "required": True},
            "mode": {"default": "0644"},
            "epoch": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    mode, epoch = int(module.params["mode"], 8), module.params["epoch"]
    diffs = []
    for name, content in sorted(module.params["files"].items()):
        path, wish = Path(name), (content or "").encode()
        have = path.read_bytes() if path.is_file() else None
        status = path.stat() if have is not None else None
        if (
            have == wish
            and status.st_mode & 0o7777 == mode
            and (not epoch or int(status.st_mtime) == epoch)
        ):
            continue
        diffs.append(
            {
                "before": (have or b"").decode(errors="replace"),
                "after": wish.decode(),
                "before_header": name,
                "after_header": name,
            }
        )
        if not module.check_mode:
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            aside = path.with_name(path.name + ".new")
            aside.write_bytes(wish)
            aside.chmod(mode)
            if epoch:
                os.utime(aside, (epoch, epoch))
            aside.replace(path)
    module.exit_json(changed=bool(diffs), diff=diffs)


if __name__ == "__main__":
    main()
