#!/usr/bin/python
"""Ansible module: the directories that images are built from."""

DOCUMENTATION = r"""
module: build_contexts
short_description: Make build contexts whose bytes and times are the same everywhere
description:
  - Writes files, builds Go programs and unpacks a static busybox, each only where it is missing or
    differs. All of it is one task, because each task costs a connection to the machine.
options:
  images:
    description:
      - Images, each with the directory C(context) and in it C(files), names with the files of the
        role that they come from (empty for an empty file); C(program), the name of a Go program to
        build from C(main.go) there; C(shell), a directory there to fill with busybox under the
        names of all its programs. The action plugin of the same name reads the files of the role.
    type: list
    elements: dict
    required: true
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
    images:
      - name: sleep
        context: /var/lib/scratchlab/build/sleep
        files: {Dockerfile: sleep/Dockerfile, main.go: sleep/main.go}
        program: sleep
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
