#!/usr/bin/python
"""Ansible module: remove everything that is left of the lab."""

DOCUMENTATION = r"""
module: lab_restore
short_description: Remove everything that the lab added outside packages, then the receipts
description:
  - Removes the paths and groups that were absent according to the receipt C(before.json), and the
    content of directories that were empty. Removes the receipts last, so that an interrupted run
    can be repeated.
options: {}
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Remove everything else that the lab added
  scratchlab.lab.lab_restore:
"""

RETURN = r"""
removed:
  description: Paths and groups that were removed, or would be in check mode.
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

# Directories of the lab on every machine.
OURS = ("/run/scratchlab", "/var/log/scratchlab", "/var/cache/scratchlab")
# Directories that may hold other people's files: removed only if empty.
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
    """Return the paths to remove, children before parents."""
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
    """Detach every mount at or below ``path``."""
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
    """Remove a path; a shared directory only if it is empty."""
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
        # Receipts last: until then an interrupted destroy can be repeated.
        for entry in [*STATE.glob("*")] if STATE.is_dir() else []:
            if entry.name != "receipts":
                remove(str(entry))
        shutil.rmtree(STATE / "receipts", ignore_errors=True)  # the next destroy sees the rest
        with contextlib.suppress(OSError):
            STATE.rmdir()
    module.exit_json(
        changed=bool(paths or groups) or (module.check_mode and STATE.exists()),
        removed=paths + groups,
        diff={"before": "".join(f"{name}\n" for name in [*paths, *groups]), "after": ""},
    )


if __name__ == "__main__":
    main()
