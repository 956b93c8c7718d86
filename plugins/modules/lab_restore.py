#!/usr/bin/python
"""Ansible module: remove everything that is left of the lab."""

DOCUMENTATION = r"""
module: lab_restore
short_description: Remove everything that the lab added outside packages, then the receipts
description:
  - Removes the paths and groups that were absent according to the receipt C(before.json), and the
    content of directories that were empty. If the engine stays, its paths and its group stay.
  - In the lab's own directories, removes only what the receipt C(files.json) describes. Files of
    others in directories of the engine's configuration stay and are named.
  - Removes the receipts last, so that an interrupted run can be repeated. If anything stays that
    the lab brought or that stands in its directories, the receipts stay too.
options:
  engine:
    description: The fact that M(scratchlab.lab.lab_engine) returned.
    type: dict
    required: true
  paths:
    description: Paths outside of O(directories) that the lab, its engine and packages create.
    type: list
    elements: path
    default: []
  engine_paths:
    description: Those of them and of O(files) that belong to the engine.
    type: list
    elements: path
    default: []
  engine_groups:
    description: Groups of the engine.
    type: list
    elements: str
    default: []
  packages:
    description: Packages of the lab that stay, and the packages of others that need them.
    type: dict
    default: {}
  directories:
    description: Directories and programs of the lab.
    type: list
    elements: path
    default: []
  files:
    description: Patterns of the files that the lab writes there, for receipts of older versions.
    type: list
    elements: str
    default: []
  destroy_data:
    description: Remove the files of others in the lab's directories too.
    type: bool
    default: false
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Remove everything else that the lab added
  scratchlab.lab.lab_restore:
    engine: "{{ ansible_facts.lab_engine }}"
    directories: [/var/lib/scratchlab]
"""

RETURN = r"""
removed:
  description: Paths and groups that were removed, or would be in check mode.
  type: list
  returned: always
stays:
  description: What stays, and why; empty if nothing is left of the lab.
  type: list
  elements: str
  returned: always
remedies:
  description: Commands that remove what stays.
  type: list
  elements: str
  returned: always
"""

import contextlib
import os
import pwd
import shlex

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scratchlab.lab.plugins.module_utils import (
    lab_files,
    lab_receipts,
    lab_removal,
    lab_stayed,
)
from ansible_collections.scratchlab.lab.plugins.module_utils.lab_probe import group_exists
from ansible_collections.scratchlab.lab.plugins.module_utils.receipt_files import (
    STATE,
    ReceiptError,
    read_json,
    remove_json,
)

RECEIPTS = STATE / "receipts"
RESULTS = ".local/state/scratchlab/learn.json"  # scratchlab/learn/store.py, in a student's home
# Directories that may hold other people's files, and what engines make in them: removed only if
# nothing else is there. key.json is the engine's own identity, up to Docker 23.
SHARED = {
    "/etc/apt/keyrings": (),
    "/etc/systemd/system/docker.service.d": (),
    "/etc/ansible": (),
    "/etc/ansible/facts.d": (),
    "/etc/cni": (),
    "/etc/cni/net.d": (),
    "/etc/containerd": (),
    "/etc/docker": ("key.json",),
    "/opt/containerd": ("bin", "lib"),
    "/run/runc": (),
}


def leftovers(before, paths, stays):
    """Return the ``paths`` to remove according to the receipt, children before parents."""
    known = before.get("paths", {})
    going = set()
    for path in sorted(set(paths) - stays, reverse=True):
        state = known.get(path)
        if state not in ("absent", "empty") or not os.path.lexists(path):
            continue
        inside = set()
        if state == "empty" or path in SHARED:
            inside = {os.path.join(path, name) for name in lab_removal.listed(path)}
        if path in SHARED:
            inside = {one for one in inside if removable(one)}
        going |= inside
        if state == "absent" and (path not in SHARED or alone(path, going)):
            going.add(path)
    return sorted(going, reverse=True)


def removable(path):
    """Return whether an engine made this in a shared directory, and nobody put anything there."""
    directory, name = os.path.split(path)
    return name in SHARED[directory] and not lab_removal.listed(path)


def alone(path, going):
    """Return whether nothing is in a shared directory but what goes as well."""
    return all(os.path.join(path, name) in going for name in lab_removal.listed(path))


