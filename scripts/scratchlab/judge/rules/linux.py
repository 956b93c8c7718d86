"""What the kernel makes by itself inside a filesystem that was mounted."""

from __future__ import annotations

from scratchlab.judge.rules.rule import Rule, Source
from scratchlab.model import Origin

RULES = (
    Rule(
        "devpts-node",
        "devpts holds ptmx and one node for each open terminal",
        Origin.KERNEL, "run", Source("torvalds/linux", "fs/devpts/inode.c", "mknod_ptmx"),
        removed_by="nothing while devpts is mounted; close the terminal (exec -t, -t)",
    ),
    Rule(
        "kernel-filesystem",
        "files that the kernel makes as they are read",
        Origin.KERNEL, "run", Source("torvalds/linux", "fs/proc/base.c"),
        removed_by="nothing while the filesystem is mounted",
    ),
)  # fmt: skip
