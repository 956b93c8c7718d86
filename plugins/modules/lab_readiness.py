#!/usr/bin/python
"""Ansible module: whether a machine is ready for the lab."""

DOCUMENTATION = r"""
module: lab_readiness
short_description: Check whether a machine is ready for the lab, and change nothing
description:
  - Checks clock, user, Python, disk, memory and the source of packages, and returns an answer for
    each. Fails for none of them.
options:
  disk_mib:
    description: Free space that it must have below C(/var/lib).
    type: int
    required: true
  memory_mib:
    description: Available memory that it must have.
    type: int
    required: true
  clock_seconds:
    description: How far its clock may be from O(now).
    type: int
    required: true
  now:
    description: Seconds since 1970 on the controller.
    type: int
    required: true
  bundle:
    description: Packages come from a bundle, and no mirror is needed.
    type: bool
    default: false
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Look whether the machine is ready
  scratchlab.lab.lab_readiness:
    disk_mib: 2048
    memory_mib: 512
    clock_seconds: 120
    now: "{{ now(utc=true, fmt='%s') | int }}"
"""

RETURN = r"""
readiness:
  description: One item a question, with C(id), C(ready), C(observed) and C(help).
  type: list
  elements: dict
  returned: always
"""

import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request

from ansible.module_utils.basic import AnsibleModule

SECONDS = 15  # for the mirror to answer


def answer(name, ready, observed, mend):
    """One item of the result; ``mend`` is said only where it is needed."""
    return {"id": name, "ready": bool(ready), "observed": observed, "help": "" if ready else mend}


def disk(wanted):
    """Free space where engine, Go and images go."""
    free = shutil.disk_usage("/var/lib").free >> 20
    mend = "make room, for example: apt-get clean; journalctl --vacuum-size=50M"
    return answer("disk", free >= wanted, f"{free} MiB free of {wanted} MiB needed", mend)


def memory(wanted):
    """What the kernel says is available (proc_meminfo(5))."""
    with open("/proc/meminfo") as file:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", file.read(), re.M)
    free = int(found.group(1)) >> 10 if found else 0
    mend = "close programs, or give the machine more memory"
    return answer("memory", free >= wanted, f"{free} MiB available of {wanted} MiB needed", mend)


def clock(now, wanted):
    """The clock against the controller's; the answer's way back is part of the tolerance."""
    off = int(time.time()) - now
    words = f"the clock is {abs(off)} s {'ahead of' if off > 0 else 'behind'} the controller's"
    return answer("clock", abs(off) <= wanted, words, "timedatectl set-ntp true, or: date -s")


def engine_or_mirror(bundle):
    """Where engine and Go are neither there nor in a bundle, apt's first source must answer."""
    if shutil.which("dockerd") and shutil.which("go"):
        return answer("mirror", True, "not needed: engine and Go are there", "")
    if bundle and shutil.which("apt-get"):
        return answer("mirror", True, "not needed: packages come from the bundle", "")
    if not shutil.which("apt-get"):
        mend = "install Docker and Go by this distribution's means"
        return answer("mirror", False, "there is no engine and no apt-get", mend)
    uris = output("apt-get", "--print-uris", "update")
    found = re.search(r"^'([^']+)'", uris, re.M)
    if found is None:
        return answer("mirror", False, "apt has no sources", "look at /etc/apt/sources.list")
    uri = found.group(1)
    why = unreachable(uri)
    words = f"{uri} does not answer: {why}" if why else f"{uri} answers"
    return answer("mirror", not why, words, "check the network, the proxy and /etc/apt")


def unreachable(uri):
    """Why ``uri`` cannot be fetched, empty where it can (or is no matter of the network)."""
    if not uri.startswith(("http:", "https:")):
        return ""
    scheme = uri.partition(":")[0]
    dump = output("apt-config", "dump", "--format", "%f %v%n", f"Acquire::{scheme}::Proxy")
    proxies = [line.split(None, 1)[1].strip() for line in dump.splitlines() if " " in line.strip()]
    proxy = {scheme: proxies[0]} if proxies and proxies[0] != "DIRECT" else None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxy))
    try:
        request = urllib.request.Request(uri, method="HEAD")  # noqa: S310 - looked at above
        opener.open(request, timeout=SECONDS).close()
    except (OSError, ValueError) as error:
        # An answer, if only 404: the list of another release may be gone, the mirror is there.
        if isinstance(error, urllib.error.HTTPError):
            return ""
        return str(getattr(error, "reason", error))
    return ""


def python():
    """scratchlab runs by it."""
    found = output("/usr/bin/python3", "-c", "import sys; print(*sys.version_info[:2])").split()
    ready = len(found) == 2 and tuple(map(int, found)) >= (3, 11)
    words = f"/usr/bin/python3 is {'.'.join(found) or 'missing'}"
    return answer("python", ready, words, "use Debian 12, Ubuntu 24.04 or newer")


def root():
    """Ansible has to be root."""
    mend = "log in as root, or as a user with sudo (./lab -K asks for the password)"
    return answer("root", os.geteuid() == 0, f"user id {os.geteuid()}", mend)


def output(*command):
    """Standard output of ``command``, empty where it cannot run or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def main():
    """Run the module."""
    number = {"type": "int", "required": True}
    module = AnsibleModule(
        argument_spec={
            **dict.fromkeys(("disk_mib", "memory_mib", "clock_seconds", "now"), number),
            "bundle": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    asked = module.params
    found = [
        clock(asked["now"], asked["clock_seconds"]),
        root(),
        python(),
        disk(asked["disk_mib"]),
        memory(asked["memory_mib"]),
        engine_or_mirror(asked["bundle"]),
    ]
    module.exit_json(changed=False, readiness=found)


if __name__ == "__main__":
    main()
