"""What specifications require of a container's root filesystem.

OCI runtime-spec v1.2.0 config-linux.md and runtime-linux.md; libcontainer/SPEC.md of runc, whose
table of six filesystems is the same from v1.0 to v1.5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from scratchlab.judge.rules.rule import SPEC
from scratchlab.judge.rules.runtime import DEVICES, LINKS

LIBCONTAINER = "https://github.com/opencontainers/runc/blob/main/libcontainer/SPEC.md#filesystem"
_FILESYSTEMS = f"{SPEC}/config-linux.md#default-filesystems"
_DEVICES = f"{SPEC}/config-linux.md#default-devices"
_LINKS = f"{SPEC}/runtime-linux.md#dev-symbolic-links"


@dataclass(frozen=True, slots=True)
class SpecRow:
    """One requirement. ``level`` is the RFC 2119 word, empty where a table only describes.
    One of ``fstype``, ``device`` and ``target`` is what must be at ``path``; ``flags`` are the
    mount options that the table lists.
    """

    id: str
    path: str
    level: str
    clause: str
    fstype: str | None = None
    device: tuple[int, int] | None = None
    target: str | None = None
    flags: tuple[str, ...] = ()


def _rows() -> tuple[SpecRow, ...]:
    filesystems = {"/proc": "proc", "/sys": "sysfs", "/dev/pts": "devpts", "/dev/shm": "tmpfs"}  # noqa: S108
    links = {path: target for path, (target, rule) in LINKS.items() if rule == "oci-dev-link"}
    rows = [
        *(
            SpecRow("", path, "SHOULD", _FILESYSTEMS, fstype=fstype)
            for path, fstype in filesystems.items()
        ),
        *(SpecRow("", path, "MUST", _DEVICES, device=number) for path, number in DEVICES.items()),
        SpecRow("", "/dev/ptmx", "MUST", _DEVICES, target=LINKS["/dev/ptmx"][0]),
        *(SpecRow("", path, "MUST", _LINKS, target=target) for path, target in links.items()),
    ]
    return tuple(replace(row, id=f"S{number:02}") for number, row in enumerate(rows, 1))


SPEC_ROWS = _rows()
CONSOLE = SpecRow("S16", "/dev/console", "MUST", _DEVICES)
# The mount(2) flags as mountinfo spells them. STRICTATIME shows as the absence of "noatime" and
# "relatime", so it is not listed.
LIBCONTAINER_ROWS = (
    SpecRow("L01", "/proc", "", LIBCONTAINER, "proc", flags=("noexec", "nosuid", "nodev")),
    SpecRow("L02", "/dev", "", LIBCONTAINER, "tmpfs", flags=("noexec",)),
    SpecRow("L03", "/dev/shm", "", LIBCONTAINER, "tmpfs", flags=("noexec", "nosuid", "nodev")),  # noqa: S108
    SpecRow("L04", "/dev/mqueue", "", LIBCONTAINER, "mqueue", flags=("noexec", "nosuid", "nodev")),
    SpecRow("L05", "/dev/pts", "", LIBCONTAINER, "devpts", flags=("noexec", "nosuid")),
    SpecRow("L06", "/sys", "", LIBCONTAINER, "sysfs", flags=("noexec", "nosuid", "nodev", "ro")),
)
# Path, filesystem type and mount options of the same table.
LIBCONTAINER_FILESYSTEMS = tuple(
    (row.path, row.fstype, row.flags) for row in LIBCONTAINER_ROWS if row.fstype
)
# Where the table is behind today's runtimes.
STALE = (
    "SPEC.md is out of date: it has no /sys/fs/cgroup and no /dev/core, and lists NOEXEC for /dev, "
    "which engines mount without it"
)