def others(before, paths, going):
    """Return the files of others that keep a shared directory which was absent before the lab."""
    known = before.get("paths", {})
    kept = [path for path in sorted(paths) if path in SHARED and known.get(path) == "absent"]
    inside = [os.path.join(path, name) for path in kept for name in lab_removal.listed(path)]
    return [path for path in inside if path not in {*going, *kept}]


def own_files(params, stays):
    """Return whose the files in the lab's directories are, without the receipts."""
    recorded = read_json(RECEIPTS / "files.json", None) or {}
    found = lab_files.divide(
        params["directories"],
        lab_files.Patterns({*params["files"], *recorded.get("files", [])}),
        [*recorded.get("before", []), *stays, str(RECEIPTS)],
    )
    mine = set(receipts())
    inside = RECEIPTS.iterdir() if RECEIPTS.is_dir() else ()
    found.theirs += sorted(str(path) for path in inside if path not in mine)
    if params["destroy_data"]:
        found.give_up(params["directories"])
    return found


def receipts():
    """Return the receipts, and what an interrupted run left of them; no other file."""
    if not RECEIPTS.is_dir():
        return []
    return [
        path
        for path in RECEIPTS.iterdir()
        if path.name == "packages.lock" or lab_receipts.is_receipt(path.name.removesuffix(".new"))
    ]


def clean(params):
    """Return what to remove, what stays and how that is removed."""
    engine = params["engine"]
    before = read_json(RECEIPTS / "before.json", {})
    stays = set(params["engine_paths"]) if engine["stays"] else set()
    files = own_files(params, stays)
    paths = leftovers(before, params["paths"], {*stays, *params["directories"]})
    groups = [
        name
        for name, there in before.get("groups", {}).items()
        if not there
        and group_exists(name)
        and not (engine["stays"] and name in params["engine_groups"])
    ]
    shared = others(before, set(params["paths"]) - stays, paths)
    return files, paths, groups, shared


def main():
    """Run the module."""
    names = {"type": "list", "elements": "str", "default": []}
    places = {"type": "list", "elements": "path", "default": []}
    module = AnsibleModule(
        argument_spec={
            "engine": {"type": "dict", "required": True},
            "paths": places,
            "engine_paths": places,
            "engine_groups": names,
            "packages": {"type": "dict", "default": {}},
            "directories": places,
            "files": names,
            "destroy_data": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        files, paths, groups, shared = clean(module.params)
    except ReceiptError as error:
        module.fail_json(msg=str(error))
    lines, remedies = lab_stayed.described(
        module.params["engine"], module.params["packages"], files.theirs
    )
    last = [] if lines else receipts()
    if shared:  # no receipt is needed for them: they stay whatever destroy is told
        lines += shared
        remedies.append(f"rm -r {' '.join(map(shlex.quote, shared))}")
    data, commands = lab_stayed.data_of(module.params["engine"])
    lines += data
    remedies += commands
    own = students_files(account.pw_dir for account in pwd.getpwall())
    if own:  # the students' own, like what they wrote
        lines += [f"{path}: a student's own results" for path in own]
        remedies.append(f"rm {' '.join(map(shlex.quote, own))}")
    empty = {*files.directories, *SHARED}
    if not module.check_mode:
        for path in [*files.ours, *paths]:
            remove_if_alone(path) if path in empty else lab_removal.remove(path)
        for group in groups:
            module.run_command(["groupdel", group])
        if not module.params["engine"]["stays"]:
            remove_json(RECEIPTS / "decision.json")
        # Receipts last: until then an interrupted destroy can be repeated.
        for path in last:
            path.unlink(missing_ok=True)
        for path in (RECEIPTS, STATE):
            remove_if_alone(path)
    removed = [*files.ours, *paths, *groups, *map(str, last)]
    module.exit_json(
        changed=bool(removed),
        removed=removed,
        stays=lines,
        remedies=remedies,
        diff={"before": "".join(f"{name}\n" for name in removed), "after": ""},
    )


def students_files(homes):
    """Return the results of `scratchlab learn` in these homes."""
    files = {os.path.join(home, RESULTS) for home in homes}
    return sorted(path for path in files if os.path.lexists(path))


def remove_if_alone(path):
    """Remove a directory, unless something is in it."""
    with contextlib.suppress(OSError):
        os.rmdir(path)


if __name__ == "__main__":
    main()
