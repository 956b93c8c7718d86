#!/usr/bin/python
"""Ansible module: static Go programs whose bytes do not depend on where they were built."""

DOCUMENTATION = r"""
module: go_program
short_description: Build Go programs reproducibly
description:
  - Builds a program again only when source, flags or Go changed, or when the program is not the
    one that was built. What several need of Go's library is compiled once.
options:
  programs:
    description: The Go files, and the programs to build from them.
    type: dict
    required: true
  epoch:
    description: Modification time of the programs, in seconds since 1970.
    type: int
    required: true
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Build the program
  go_program:
    programs:
      /var/lib/scratchlab/build/sleep/main.go: /var/lib/scratchlab/build/sleep/sleep
    epoch: 1511222400
"""

RETURN = r"""
sha256:
  description: SHA-256 of each program.
  type: dict
  returned: always
"""

import hashlib
import os
import subprocess
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.lab_packages import STATE, read_json, write_json
from ansible.module_utils.lab_probe import SEARCH, go

# No path of the build machine (-trimpath), no commit (-buildvcs), no symbols, no build id: the same
# bytes from any folder for one Go version and architecture (measured with Go 1.19 and 1.24).
FLAGS = ("-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=")


def sha256(path):
    """SHA-256 of a file, empty where it is missing."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def build(module, program, source, output, scratch):
    """Compile ``source`` and put the program beside ``output``; the cache lies in ``scratch``."""
    aside = output.with_name(output.name + ".new")
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
    if done.returncode:
        module.fail_json(
            msg=f"{program} could not build {source}: {done.stderr.strip()[-600:]} "
            "-- mend what it names (a full disk?), then run ./lab again"
        )
    aside.chmod(0o755)
    return aside


def present(module, found, source, output, scratch):
    """Build one program where that is due; gives whether it was. ``scratch`` makes a folder."""
    epoch = module.params["epoch"]
    stamp = output.with_name(output.name + ".receipt")
    wish = {"go": found["version"], "flags": FLAGS, "source": sha256(source)}
    have = read_json(stamp, {})
    current = sha256(output)
    if current and have == {**wish, "flags": list(FLAGS), "program": current}:
        if int(output.stat().st_mtime) == epoch:
            return False
        if not module.check_mode:
            os.utime(output, (epoch, epoch))
        return True
    if not module.check_mode:
        if not found["path"]:
            module.fail_json(msg="no Go on this machine; run ./lab --tags provision,build")
        aside = build(module, found["path"], source, output, scratch())
        os.utime(aside, (epoch, epoch))
        aside.replace(output)
        write_json(stamp, {**wish, "program": sha256(output)})
    return True


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "programs": {"type": "dict", "required": True},
            "epoch": {"type": "int", "required": True},
        },
        supports_check_mode=True,
    )
    programs = {Path(source): Path(output) for source, output in module.params["programs"].items()}
    found = go()
    with ExitStack() as clean:

        @cache
        def scratch():
            return clean.enter_context(TemporaryDirectory(prefix="go-", dir=STATE))

        built = [present(module, found, *one, scratch) for one in programs.items()]
    module.exit_json(
        changed=any(built), sha256={str(output): sha256(output) for output in programs.values()}
    )


if __name__ == "__main__":
    main()
