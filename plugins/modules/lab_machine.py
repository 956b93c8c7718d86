#!/usr/bin/python
"""Ansible module: the state of a machine, now and before the lab."""

DOCUMENTATION = r"""
module: lab_machine
short_description: Collect facts of a machine, and record once its state before the lab
description:
  - Returns the facts that the lab's roles need, in a fraction of the time of gathering facts.
  - Reads all receipts of the lab first. If one is damaged or gone, fails with its file and the
    remedy, before anything was changed.
  - With O(record), writes the receipts C(before.json) and C(files.json) in
    C(/var/lib/scratchlab/receipts) unless they exist. The lab never removes anything that
    C(before.json) lists as present, and in its own directories only what C(files.json) describes.
options:
  record:
    description: Write the receipt if there is none.
    type: bool
    default: false
  paths:
    description: Files and directories that the lab's engine or Go would create.
    type: list
    elements: path
    default: []
  groups:
    description: Groups that the lab's packages would create.
    type: list
    elements: str
    default: []
  units:
    description: systemd units that the lab would start or enable.
    type: list
    elements: str
    default: []
  sysctls:
    description: Kernel settings that the lab's engine changes.
    type: list
    elements: str
    default: []
  directories:
    description: Directories and programs of the lab.
    type: list
    elements: path
    default: []
  installed:
    description:
      - Files and directories of the lab whose state is a fact; roles that find theirs in place run
        no module.
    type: list
    elements: path
    default: []
  json_files:
    description:
      - Files with a JSON object, for the fact of the same name, each with the keys that the fact
        is about beside those that the lab recorded.
    type: dict
    default: {}
  repository:
    description: Directory on the machine that packages come from, for the fact of the same name.
    type: str
    default: ""
  files:
    description:
      - Patterns of the files that the lab writes in O(directories). C(*) and C(?) stand for a part
        of a name, C(**) at the end for everything below. C(PATTERN -> TARGET) is a symbolic link.
    type: list
    elements: str
    default: []
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Collect the facts of the machine
  scratchlab.lab.lab_machine:
    record: true
    paths: [/var/lib/docker]
"""

RETURN = r"""
ansible_facts:
  description: RV(ansible_facts.lab_machine) is the state of the machine; its C(receipts) is true if
    the lab ran there, and its C(engine.installed) if the lab installed the engine.
    C(interrupted) is true if an installation of packages did not end; C(json_files) has,
    by path, C(sha256) (by key, of its value as JSON) and C(recorded) (the keys that the lab
    wrote, or null) of O(json_files); C(sha256) is null where the file is not a JSON object.
    C(installed) has, by path, C(kind), C(mode), C(uid), C(gid) and C(sha256) of what is there
    of O(installed). RV(ansible_facts.lab_before) is the receipt.
    RV(ansible_facts.lab_images) has, by name, each image of the lab that is as
    M(scratchlab.lab.scratch_image) left it, with its context; C(id), and C(asked), a digest of what
    that module was asked for. RV(ansible_facts.lab_containers) has the lab's containers by name,
    with C(image), an id, and C(running).
  type: dict
  returned: always
"""

import hashlib
import json
import os
import stat
from contextlib import suppress
from urllib.parse import quote

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scratchlab.lab.plugins.module_utils import (
    context_files,
    lab_files,
    lab_receipts,
)
from ansible_collections.scratchlab.lab.plugins.module_utils.dpkg_database import plain
from ansible_collections.scratchlab.lab.plugins.module_utils.lab_probe import (
    ask_engine,
    group_exists,
    machine,
    output,
)
from ansible_collections.scratchlab.lab.plugins.module_utils.receipt_files import (
    STATE,
    read_json,
    receipt_of,
    remove_json,
    write_json,
)

BEFORE = STATE / "receipts" / "before.json"
FILES = BEFORE.with_name("files.json")
IMAGES = BEFORE.with_name("images.json")
DECISION = BEFORE.with_name("decision.json")
# Never there without receipts.
TRACES = [STATE / name for name in ("apt", "build", "report.json")]
# What is known where the receipt is an empty one, which its owner wrote.
NOTHING = {
    "paths": {},
    "groups": {},
    "units": {},
    "sysctls": {},
    "interfaces": [],
    "firewall": {},
    "engine": {"dockerd": "", "running": False},
    "go": {"path": "", "version": ""},
}


def snapshot(params, facts):
    """Return the present state of everything that the lab could change."""
    return {
        "schema": 1,
        "paths": {path: path_state(path) for path in params["paths"]},
        "groups": {name: group_exists(name) for name in params["groups"]},
        "units": {unit: unit_state(unit) for unit in params["units"]} if facts["systemd"] else {},
        "sysctls": {name: sysctl(name) for name in params["sysctls"]},
        "interfaces": sorted(os.listdir("/sys/class/net")),
        "firewall": {tool: output(tool) for tool in ("iptables-save", "ip6tables-save")},
        "engine": facts["engine"],
        "go": facts["go"],
    }


def path_state(path):
    """Return ``absent``, ``empty`` (a directory, such as a new volume) or ``present``."""
    if not os.path.lexists(path):
        return "absent"
    return "empty" if os.path.isdir(path) and not os.listdir(path) else "present"


def installed(path):
    """Return what is at ``path``: kind, mode (in octal), owner, and the SHA-256 of a file.

    None where nothing is, or it cannot be read.
    """
    try:
        status = os.lstat(path)
        found = {
            "kind": "directory" if stat.S_ISDIR(status.st_mode) else "other",
            "mode": f"{stat.S_IMODE(status.st_mode):04o}",
            "uid": status.st_uid,
            "gid": status.st_gid,
        }
        if stat.S_ISREG(status.st_mode):
            with open(path, "rb") as data:
                found.update(kind="file", sha256=hashlib.sha256(data.read()).hexdigest())
    except OSError:
        return None
    return found


