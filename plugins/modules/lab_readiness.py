#!/usr/bin/python
"""Ansible module: check whether a machine is ready for the lab."""

DOCUMENTATION = r"""
module: lab_readiness
short_description: Check whether a machine is ready for the lab, and change nothing
description:
  - Checks clock, user, Python, disk, memory, the sources of packages and whether apt would install
    what the lab needs, and returns an answer for each. Fails for none of them.
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
  engine_repository:
    description:
      - Repository that O(engine_packages) come from, if not from the machine's own sources. The
        name of the distribution follows where it ends with a slash.
    type: str
    default: ""
  engine_packages:
    description: Packages that the lab installs where there is no engine.
    type: list
    elements: str
    default: []
  go_packages:
    description: Packages that the lab installs where there is no Go.
    type: list
    elements: str
    default: []
author: ["scratchlab"]
"""

EXAMPLES = r"""
- name: Ask whether the machine is ready
  scratchlab.lab.lab_readiness:
    disk_mib: 2048
    memory_mib: 512
    clock_seconds: 120
    now: "{{ now(utc=true, fmt='%s') | int }}"
    engine_packages: [docker.io, iptables]
    go_packages: [golang-go]
"""

RETURN = r"""
readiness:
  description: An item for each question, with C(id), C(ready), C(observed) and C(help).
  type: list
  elements: dict
  returned: always
"""

import concurrent.futures
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.scratchlab.lab.plugins.module_utils import (
    apt_causes,
    apt_fetch,
    apt_forecast,
    dpkg_database,
    lab_probe,
)
from ansible_collections.scratchlab.lab.plugins.module_utils.patience import allowed

# Codenames of Debian 12, 13 and sid, on which the scenarios of molecule/ run.
MEASURED = ("bookworm", "trixie", "forky")
WRITTEN = ("/etc", "/usr", "/var/lib")  # there the lab writes
# apt of root writes its caches even when it only shows something.
QUIET = ("-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=")


def answer(name, ready, observed, remedy):
    """Return one item of the result; ``remedy`` is left out if the machine is ready."""
    return {"id": name, "ready": bool(ready), "observed": observed, "help": "" if ready else remedy}


def disk(wanted):
    """Check that the lab can write, and the free space for engine, Go and images."""
    fixed = [path for path in WRITTEN if os.statvfs(path).f_flag & os.ST_RDONLY]
    if fixed:
        remedy = f"mount -o remount,rw $(findmnt -no TARGET -T {fixed[0]}), or see dmesg for why"
        return answer("disk", False, f"{', '.join(fixed)} cannot be written: read-only", remedy)
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


def distribution():
    """Say whether the lab was measured on this distribution; it goes on where it was not."""
    found = lab_probe.distribution()
    name = found["name"] or "this distribution"
    measured = found["id"] == "debian" and found["codename"] in MEASURED
    return answer("distribution", True, name if measured else f"{name}: not measured here", "")


def repository(url):
    """Check that the repository of another vendor answers."""
    found = lab_probe.distribution()
    base = url + found["id"] if url.endswith("/") else url
    release = f"{base}/dists/{found['codename']}/InRelease"
    reason = unreachable(release)
    observed = f"{release} {f'does not answer: {reason}' if reason else 'answers'}"
    return answer("mirror", not reason, observed, "check docker_host_repository and the network")


def wanted_packages(engine, go):
    """Return the packages that the lab would install, and the states of all that dpkg knows."""
    if not shutil.which("dpkg-query"):
        return [*engine, *go], {}
    found = {dpkg_database.plain(name): state for name, state in dpkg_database.states().items()}
    unfinished = {name for name, state in found.items() if apt_causes.unfinished(state)}
    names = [] if lab_probe.dockerd() and not unfinished.intersection(engine) else list(engine)
    names += [] if lab_probe.go()["path"] else go
    return [name for name in names if not apt_causes.complete(found.get(name, ""))], found


def mirror(names, bundle):
    """Check that apt can read its sources, and that one that answers has what the lab needs."""
    if not names:
        return answer("mirror", True, "not needed: engine and Go are installed", "")
    if not shutil.which("apt-get"):
        remedy = "install Docker and Go as this distribution describes"
        return answer("mirror", False, "there is no engine and no apt-get", remedy)
    if bundle:
        return answer("mirror", True, "not needed: packages come from the bundle", "")
    listing = run("apt-get", *QUIET, "--print-uris", "update")
    if listing.returncode:
        cause = apt_causes.find(apt_causes.Run(names, "", listing.stdout, listing.stderr, ""))
        return answer("mirror", False, cause.what, cause.remedy)
    uris = apt_forecast.addresses(listing.stdout)
    with concurrent.futures.ThreadPoolExecutor(max_workers=8) as pool:
        reasons = dict(zip(uris, pool.map(unreachable, uris), strict=True))
    dead = {uri: reason for uri, reason in reasons.items() if reason}
    policy = run("apt-cache", *QUIET, "policy", *names).stdout
    codename = lab_probe.distribution()["codename"]
    ready, observed = apt_forecast.judge_sources(names, uris, dead, policy, codename)
    remedy = "check the network, the proxy and the address in /etc/apt/sources.list*"
    return answer("mirror", ready, observed, remedy)


