"""What dpkg's database says, and the conditions in which dpkg may change it.

Needs only Python's standard library; see lab_packages.
"""

from __future__ import annotations

import contextlib
import fcntl
import re
import subprocess
from pathlib import Path

POLICY = Path("/usr/sbin/policy-rc.d")
# invoke-rc.d(8): 101 forbids the action. Docker must not start before daemon.json is written, and
# its init script must not fail the installation if no init system runs.
POLICY_TEXT = (
    "#!/bin/sh\n# scratchlab: no service starts while the lab installs packages\nexit 101\n"
)


class PackageError(Exception):
    """apt or dpkg failed; the text names the reason and the remedy."""


def states():
    """Return all packages of dpkg: ``{"docker.io:amd64": "ii"}`` (dpkg-query(1), Status-Abbrev).

    Raises PackageError.
    """
    command = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}\t${Package}:${Architecture}\n"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise PackageError(
            f"dpkg cannot read its database: {done.stderr.strip()} -- cp /var/lib/dpkg/status-old "
            "/var/lib/dpkg/status brings back the last one that was whole; then run the "
            "same command again"
        )
    pairs = (line.split("\t") for line in done.stdout.splitlines())
    return {name: abbrev.strip() for abbrev, name in pairs if abbrev[1] != "n"}


def dependencies():
    """Return on which packages each installed package depends: ``{"docker.io": {"runc"}}``.

    Any alternative counts, and everything that provides a virtual package.
    """
    listing = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package}\t${Provides}\t${Pre-Depends}, ${Depends}\n"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return parse_dependencies(listing)


def parse_dependencies(listing):
    """Take the lines of :func:`dependencies` apart (deb-control(5))."""
    needs, provided = {}, {}
    for line in listing.splitlines():
        package, provides, depends = line.split("\t")
        for virtual in _names(provides):
            provided.setdefault(virtual, set()).add(package)
        needs.setdefault(package, set()).update(_names(depends))
    return {
        package: names.union(*(provided.get(name, ()) for name in names))
        for package, names in needs.items()
    }


def _names(field):
    found = (one.split("(")[0].split(":")[0].strip() for one in re.split(r"[,|]", field))
    return {name for name in found if name}


def plain(name):
    """Return a name like ``docker.io:amd64`` without its architecture."""
    return name.rsplit(":", 1)[0]


def minimum(requirement):
    """Take ``docker-compose (>= 2)`` apart: the name and its least version, empty for any."""
    name, _, rest = requirement.partition(" (>= ")
    return name, rest.rstrip(")")


def at_least(version, least):
    """Return whether a package's version is ``least`` or newer (deb-version(7))."""
    command = ["dpkg", "--compare-versions", version, "ge", least]
    return not least or subprocess.run(command, check=False).returncode == 0


def spread(kept, removing, needs):
    """Add to ``kept`` those of ``removing`` that a package in it depends on, and for whom."""
    by_plain = {plain(name): name for name in removing}
    queue = list(kept)
    while queue:
        name = queue.pop()
        for needed in needs.get(plain(name), ()):
            other = by_plain.get(needed)
            if other is not None and other not in kept:
                kept[other] = kept[name]
                queue.append(other)


@contextlib.contextmanager
def forbidden_services():
    """Keep packages from starting services, unless the machine has a policy of its own."""
    ours = not POLICY.exists() or POLICY.read_text() == POLICY_TEXT
    if ours:
        POLICY.write_text(POLICY_TEXT)
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            POLICY.unlink(missing_ok=True)


@contextlib.contextmanager
def dpkg_idle():
    """Wait until no dpkg runs (an interrupted controller leaves one), and let none start."""
    with open("/var/lib/dpkg/lock-frontend", "w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        yield
