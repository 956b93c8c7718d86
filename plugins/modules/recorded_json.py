#!/usr/bin/python
"""Ansible module: set options in a JSON file that may belong to someone else."""

DOCUMENTATION = r"""
module: recorded_json
short_description: Set options in a JSON file, and remember its earlier content
description:
  - Merges O(options) into the object in O(path). Before the first change, a receipt keeps the file
    as it was before the lab.
  - With O(state=absent), restores the file byte for byte. If its owner has changed it since,
    removes only the lab's options.
options:
  path:
    description: The file.
    type: path
    required: true
  options:
    description: Top-level keys and their values.
    type: dict
    default: {}
  state:
    description: V(present) merges the options, V(absent) restores the file.
    type: str
    choices: [present, absent]
    default: present
  validate:
    description: Command that checks the new file, whose name is appended. Not run if the program is
      missing or does not know the option.
    type: list
    elements: str
    default: []
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Configure the engine
  scratchlab.lab.recorded_json:
    path: /etc/docker/daemon.json
    options: {mtu: 1400}
    validate: [dockerd, --validate, --config-file]
"""

RETURN = r""" # """

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scratchlab.lab.plugins.module_utils.lab_probe import SEARCH
from ansible_collections.scratchlab.lab.plugins.module_utils.receipt_files import (
    ReceiptError,
    read_json,
    receipt_of,
    remove_json,
    write_json,
)


def parse(module, path, content):
    """Return the object in ``content``; a damaged file ends the module and stays as it is."""
    try:
        document = json.loads(content) if content.strip() else {}
    except ValueError as error:
        module.fail_json(
            msg=f"{path} is not valid JSON ({error}); fix it or move it away, "
            "then run the same command again"
        )
    if not isinstance(document, dict):
        module.fail_json(
            msg=f"{path} does not hold a JSON object; fix it or move it away, "
            "then run the same command again"
        )
    return document


def checked(module, command, candidate, path):
    """End the module if the program that reads the file rejects ``candidate``."""
    program = shutil.which(command[0], path=SEARCH) if command else None
    if program is None:
        return
    usage = subprocess.run([program, "--help"], capture_output=True, text=True, check=False).stdout
    if command[1] not in usage:  # dockerd knows --validate since 23.0
        return
    done = subprocess.run(
        [program, *command[1:], str(candidate)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        candidate.unlink()
        module.fail_json(
            msg=f"{command[0]} rejects the options for {path}: "
            f"{(done.stderr or done.stdout).strip()} -- correct them; the file was not touched"
        )


def replace(module, path, content, receipt):
    """Replace ``path`` by a file with ``content`` and the mode and owner in ``receipt``."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    candidate = path.with_name(path.name + ".scratchlab-new")
    candidate.write_bytes(content)
    checked(module, module.params["validate"], candidate, path)
    candidate.chmod(receipt.get("mode") or 0o644)
    os.chown(candidate, receipt.get("uid") or 0, receipt.get("gid") or 0)
    candidate.replace(path)


def dump(document):
    """Return the bytes that the lab writes."""
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def without_ours(current, receipt):
    """Return ``current`` with the lab's keys as they were before the lab."""
    theirs = json.loads(base64.b64decode(receipt["content"]) or b"{}") if receipt["content"] else {}
    clean = {key: value for key, value in current.items() if key not in receipt["keys"]}
    return clean | {key: theirs[key] for key in receipt["keys"] if key in theirs}


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "options": {"type": "dict", "default": {}},
            "state": {"choices": ["present", "absent"], "default": "present"},
            "validate": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    path = Path(module.params["path"])
    receipt_path = receipt_of(path)
    try:
        receipt = read_json(receipt_path, None)
    except ReceiptError as error:
        module.fail_json(msg=str(error))
    content = path.read_bytes() if path.exists() else None
    if module.params["state"] == "absent":
        after = content if receipt is None else restored(module, path, content, receipt)
    else:
        after = merged(module, path, content, receipt)
    changed = after != content
    if not module.check_mode and (changed or receipt is not None):
        apply(module, path, (content, after), receipt)
    module.exit_json(
        changed=changed,
        diff={
            "before": (content or b"").decode(errors="replace"),
            "after": (after or b"").decode(errors="replace"),
            "before_header": str(path),
            "after_header": str(path),
        },
    )


def merged(module, path, content, receipt):
    """Return the content that the file must have."""
    current = parse(module, path, content or b"")
    base = current if receipt is None else without_ours(current, receipt)
    wanted = base | module.params["options"]
    if wanted == current:
        return content
    if not wanted and receipt is not None and receipt["content"] is None:
        return None
    return dump(wanted)


def restored(module, path, content, receipt):
    """Return the content from before the lab, with later changes of the file's owner."""
    original = None if receipt["content"] is None else base64.b64decode(receipt["content"])
    if content is None:
        return None  # its owner removed it
    if content.decode(errors="replace") == receipt["written"]:
        return original
    clean = without_ours(parse(module, path, content), receipt)
    return dump(clean) if clean or original is not None else None


def apply(module, path, contents, receipt):
    """Write the receipt before the file; when restoring, the file before the receipt."""
    content, after = contents
    receipt_path = receipt_of(path)
    if module.params["state"] == "absent":
        if after is None:
            path.unlink(missing_ok=True)
        elif after != content:
            module.params["validate"] = []
            replace(module, path, after, receipt)
        remove_json(receipt_path)
        return
    if after == content:
        return
    if receipt is None:
        status = path.stat() if content is not None else None
        receipt = {
            "content": None if content is None else base64.b64encode(content).decode(),
            "mode": status and status.st_mode & 0o7777,
            "uid": status and status.st_uid,
            "gid": status and status.st_gid,
        }
    receipt |= {"keys": sorted(module.params["options"]), "written": (after or b"").decode()}
    write_json(receipt_path, receipt)
    if after is None:
        path.unlink()
    else:
        replace(module, path, after, receipt)


if __name__ == "__main__":
    main()
