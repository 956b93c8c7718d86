"""The limits of a walk: what it may cost, what it does not enter, whose fault an error is."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from scratchlab.errors import LabError

_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class WalkLimits:
    """The most that one walk reads, in bytes.

    The size of a file is a claim: a sparse file of 1 TiB takes no disk space but ten minutes to
    hash. A file beyond a limit keeps its entry, without ``sha256`` and with a ``note`` that names
    the limit: its content can be neither "same" nor "altered".
    """

    file_bytes: int = 8 * _GIB
    # Of all files on the root's own mount, and of all files on each other mount (a volume, the
    # host's disk under -v /:/host), which no image content is compared with.
    root_bytes: int = 256 * _GIB
    mount_bytes: int = 16 * _GIB
    # The size of the ledger: of all paths, and ENTRY_COST for each. Beyond it, LabError.
    ledger_bytes: int = 8 * _GIB

    def too_many(self) -> LabError:
        """The error for a tree that is too large for a ledger."""
        return LabError(
            f"the root holds more names than {self.ledger_bytes} bytes can list",
            "find what fills it, for example with `du --inodes`",
        )


ENTRY_COST = 256  # bytes

# Filesystems that are one entry in a ledger and never entered: the kernel generates their files as
# they are read, and reading some of them has effects (securityfs, tracefs).
KERNEL_FILESYSTEMS = frozenset({
    "autofs", "bdev", "binder", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "cpuset",
    "cxl", "dax", "debugfs", "efivarfs", "functionfs", "fusectl", "gadgetfs", "ibmasmfs",
    "ipathfs", "nfsd", "nsfs", "openpromfs", "pidfs", "proc", "pstore", "qibfs", "resctrl",
    "rpc_pipefs", "secretmem", "securityfs", "selinuxfs", "smackfs", "spufs", "sysfs", "tracefs",
    "usbfs", "usbdevfs", "xenfs",
})  # fmt: skip

# Entered, but their regular files are interfaces of the kernel: never opened, so never hashed.
UNHASHED_FILESYSTEMS = frozenset({"devpts", "mqueue"})


# A server answers for them, maybe the container's own.
NETWORK_FILESYSTEMS = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "gfs2", "gpfs", "lustre", "ncpfs", "nfs",
    "nfs4", "ocfs2", "orangefs", "panfs", "prl_fs", "pvfs2", "smb3", "smbfs", "vboxsf", "virtiofs",
    "vmhgfs", "wekafs",
})  # fmt: skip

# What they show lies on other filesystems, of any type.
STACKED_FILESYSTEMS = frozenset({
    "aufs", "ecryptfs", "overlay", "overlayfs", "shiftfs", "unionfs", "wrapfs",
})  # fmt: skip


def is_process_backed(fstype: str) -> bool:
    """Whether a process serves the filesystem (FUSE): it could keep a reader waiting."""
    return fstype in ("fuse", "fuseblk") or fstype.startswith(("fuse.", "fuseblk."))


def who_answers(fstype: str) -> str | None:
    """Who serves the filesystem and could keep a reader waiting; None where the kernel does."""
    if is_process_backed(fstype):
        return "a process"
    return "a server" if fstype in NETWORK_FILESYSTEMS else None


# The reader ran out of something. A note on the entry would blame the container.
_READERS_FAULT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


def error_name(error: OSError) -> str:
    """The name of the error for a note: ``EACCES``. Raises LabError if the reader is at fault."""
    if error.errno in _READERS_FAULT:
        raise LabError(
            f"scratchlab ran out of resources while it read: {error.strerror}",
            "check `ulimit -n` and `free`",
        ) from error
    return errno.errorcode.get(error.errno or 0, "?")