def both(own, vendor, url):
    """Return one answer for the machine's own sources and the repository of ``vendor`` packages."""
    if not vendor:
        return own
    other = repository(url)
    if not own["ready"] or not other["ready"]:
        return other if own["ready"] else own
    return {**own, "observed": f"{own['observed']}; {other['observed']}"}


def packages(names, states, bundle):
    """Check whether apt would install what the lab needs, by its own simulation."""
    cause, note = apt_forecast.judge_states(names, states)
    if cause is None and names and shutil.which("dpkg"):
        owner = output("dpkg", "-S", "/usr/bin/docker")
        cause = simulated(names) if not bundle else None
        cause = cause or apt_forecast.judge_owner(names, owner)
    if cause is not None:
        return answer("packages", False, cause.what, cause.remedy)
    able = f"apt would install {', '.join(names)}" if names else "engine and Go are installed"
    if names and not bundle and not lists():
        able = (
            f"apt has no package lists yet, so it cannot say whether {', '.join(names)} would fit"
        )
    return answer("packages", True, f"{able}{note}", "")


def simulated(names):
    """Return the Cause why apt would not install ``names``, or None if it would or cannot tell."""
    if not lists():
        return None
    options = [*QUIET, "-o", "Debug::NoLocking=true", "--simulate"]
    plan = run(
        "apt-get", *options, "install", "--no-install-recommends", "--no-remove", "-y", *names
    )
    if plan.returncode == 0:
        return None
    failed = apt_causes.Run(names, "", plan.stdout, plan.stderr, "")
    policy = run("apt-cache", *QUIET, "policy", *apt_causes.named(failed)).stdout
    return apt_causes.find(failed._replace(policy=policy))


def lists():
    """Return whether apt has lists of packages on this machine."""
    files = output(
        "apt-get", *QUIET, "indextargets", "--format", "$(FILENAME)", "Created-By: Packages"
    )
    return any(os.path.exists(file) for file in files.splitlines())


def unreachable(uri):
    """Return why ``uri`` cannot be fetched, or nothing if it can or needs no network."""
    if not uri.startswith(("http:", "https:")):
        return ""
    try:
        request = urllib.request.Request(uri, method="HEAD")  # noqa: S310 - the scheme was checked above
        opener = apt_fetch.opener(uri.partition(":")[0])
        opener.open(request, timeout=allowed(apt_fetch.SECONDS)).close()
    except (OSError, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError):
            # An archive without InRelease has Release (wiki.debian.org/DebianRepository/Format).
            if uri.endswith("/InRelease") and error.code == 404:
                return unreachable(uri.removesuffix("InRelease") + "Release")
            return f"{error.code} {error.reason}"
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
    remedy = "log in as root, or as a user with sudo (-K asks for the password)"
    return answer("root", os.geteuid() == 0, f"user id {os.geteuid()}", remedy)


def run(*command):
    """Run ``command`` and return it with its output as text. Raises OSError, TimeoutExpired."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=allowed(60), check=False, env=environment
    )


def output(*command):
    """Return the standard output of ``command``, empty if it cannot run or fails."""
    try:
        done = run(*command)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def main():
    """Run the module."""
    number = {"type": "int", "required": True}
    names = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            **dict.fromkeys(("disk_mib", "memory_mib", "clock_seconds", "now"), number),
            "bundle": {"type": "bool", "default": False},
            "engine_repository": {"default": ""},
            "engine_packages": names,
            "go_packages": names,
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        wanted, states = wanted_packages(options["engine_packages"], options["go_packages"])
    except dpkg_database.PackageError as error:
        module.fail_json(msg=str(error))
    vendor = []
    if options["engine_repository"]:
        vendor = [name for name in wanted if name in options["engine_packages"]]
        wanted = [name for name in wanted if name not in vendor]
    answers = [
        distribution(),
        clock(options["now"], options["clock_seconds"]),
        root(),
        python(),
        disk(options["disk_mib"]),
        memory(options["memory_mib"]),
        both(mirror(wanted, options["bundle"]), vendor, options["engine_repository"]),
        packages(wanted, states, options["bundle"]),
    ]
    module.exit_json(changed=False, readiness=answers)


if __name__ == "__main__":
    main()
