"""Filesystems whose content is no content: which are recorded as one entry and never entered.

Source: Linux ``register_filesystem`` users; proc(5), sysfs(5), cgroups(7), fuse(4).
"""

from __future__ import annotations

# The kernel writes their files as they are read; reading some of them acts (securityfs, tracefs).
KERNEL = frozenset({
    "autofs", "bdev", "binder", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "cpuset",
    "cxl", "dax", "debugfs", "efivarfs", "functionfs", "fusectl", "gadgetfs", "ibmasmfs",
    "ipathfs", "nfsd", "nsfs", "openpromfs", "pidfs", "proc", "pstore", "qibfs", "resctrl",
    "rpc_pipefs", "secretmem", "securityfs", "selinuxfs", "smackfs", "spufs", "sysfs", "tracefs",
    "usbfs", "usbdevfs", "xenfs",
})  # fmt: skip

# Entered, but their regular files are windows into the kernel: never opened, so never hashed.
UNREADABLE_FILES = frozenset({"devpts", "mqueue"})


def is_process_backed(fstype: str) -> bool:
    """Whether a process answers for the filesystem (FUSE): it could keep a reader waiting."""
    return fstype in ("fuse", "fuseblk") or fstype.startswith(("fuse.", "fuseblk."))
