#!/usr/bin/python
"""Ansible module: check whether a machine is ready for the lab."""

DOCUMENTATION = r"""
module: lab_readiness
short_description: Check whether a machine is ready for the lab, and change nothing
description:
  - Checks clock, user, Python, disk, memory and the source of packages, and returns an answer for
    each. Fails for none of them.
options:
  disk_mib:
    description: Free space that the machine must have below C(/var/lib), in MiB.
    type: int
    required: true
  memory_mib:
    description: Available memory that the machine must have, in MiB.
    type: int
    required: true
  clock_seconds:
    description: Largest difference between its clock and O(now), in seconds.
    type: int
    required: true
  now:
    description: Seconds since 1970 on the controller.
    type: int
    required: true
  bundle:
    description: Whether packages come from a bundle, so that no mirror is needed.
    type: bool
    default: false
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Ask whether the machine is ready
  scratchlab.lab.lab_readiness:
    disk_mib: 2048
    memory_mib: 512
    clock_seconds: 120
    now: "{{ now(utc=true, fmt='%s') | int }}"
"""

RETURN = r"""
readiness:
  description: An item for each question, with C(id), C(ready), C(observed) and C(help).
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


def answer(name, ready, observed, remedy):
    """Return one item of the result; ``remedy`` is left out if the machine is ready."""
    return {"id": name, "ready": bool(ready), "observed": observed, "help": "" if ready else remedy}


def disk(wanted):
    """Check the free space for engine, Go and images."""
    free = shutil.disk_usage("/var/lib").free >> 20
    remedy = "make room, for example: apt-get clean; journalctl --vacuum-size=50M"
    return answer("disk", free >= wanted, f"{free} MiB free of {wanted} MiB needed", remedy)


def memory(wanted):
    """Check the memory that the kernel calls available (proc_meminfo(5))."""
    with open("/proc/meminfo") as file:
        available = re.search(r"^MemAvailable:\s+(\d+) kB", file.read(), re.M)
    free = int(available.group(1)) >> 10 if available else 0
    remedy = "close programs, or give the machine more memory"
    return answer("memory", free >= wanted, f"{free} MiB available of {wanted} MiB needed", remedy)


def clock(now, wanted):
    """Compare the clock with the controller's; the tolerance includes the connection's time."""
    off = int(time.time()) - now
    observed = f"the clock is {abs(off)} s {'ahead of' if off > 0 else 'behind'} the controller's"
    return answer("clock", abs(off) <= wanted, observed, "timedatectl set-ntp true, or: date -s")


def engine_or_mirror(bundle):
    """Check that apt's first source answers, unless engine and Go are present or in a bundle."""
    if shutil.which("dockerd") and shutil.which("go"):
        return answer("mirror", True, "not needed: engine and Go are installed", "")
    if bundle and shutil.which("apt-get"):
        return answer("mirror", True, "not needed: packages come from the bundle", "")
    if not shutil.which("apt-get"):
        remedy = "install Docker and Go as this distribution describes"
        return answer("mirror", False, "there is no engine and no apt-get", remedy)
    uris = output("apt-get", "--print-uris", "update")
    first = re.search(r"^'([^']+)'", uris, re.M)
    if first is None:
        return answer("mirror", False, "apt has no sources", "check /etc/apt/sources.list")
    uri = first.group(1)
    reason = unreachable(uri)
    observed = f"{uri} does not answer: {reason}" if reason else f"{uri} answers"
    return answer("mirror", not reason, observed, "check the network, the proxy and /etc/apt")


def unreachable(uri):
    """Return why ``uri`` cannot be fetched, or nothing if it can or needs no network."""
    if not uri.startswith(("http:", "https:")):
        return ""
    scheme = uri.partition(":")[0]
    dump = output("apt-config", "dump", "--format", "%f %v%n", f"Acquire::{scheme}::Proxy")
    proxies = [line.split(None, 1)[1].strip() for line in dump.splitlines() if " " in line.strip()]
    proxy = {scheme: proxies[0]} if proxies and proxies[0] != "DIRECT" else None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxy))
    try:
        request = urllib.request.Request(uri, method="HEAD")  # noqa: S310 - the scheme was checked above
        opener.open(request, timeout=SECONDS).close()
    except (OSError, ValueError) as error:
        # Any answer will do, even 404: the list of a release may be gone, but the mirror answers.
        if isinstance(error, urllib.error.HTTPError):
            return ""
        return str(getattr(error, "reason", error))
    return ""


def python():
    """Check the Python that scratchlab runs with."""
    version = output("/usr/bin/python3", "-c", "import sys; print(*sys.version_info[:2])").split()
    ready = len(version) == 2 and tuple(map(int, version)) >= (3, 11)
    observed = f"/usr/bin/python3 is {'.'.join(version) or 'missing'}"
    return answer("python", ready, observed, "use Debian 12, Ubuntu 24.04 or newer")


def root():
    """Check that Ansible is root."""
    remedy = "log in as root, or as a user with sudo (./lab -K asks for the password)"
    return answer("root", os.geteuid() == 0, f"user id {os.geteuid()}", remedy)


def output(*command):
    """Return the standard output of ``command``, empty if it cannot run or fails."""
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
    options = module.params
    answers = [
        clock(options["now"], options["clock_seconds"]),
        root(),
        python(),
        disk(options["disk_mib"]),
        memory(options["memory_mib"]),
        engine_or_mirror(options["bundle"]),
    ]
    module.exit_json(changed=False, readiness=answers)


if __name__ == "__main__":
    main()
