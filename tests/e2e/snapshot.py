"""The state of a machine as one JSON object, so that two of them can be compared.

Runs by itself on any machine with Python (``python3 snapshot.py >before.json``), needs root, reads
only. What changes by itself on an idle Debian machine is left out, each with its reason.
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
HOMES = ("/", "/root", "/home", "/tmp")  # new names directly in them
CONTENT = ("/etc/", "/var/")  # elsewhere the size says enough: packages are compared by version
# An engine that was there before keeps its books; compared is whether the directory is in use.
BOOKS = ("/var/lib/docker", "/var/lib/containerd", "/run/docker", "/run/containerd")
# Path (regular expression, whole match) and why its change is no trace of the lab.
IGNORED = {
    r"/var/log/.*": "logs, those of apt and dpkg among them: memory is not erased",
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
    r"/var/lib/systemd/(timers|random-seed|coredump|deb-systemd-.*)(/.*)?": "systemd's clockwork",
    r"/var/lib/(private|logrotate|ntp|chrony|dhcp|NetworkManager)(/.*)?": "services' own clockwork",
    r"/var/spool/.*|/var/tmp/.*|/var/mail/.*": "scratch space of others",
    r"/run/(systemd|udev|user|log|lock|dbus|initctl|mount|credentials|sudo)(/.*)?": "the system",
    r"/run/(utmp|.*\.lock)": "the system",
    r"/usr/(lib|share)/.*/__pycache__(/.*)?": "written when Python imports a module",
    r"/(root|home/[^/]+)/\.(bash_history|lesshst|python_history|viminfo|cache|local)": "people",
    r"/tmp/.*": "people at work; nothing of the lab's is called so",
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
    found: dict[str, str] = {}
    for root in ROOTS:
        for base, directories, names in os.walk(root):
            for name in [*directories, *names]:
                path = os.path.join(base, name)
                if path in BOOKS:
                    found[path] = "in use" if os.listdir(path) else "empty"
                elif not skip.fullmatch(path):
                    found[path] = describe(path)
            directories[:] = [
                f
                for f in directories
                if (path := os.path.join(base, f)) not in BOOKS
                and not skip.fullmatch(path)
                and not os.path.ismount(path)
            ]
    for home in HOMES:
        paths = [os.path.join(home, name) for name in os.listdir(home)]
        found |= {path: "there" for path in paths if not skip.fullmatch(path)}
    return found


def describe(path: str) -> str:
    """One line about one path; directories without size and times."""
    try:
        status = os.lstat(path)
        kind = stat.filemode(status.st_mode)
        who = f"{status.st_uid}:{status.st_gid}"
        if stat.S_ISLNK(status.st_mode):
            return f"{kind} {who} -> {os.readlink(path)}"
        if stat.S_ISREG(status.st_mode):
            if not path.startswith(CONTENT) or status.st_size > LARGE:
                return f"{kind} {who} {status.st_size} bytes"
            with open(path, "rb") as content:
                return f"{kind} {who} {hashlib.file_digest(content, 'sha256').hexdigest()}"
    except OSError as error:
        return f"unreadable: {error.strerror}"
    return f"{kind} {who}"


def processes() -> list[str]:
    """Programs of engines that run now."""
    names = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = status.read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue  # it ended meanwhile
        if not rest.startswith(" Z"):  # ended, and an init that does not reap has not noticed
            names.append(name)
    return sorted({n for n in names if re.match(r"docker|containerd|runc|conmon|crun", n)})


def mounts() -> list[str]:
    """Mount points and their filesystem types."""
    table = (line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return sorted(
        f"{row[4]} {row[row.index('-') + 1]}" for row in table if not row[4].startswith(BOOKS)
    )


def settings() -> dict[str, str]:
    """Kernel settings that an engine changes."""
    names = ("ipv4/ip_forward", "ipv6/conf/all/forwarding", "ipv6/conf/default/forwarding")
    paths = [Path("/proc/sys/net", name) for name in names]
    return {str(path): path.read_text().strip() for path in paths if path.exists()}


def units() -> list[str]:
    """Services that systemd would start, and those that run."""
    wanted = lines("systemctl", "list-unit-files", "--state=enabled", "--no-legend", "--plain")
    running = lines(
        "systemctl",
        "list-units",
        "--type=service,socket",
        "--state=active",
        "--no-legend",
        "--plain",
    )
    known = re.compile(r"^(?!user@|session|run-|systemd-|getty|dbus|ssh)")
    return [line.split()[0] for line in [*wanted, *running] if known.match(line)]


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
