"""The state of a machine as one JSON object, so that two of them can be compared.

Runs as root on any machine with Python and changes nothing: ``python3 snapshot.py >before.json``.
Paths that change on an idle Debian machine are left out, each with its reason.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

ROOTS = ("/etc", "/usr", "/var", "/opt", "/run", "/srv")
LARGE = 1 << 20  # bytes
HOMES = ("/", "/root", "/home", "/tmp")  # only the names directly in them are compared
# Files compared by digest. Elsewhere by size: packages are compared by version.
CONTENT = ("/etc/", "/var/")
# The state directories of an engine: only whether they are in use is compared.
ENGINE_STATE = ("/var/lib/docker", "/var/lib/containerd", "/run/docker", "/run/containerd")
# Regular expression of whole paths -> why a change there is not a trace of the lab.
IGNORED = {
    r"/var/log/.*": "logs, apt's and dpkg's too: history is not erased",
    r"/var/cache/(apt|debconf|ldconfig|man|fontconfig|swcatalog)(/.*)?": "rebuilt by every "
    "installation",
    r"/var/lib/ucf/(hashfile|registry)(\.\d+)?": "ucf's notes and rotated copies, rewritten by"
    " every installation that uses it",
    r"/var/lib/apt/(extended_states|periodic/.*)": "apt's notes, rewritten by every installation",
    r"/var/lib/dpkg/(status|diversions|statoverride|available|lock|triggers)(-old|/.*)?": "dpkg's "
    "database: the list of packages is compared instead",
    r"/var/lib/dpkg/alternatives(/.*)?": "rewritten by update-alternatives",
    r"/etc/(group|gshadow|passwd|shadow|subuid|subgid)-": "the backup that groupadd(8) leaves",
    r"/etc/ld\.so\.cache": "rebuilt by every installation; libraries are compared instead",
    r"/etc/(\.pwd\.lock|mtab|resolv\.conf)": "written by the system at any time",
    r"/var/backups(/.*)?": "dpkg-db-backup(8), once a day",
    r"/var/lib/systemd/(timers|random-seed|coredump|deb-systemd-.*)(/.*)?": "systemd's own state",
    r"/var/lib/containers/cache/.*": "podman's notes on layers; no option moves them",
    r"/var/lib/(private|logrotate|ntp|chrony|dhcp|NetworkManager)(/.*)?": "services' own state",
    r"/var/spool/.*|/var/tmp/.*|/var/mail/.*": "scratch space of others",
    r"/run/(systemd|udev|user|log|lock|dbus|initctl|mount|credentials|sudo)(/.*)?": "the system",
    r"/run/(utmp|.*\.lock)": "the system",
    r"/usr/(lib|share)/.*/__pycache__(/.*)?": "written when Python imports a module",
    r"/(root|home/[^/]+)/\.(bash_history|lesshst|python_history|viminfo|cache|local)": "people",
    r"/tmp/.*": "people at work; the lab has no such names",
    r"/usr/share/info/dir": "rebuilt by every installation",
}
_IGNORED = re.compile("|".join(f"(?:{pattern})" for pattern in IGNORED))


def lines(*command: str) -> list[str]:
    """Output of a command, sorted; empty where it cannot run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return []
    return sorted(done.stdout.splitlines())


def files(skip: re.Pattern[str]) -> dict[str, str]:
    """Every path below ROOTS: type, mode, owner, and a digest of the content."""
    entries: dict[str, str] = {}
    for root in ROOTS:
        for base, directories, names in os.walk(root):
            for name in [*directories, *names]:
                path = os.path.join(base, name)
                if path in ENGINE_STATE:
                    entries[path] = "in use" if os.listdir(path) else "empty"
                elif not skip.fullmatch(path):
                    entries[path] = describe(path)
            directories[:] = [
                f
                for f in directories
                if (path := os.path.join(base, f)) not in ENGINE_STATE
                and not skip.fullmatch(path)
                and not os.path.ismount(path)
            ]
    for home in HOMES:
        paths = [os.path.join(home, name) for name in os.listdir(home)]
        entries |= {path: "there" for path in paths if not skip.fullmatch(path)}
    return entries


def describe(path: str) -> str:
    """One line about a path; a directory without size and times."""
    try:
        status = os.lstat(path)
        kind = stat.filemode(status.st_mode)
        owner = f"{status.st_uid}:{status.st_gid}"
        if stat.S_ISLNK(status.st_mode):
            return f"{kind} {owner} -> {os.readlink(path)}"
        if stat.S_ISREG(status.st_mode):
            if not path.startswith(CONTENT) or status.st_size > LARGE:
                return f"{kind} {owner} {status.st_size} bytes"
            with open(path, "rb") as content:
                return f"{kind} {owner} {hashlib.file_digest(content, 'sha256').hexdigest()}"
    except OSError as error:
        return f"unreadable: {error.strerror}"
    return f"{kind} {owner}"


def processes() -> list[str]:
    """Names of engine processes that run now."""
    names = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = status.read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue  # it has ended
        if not rest.startswith(" Z"):  # not a zombie
            names.append(name)
    return sorted({n for n in names if re.match(r"docker|containerd|runc|conmon|crun", n)})


def mounts() -> list[str]:
    """Mount points and their filesystem types."""
    table = (line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return sorted(
        f"{row[4]} {row[row.index('-') + 1]}"
        for row in table
        if not row[4].startswith(ENGINE_STATE)
    )


def settings() -> dict[str, str]:
    """Kernel settings that engines change."""
    names = ("ipv4/ip_forward", "ipv6/conf/all/forwarding", "ipv6/conf/default/forwarding")
    paths = [Path("/proc/sys/net", name) for name in names]
    return {str(path): path.read_text().strip() for path in paths if path.exists()}


def units() -> list[str]:
    """Enabled units, and services and sockets that run."""
    wanted = lines("systemctl", "list-unit-files", "--state=enabled", "--no-legend", "--plain")
    running = lines(
        "systemctl",
        "list-units",
        "--type=service,socket",
        "--state=active",
        "--no-legend",
        "--plain",
    )
    relevant = re.compile(r"^(?!user@|session|run-|systemd-|getty|dbus|ssh)")
    return [line.split()[0] for line in [*wanted, *running] if relevant.match(line)]


def main() -> None:
    """Print the snapshot."""
    own = {re.escape(directory) + "(/.*)?" for directory in sys.argv[1:]}
    skip = re.compile("|".join([_IGNORED.pattern, *own]))
    json.dump(
        {
            "packages": lines(
                "dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package} ${Version}\n"
            ),
            "manual": lines("apt-mark", "showmanual"),
            "files": files(skip),
            "processes": processes(),
            "mounts": mounts(),
            "interfaces": sorted(os.listdir("/sys/class/net")),
            "settings": settings(),
            "units": units(),
            "rules": [r for r in lines("iptables-save") if r.startswith("-A")],
            "cgroups": sorted(str(p) for p in Path("/sys/fs/cgroup").glob("**/docker")),
        },
        sys.stdout,
        indent=1,
        sort_keys=True,
    )


if __name__ == "__main__":
    main()
