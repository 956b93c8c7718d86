#!/usr/bin/python
"""Ansible module: the last step of destroy."""

DOCUMENTATION = r"""
module: lab_restore
short_description: Remove what the lab added outside of packages, then the receipts
description:
  - Removes the paths and groups that the receipt C(before.json) says were absent, and the content
    of folders
    that were empty. The receipts go last, so that a killed run can be repeated.
options: {}
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Remove what is left
  scratchlab.lab.lab_restore:
"""

RETURN = r"""
removed:
  description: Paths and groups that were (or in check mode would be) removed.
  type: list
  returned: always
"""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scratchlab.lab.plugins.module_utils.lab_packages import STATE, read_json
from ansible_collections.scratchlab.lab.plugins.module_utils.lab_probe import SEARCH, group_exists

# The lab's own, wherever it runs.
OURS = ("/run/scratchlab", "/var/log/scratchlab", "/var/cache/scratchlab")
# A folder that may hold other people's files goes only when it is empty.
SHARED = (
    "/etc/ansible",
    "/etc/ansible/facts.d",
    "/etc/cni",
    "/etc/cni/net.d",
    "/etc/containerd",
    "/etc/docker",
    "/opt/containerd",
)


def leftovers(before):
    """What to remove, children before parents."""
    paths = [
        path
        for path, state in before.get("paths", {}).items()
        if state == "absent" and os.path.lexists(path)
    ]
    inside = [
        os.path.join(path, name)
        for path, state in before.get("paths", {}).items()
        if state == "empty" and os.path.isdir(path)
        for name in os.listdir(path)
    ]
    ours = [path for path in OURS if os.path.lexists(path)]
    return sorted({*paths, *inside, *ours}, reverse=True)


def unmount(path):
    """Detach what is still mounted at or below ``path``."""
    with open("/proc/self/mountinfo") as mounts:
        targets = [line.split()[4].encode().decode("unicode_escape") for line in mounts]
    for target in reversed(targets):
        if target == path or target.startswith(path + "/"):
            subprocess.run(
                ["umount", "--lazy", target],
                capture_output=True,
                check=False,
                env={**os.environ, "PATH": SEARCH},
            )


def remove(path):
    """Remove a path; a shared folder only when nothing is in it."""
    if path in SHARED:
        with contextlib.suppress(OSError):
            if path == "/etc/docker":  # the engine's own identity, up to Docker 23
                Path(path, "key.json").unlink(missing_ok=True)
            if path == "/opt/containerd":
                for name in ("bin", "lib"):
                    with contextlib.suppress(FileNotFoundError):
                        Path(path, name).rmdir()
            os.rmdir(path)
        return
    unmount(path)
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def main():
    """Run the module."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    before = read_json(STATE / "receipts" / "before.json", {})
    paths = leftovers(before)
    groups = [
        name for name, there in before.get("groups", {}).items() if not there and group_exists(name)
    ]
    if not module.check_mode:
        for path in paths:
            remove(path)
        for group in groups:
            module.run_command(["groupdel", group])
        # Receipts last: whatever happens before this line, the next destroy still knows everything.
        for entry in [*STATE.glob("*")] if STATE.is_dir() else []:
            if entry.name != "receipts":
                remove(str(entry))
        shutil.rmtree(STATE / "receipts", ignore_errors=True)  # the next destroy sees what stays
        with contextlib.suppress(OSError):
            STATE.rmdir()
    module.exit_json(
        changed=bool(paths or groups) or (module.check_mode and STATE.exists()),
        removed=paths + groups,
        diff={"before": "".join(f"{name}\n" for name in [*paths, *groups]), "after": ""},
    )


if __name__ == "__main__":
    main()
