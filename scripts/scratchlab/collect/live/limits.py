"""How much one reading of a live root may cost, whatever the container claims."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from scratchlab.errors import LabError

_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class WalkLimits:
    """Bounds of one reading, in bytes.

    Sizes are claims: a sparse file of 1 TiB takes no room and would take ten minutes to hash, and
    SHA-256 has no shortcut through zeros. A file past a limit keeps its entry, has no ``sha256``,
    and its ``note`` says which limit it met: it can be neither "same" nor "altered" in content.
    """

    file_bytes: int = 8 * _GIB
    # Of all files on the root's own mount, and of all files on each other mount (a volume, the
    # host's disk under -v /:/host), which no image content is compared with.
    root_bytes: int = 256 * _GIB
    mount_bytes: int = 16 * _GIB
    # Of all paths, plus ENTRY_COST each: what a ledger would have to hold. Beyond it, LabError.
    ledger_bytes: int = 8 * _GIB

    def too_many(self) -> LabError:
        """The error for a tree that no ledger can hold."""
        return LabError(
            f"the root holds more names than {self.ledger_bytes} bytes can list",
            "see what fills it, for example with `du --inodes`",
        )


ENTRY_COST = 256


# Filesystems whose content is no content: which are recorded as one entry and never entered.


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


# What an error number says of the thing that was read, and what it says of the reader.


# Want of our own, not a property of what is read: noting it on an entry would blame the container.
_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


def error_name(error: OSError) -> str:
    """The name of the error for a note: ``EACCES``. Raises LabError if the reader is at fault."""
    if error.errno in _OURS:
        raise LabError(
            f"this process ran out of what it needs to read on: {error.strerror}",
            "see `ulimit -n` and `free`",
        ) from error
    return errno.errorcode.get(error.errno or 0, "?")