def json_file(path, keys):
    """Return ``{"sha256": dict | None, "recorded": list | None}`` of a file with a JSON object.

    ``recorded`` are the keys that the lab wrote, None where it wrote none. ``sha256`` has the
    digest of the value, as JSON, of those and of ``keys``: a value may be secret, and facts are
    printed. It is empty without a file, and None where the file is not a JSON object.
    """
    try:
        with open(path) as data:
            content = json.load(data)
    except FileNotFoundError:
        content = {}
    except (OSError, ValueError, RecursionError):
        content = None
    receipt = read_json(receipt_of(path), None)
    recorded = None if receipt is None else receipt.get("keys")
    digests = None
    if isinstance(content, dict):
        told = {*keys, *(recorded or [])}.intersection(content)
        values = {key: json.dumps(content[key], sort_keys=True) for key in sorted(told)}
        digests = {key: hashlib.sha256(text.encode()).hexdigest() for key, text in values.items()}
    return {"sha256": digests, "recorded": recorded}


def images(compiler):
    """Return ``{"id", "asked"}`` of each image, by name, that is as scratch_image left it.

    ``compiler`` is the version of Go. Raises OSError if no engine answers.
    """
    found = {}
    receipt = read_json(IMAGES, {})
    for name, known in receipt.items():
        current = ask_engine(f"/images/{quote(name)}/json").get("Id", "")
        if current == known["id"] and "context" in known:  # older receipts have none
            with suppress(OSError):
                if context_files.state(known["context"], compiler) == known["state"]:
                    found[name] = {"id": current, "asked": known["asked"]}
    return found


def containers():
    """Return ``{"image", "running"}`` of the lab's containers by name. Raises OSError."""
    labelled = quote(json.dumps({"label": ["io.scratchlab.lab"]}))
    listed = ask_engine(f"/containers/json?all=true&filters={labelled}") or []
    return {
        name.removeprefix("/"): {"image": one["ImageID"], "running": one["State"] == "running"}
        for one in listed
        for name in one["Names"] or ()
    }


def unit_state(unit):
    """Return ``{"active": bool, "enabled": bool}`` of a systemd unit, false if it is unknown."""
    return {
        "active": bool(output("systemctl", "is-active", unit)),
        "enabled": output("systemctl", "is-enabled", unit).strip() == "enabled",
    }


def sysctl(name):
    """Return the value of a kernel setting, empty if this kernel does not have it."""
    try:
        with open("/proc/sys/" + name.replace(".", "/")) as value:
            return value.read().strip()
    except OSError:
        return ""


def record_files(params, first):
    """Record which files in the lab's directories are the lab's, and which were there before."""
    known = read_json(FILES, None)
    patterns = sorted({*params["files"], *(known or {}).get("files", [])})
    if known is None:
        known = {"before": lab_files.earlier(params["directories"]) if first else []}
    if known.get("files") != patterns:
        write_json(FILES, known | {"files": patterns})


def main():
    """Run the module."""
    os.umask(0o022)  # sudo keeps the mask of the user
    names = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "record": {"type": "bool", "default": False},
            "paths": {"type": "list", "elements": "path", "default": []},
            "groups": names,
            "units": names,
            "sysctls": names,
            "directories": {"type": "list", "elements": "path", "default": []},
            "files": names,
            "installed": {"type": "list", "elements": "path", "default": []},
            "json_files": {"type": "dict", "default": {}},
            "repository": {"default": ""},
        },
        supports_check_mode=True,
    )
    damaged = lab_receipts.problems(BEFORE.parent, TRACES)
    if damaged:
        module.fail_json(
            msg=f"nothing was changed, because the lab cannot tell what it added: "
            f"{'. '.join(damaged)}. Then run the same command again"
        )
    facts = machine()
    before = read_json(BEFORE, None)
    facts["receipts"] = any(BEFORE.parent.glob("*"))
    facts["repository"] = module.params["repository"]
    states = {path: installed(path) for path in module.params["installed"]}
    facts["installed"] = {path: state for path, state in states.items() if state is not None}
    facts["json_files"] = {
        path: json_file(path, keys) for path, keys in module.params["json_files"].items()
    }
    facts["interrupted"] = BEFORE.with_name("packages.pending").exists()
    facts["engine"]["receipt"] = read_json(BEFORE.with_name("engine.json"), {})
    added = read_json(BEFORE.with_name("packages.json"), {})
    facts["engine"]["installed"] = facts["engine"]["package"] in map(plain, added)
    record = module.params["record"] and facts["root"] and facts["system"] == "Linux"
    changed = False
    if before is None:
        before = snapshot(module.params, facts) if facts["system"] == "Linux" else {}
        changed = record
    if record and not module.check_mode:
        record_files(module.params, first=changed)
        remove_json(DECISION)  # of a destroy that did not come to its end
        if changed:
            write_json(BEFORE, before)
    told = {"lab_machine": facts, "lab_before": NOTHING | before}
    try:
        told |= {"lab_images": images(facts["go"]["version"]), "lab_containers": containers()}
    except (OSError, ValueError):  # no engine answers
        told |= {"lab_images": {}, "lab_containers": {}}
    module.exit_json(changed=changed, ansible_facts=told)


if __name__ == "__main__":
    main()
