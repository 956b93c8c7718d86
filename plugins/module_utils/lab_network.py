"""Removes an engine's leftovers in the kernel: bridges, packet rules, settings, control groups.

Keeps everything that was there before the lab. Sources: moby libnetwork/iptables (chains DOCKER*),
libnetwork/drivers/bridge (docker0, br-<network id>, net.ipv4.ip_forward), measured on 20.10.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import socket
import struct
import subprocess

from ansible_collections.scratchlab.lab.plugins.module_utils.lab_probe import SEARCH, output

_BRIDGE = re.compile(r"docker0|br-[0-9a-f]{12}")
_RULE = re.compile(
    r"\bDOCKER|\bdocker0\b|\bbr-[0-9a-f]{12}\b|-s 172\.(1[7-9]|2\d|3[01])\.0\.0/16 .*MASQUERADE"
)
_SIOCSIFFLAGS, _SIOCBRDELBR = 0x8914, 0x89A1  # linux/sockios.h


def restore(before):
    """Restore the state of the kernel that the receipt ``before`` describes."""
    for tool in ("iptables", "ip6tables"):
        _firewall(tool, before.get("firewall", {}).get(tool + "-save", ""))
    for name in os.listdir("/sys/class/net"):
        if _BRIDGE.fullmatch(name) and name not in before.get("interfaces", []):
            with contextlib.suppress(OSError):
                _delete_bridge(name)
    for name, value in before.get("sysctls", {}).items():
        path = "/proc/sys/" + name.replace(".", "/")
        with contextlib.suppress(OSError):
            with open(path) as setting:
                same = setting.read().strip() == value
            if value and not same:
                with open(path, "w") as setting:
                    setting.write(value)
    _cgroups()


def _firewall(tool, before):
    now = output(tool + "-save")
    if not now or not _RULE.search(now):
        return
    policies = dict(re.findall(r"^:(INPUT|FORWARD|OUTPUT) (\w+)", before, re.M))
    lines = []
    for line in now.splitlines():
        if line.startswith(("#",)) or (_RULE.search(line) and line not in before.splitlines()):
            continue
        head = re.match(r":(FORWARD) \w+ (.*)", line)
        if head and "*filter" in lines[-4:]:
            lines.append(f":{head[1]} {policies.get(head[1], 'ACCEPT')} {head[2]}")
        else:
            lines.append(line)
    subprocess.run(
        [tool + "-restore"],
        input="\n".join(lines) + "\n",
        text=True,
        check=False,
        capture_output=True,
        env={**os.environ, "PATH": SEARCH},
    )


def _delete_bridge(name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        # A bridge must be down before it can be deleted.
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh22x", name.encode(), 0))
        fcntl.ioctl(control, _SIOCBRDELBR, struct.pack("16s24x", name.encode()))


def _cgroups():
    # The cgroupfs driver's parent group, one per hierarchy; rmdir(2) refuses if a group is in use.
    for base, _directories, _files in os.walk("/sys/fs/cgroup", topdown=False):
        if re.search(r"^/sys/fs/cgroup(/[^/]+)?/docker(/|$)", base):
            with contextlib.suppress(OSError):
                os.rmdir(base)
