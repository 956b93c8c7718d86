#!/usr/bin/python
"""Ansible module: a static Go program whose bytes do not depend on where it was built."""

DOCUMENTATION = r"""
module: go_program
short_description: Build a Go program reproducibly
description:
  - Builds again only when source, flags or Go changed, or when the program is not the one that
    was built.
options:
  source:
    description: The Go file.
    type: path
    required: true
  output:
    description: The program.
    type: path
    required: true
  epoch:
    description: Modification time of the program, in seconds since 1970.
    type: int
    required: true
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Build the program
  go_program:
    source: /var/lib/scratchlab/build/sleep/main.go
    output: /var/lib/scratchlab/build/sleep/sleep
    epoch: 1511222400
"""

RETURN = r"""
sha256:
  description: SHA-256 of the program.
  type: str
  returned: always
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.lab_packages import STATE, read_json, write_json
from ansible.module_utils.lab_probe import SEARCH, go

# No path of the build machine (-trimpath), no commit (-buildvcs), no symbols, no build id: the same
# bytes from any folder for one Go version and architecture (measured with Go 1.19 and 1.24).
FLAGS = ("-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=")


def sha256(path):
    """SHA-256 of a file, empty where it is missing."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def build(module, program, source, output):
    """Compile ``source`` and put the program at ``output`` by renaming."""
    aside = output.with_name(output.name + ".new")
    scratch = tempfile.mkdtemp(prefix="go-", dir=STATE)
    try:
        done = subprocess.run(
            [program, "build", *FLAGS, "-o", str(aside), str(source)],
            capture_output=True,
            text=True,
            check=False,
            cwd=source.parent,
            env={
                "PATH": SEARCH,
                "HOME": scratch,
                "GOCACHE": scratch + "/cache",
                "GOPATH": scratch,
                "GOFLAGS": "",
                "GOENV": "off",
                "GO111MODULE": "off",
                "GOTOOLCHAIN": "local",
                "CGO_ENABLED": "0",
                "GOOS": "linux",
            },
        )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if done.returncode:
        module.fail_json(
            msg=f"{program} could not build {source}: {done.stderr.strip()[-600:]} "
            "-- mend what it names (a full disk?), then run ./lab again"
        )
    aside.chmod(0o755)
    return aside


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "path", "required": True},
            "output": {"type": "path", "required": True},
            "epoch": {"type": "int", "required": True},
        },
        supports_check_mode=True,
    )
    source, output = Path(module.params["source"]), Path(module.params["output"])
    epoch = module.params["epoch"]
    found = go()
    stamp = output.with_name(output.name + ".receipt")
    wish = {"go": found["version"], "flags": FLAGS, "source": sha256(source)}
    have = read_json(stamp, {})
    current = sha256(output)
    same = current != "" and have == {**wish, "flags": list(FLAGS), "program": current}
    changed = not same
    if changed and not module.check_mode:
        if not found["path"]:
            module.fail_json(msg="no Go on this machine; run ./lab --tags provision,build")
        aside = build(module, found["path"], source, output)
        os.utime(aside, (epoch, epoch))
        aside.replace(output)
        write_json(stamp, {**wish, "program": sha256(output)})
    elif same and int(output.stat().st_mtime) != epoch:
        changed = True
        if not module.check_mode:
            os.utime(output, (epoch, epoch))
    module.exit_json(changed=changed, sha256=sha256(output))


if __name__ == "__main__":
    main()
