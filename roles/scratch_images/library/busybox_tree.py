#!/usr/bin/python
"""Ansible module: a folder with Debian's static busybox under the names of its programs."""

DOCUMENTATION = r"""
module: busybox_tree
short_description: Unpack a static busybox into a folder
description:
  - Fetches the package with apt's own proofs and takes the program out of it; the package is not
    installed,
    because installing it would remove another busybox.
options:
  path:
    description: The folder.
    type: path
    required: true
  package:
    description: The package that holds the program.
    type: str
    default: busybox-static
  epoch:
    description: Modification time of everything, in seconds since 1970.
    type: int
    required: true
  repository:
    description:
      - Folder on the machine with a flat repository, to take the package from instead of the
        machine's own sources.
    type: path
    default: ""
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Unpack busybox
  busybox_tree:
    path: /var/lib/scratchlab/build/scratchlab-debug/bin
    epoch: 1511222400
"""

RETURN = r""" # """

import os
import shutil
import subprocess
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.lab_packages import PackageError, Packages


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "package": {"default": "busybox-static"},
            "epoch": {"type": "int", "required": True},
            "repository": {"type": "path", "default": ""},
        },
        supports_check_mode=True,
    )
    path, epoch = Path(module.params["path"]), module.params["epoch"]
    changed = not path.is_dir()
    if changed and not module.check_mode:
        aside = path.with_name(path.name + ".new")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=0o755, parents=True)
        try:
            packages = Packages(repository=module.params["repository"])
            packages.unpack(module.params["package"], "busybox", aside / "busybox")
        except PackageError as error:
            module.fail_json(msg=str(error))
        listing = subprocess.run(
            [str(aside / "busybox"), "--list"], check=True, capture_output=True, text=True
        ).stdout
        for applet in listing.split():
            if applet != "busybox":
                (aside / applet).symlink_to("busybox")
        for entry in [*aside.iterdir(), aside]:
            os.utime(entry, (epoch, epoch), follow_symlinks=False)
        aside.rename(path)
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()
