#!/usr/bin/python
"""Ansible module: the directories that images are built from."""

DOCUMENTATION = r"""
module: build_contexts
short_description: Make build contexts whose bytes and times are the same everywhere
description:
  - Writes files, builds Go programs and unpacks a static busybox, each only where it is missing or
    differs. All of it is one task, because each task costs a connection to the machine.
options:
  files:
    description: Absolute paths of text files, and their contents.
    type: dict
    default: {}
  programs:
    description: Paths of Go files, and of the programs to build from them.
    type: dict
    default: {}
  shell:
    description:
      - Directory to fill with busybox under the names of all its programs. If empty, there is none.
    type: path
    default: ""
  epoch:
    description: Modification time of everything, in seconds since 1970.
    type: int
    required: true
  repository:
    description:
      - Directory on the machine with a flat repository, to take busybox from instead of the
        machine's own sources.
    type: path
    default: ""
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Make the build contexts
  scratchlab.lab.build_contexts:
    files:
      /var/lib/scratchlab/build/scratchtest/test: ""
    programs:
      /var/lib/scratchlab/build/sleep/main.go: /var/lib/scratchlab/build/sleep/sleep
    shell: /var/lib/scratchlab/build/scratchlab-debug/bin
    epoch: 1511222400
"""

RETURN = r"""
built:
  description: Paths of the programs that were built.
  type: list
  elements: str
  returned: always
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scratchlab.lab.plugins.module_utils import (
    busybox,
    context_files,
    go_programs,
)
from ansible_collections.scratchlab.lab.plugins.module_utils.dpkg_database import PackageError


def main():
    """Run the module."""
    os.umask(0o022)  # sudo keeps the mask of the user
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "dict", "default": {}},
            "programs": {"type": "dict", "default": {}},
            "shell": {"type": "path", "default": ""},
            "epoch": {"type": "int", "required": True},
            "repository": {"type": "path", "default": ""},
        },
        supports_check_mode=True,
    )
    options, check = module.params, module.check_mode
    try:
        diffs = context_files.write(options["files"], options["epoch"], check)
        built = go_programs.build(options["programs"], options["epoch"], check)
        unpacked = options["shell"] and busybox.unpack(
            options["shell"], options["epoch"], options["repository"], check
        )
    except (go_programs.BuildError, PackageError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(diffs or built or unpacked), built=built, diff=diffs)


if __name__ == "__main__":
    main()
