"""What the OCI runtime puts there (filesystems, device nodes, links, mountpoints, masks), and what
the kernel makes inside the filesystems.

Read in runc v1.0 to v1.5 (libcontainer/rootfs_linux.go, specconv/spec_linux.go) and crun v1.8 to
v1.28 (src/libcrun/linux.c); measured on runc 1.1.5 and 1.1.15, crun 1.21.
"""

from __future__ import annotations

from scratchlab.judge.rules.rule import SPEC, Citation, Rule
from scratchlab.model import Origin

_ROOTFS = Citation("opencontainers/runc", "libcontainer/rootfs_linux.go", "mountToRootfs")
_DEVICES = Citation("opencontainers/runc", "libcontainer/specconv/spec_linux.go", "AllowedDevices")
_LINKS = Citation("opencontainers/runc", "libcontainer/rootfs_linux.go", "setupDevSymlinks")


def _crun(symbol: str) -> tuple[Citation]:
    """The function of crun that does the same: v1.8.1 to v1.28."""
    return (Citation("containers/crun", "src/libcrun/linux.c", symbol),)


RULES = (
    Rule(
        "runtime-tmpcopyup",
        "the runtime copies what the image has at this path into the new tmpfs",
        Origin.VOLUME_COPY, "start",
        Citation("opencontainers/runc", "libcontainer/rootfs_linux.go", "doTmpfsCopyUp"),
        removed_by="--tmpfs PATH:notmpcopyup (podman)",
        others=_crun("copy_recursive_fd_to_fd"),
    ),
    Rule(
        "oci-filesystem",
        "the runtime mounts the filesystems that its configuration lists",
        Origin.RUNTIME_FILESYSTEM, "start", _ROOTFS, "SHOULD",
        f"{SPEC}/config-linux.md#default-filesystems",
        removed_by="-v over it; bare runc: take the mount out of config.json",
        others=_crun("do_mounts"),
    ),
    Rule(
        "engine-filesystem",
        "a filesystem that the engine asks for and no specification requires",
        Origin.RUNTIME_FILESYSTEM, "start", _ROOTFS,
        removed_by="bare runc: take the mount out of config.json",
        others=_crun("do_mounts"),
    ),
    Rule(
        "oci-device",
        "the runtime supplies the default devices, 0666",
        Origin.RUNTIME_DEVICE, "start", _DEVICES, "MUST",
        f"{SPEC}/config-linux.md#default-devices",
        removed_by="-v /dev:/dev replaces the whole directory; nothing removes one node",
        others=_crun("needed_devs"),
    ),
    Rule(
        "oci-ptmx",
        "the runtime links /dev/ptmx to pts/ptmx, so that terminals are the container's own",
        Origin.RUNTIME_DEVICE, "start",
        Citation("opencontainers/runc", "libcontainer/rootfs_linux.go", "setupPtmx"), "MUST",
        f"{SPEC}/config-linux.md#default-devices",
        removed_by="-v /dev:/dev (then it is the host's)",
        others=_crun("create_missing_devs"),
    ),
    Rule(
        "oci-dev-link",
        "the runtime links /dev/fd, stdin, stdout and stderr into /proc/self/fd",
        Origin.RUNTIME_DEVICE, "start", _LINKS, "MUST",
        f"{SPEC}/runtime-linux.md#dev-symbolic-links",
        removed_by="-v /dev:/dev",
        others=_crun("symlinks"),
    ),
    Rule(
        "runtime-core",
        "the runtime links /dev/core to /proc/kcore (runc: only where the kernel has it)",
        Origin.RUNTIME_DEVICE, "start", _LINKS,
        removed_by="-v /dev:/dev; a kernel without CONFIG_PROC_KCORE",
        others=_crun("symlinks"),
    ),
    Rule(
        "oci-console",
        "with a terminal the runtime binds its pty over /dev/console",
        Origin.RUNTIME_DEVICE, "start",
        Citation("opencontainers/runc", "libcontainer/console_linux.go", "mountConsole"), "MUST",
        f"{SPEC}/config-linux.md#default-devices",
        removed_by="run without -t",
        others=_crun("libcrun_set_terminal"),
    ),
    Rule(
        "configured-device",
        "a device that the configuration lists (--device, --privileged)",
        Origin.RUNTIME_DEVICE, "start",
        Citation("opencontainers/runc", "libcontainer/rootfs_linux.go", "createDevices"), "MUST",
        f"{SPEC}/config-linux.md#devices",
        removed_by="run without that --device, or without --privileged",
        others=_crun("libcrun_create_dev"),
    ),
    Rule(
        "runtime-mountpoint",
        "the runtime makes missing directories and files for its mounts",
        Origin.RUNTIME_MOUNTPOINT, "start",
        Citation("opencontainers/runc", "libcontainer/rootfs_linux.go", "mountToRootfs"),
        removed_by="an image that has the mountpoint, or run without the mount",
        others=_crun("do_mounts"),
    ),
    Rule(
        "masked-path",
        "the runtime hides paths of /proc and /sys that reveal or control the host",
        Origin.RUNTIME_MASK, "start",
        Citation("opencontainers/runc", "libcontainer/rootfs_linux.go", "maskPath"), "OPTIONAL",
        f"{SPEC}/config-linux.md#masked-paths",
        removed_by="--security-opt systempaths=unconfined, or --privileged",
        others=_crun("do_masked_and_readonly_paths"),
    ),
    Rule(
        "readonly-path",
        "the runtime makes paths of /proc read-only",
        Origin.RUNTIME_MASK, "start",
        Citation("opencontainers/runc", "libcontainer/rootfs_linux.go", "readonlyPath"), "OPTIONAL",
        f"{SPEC}/config-linux.md#readonly-paths",
        removed_by="--security-opt systempaths=unconfined, or --privileged",
        others=_crun("do_masked_and_readonly_paths"),
    ),
)  # fmt: skip

TOOL_RULES = (
    Rule(
        "cdi-edits",
        "a CDI file adds mounts to the configuration for a device that is asked for",
        Origin.HOOK_OR_TOOL, "create",
        Citation("cncf-tags/container-device-interface", "pkg/cdi/container-edits.go", "Apply"),
        removed_by="run without that --device, or without --gpus",
    ),
)  # fmt: skip

KERNEL_RULES = (
    Rule(
        "overlay-hard-links",
        "overlayfs parts a file's names when one of them is copied up",
        Origin.IMAGE_LAYER, "run",
        Citation("torvalds/linux", "Documentation/filesystems/overlayfs.rst"),
        removed_by="a container that writes to none of the names",
    ),
    Rule(
        "engine-unpack-limits",
        "engines drop attributes that the filesystem refuses and bound times that it cannot hold",
        Origin.IMAGE_LAYER, "create",
        Citation("moby/moby", "pkg/archive/archive.go", "createTarFile"),
        removed_by="a layer without such attributes and times",
    ),
    Rule(
        "user-data",
        "what lies on a mount of the user's is the user's, whoever wrote it",
        Origin.USER_DATA, "run",
        Citation("torvalds/linux", "Documentation/filesystems/sharedsubtree.rst"),
        removed_by="run without that mount, or with an empty one",
    ),
    Rule(
        "host-mount",
        "a mount of the host reaches a container through a bind that passes later mounts on",
        Origin.HOST_MOUNT, "run",
        Citation("torvalds/linux", "Documentation/filesystems/sharedsubtree.rst"),
        removed_by="a bind with the propagation private, or that mount removed on the host",
    ),
    Rule(
        "mounted-inside",
        "something mounted it in the mount namespace of the running container",
        Origin.MOUNTED_INSIDE, "run",
        Citation("torvalds/linux", "fs/namespace.c", "commit_tree"),
        removed_by="a container without CAP_SYS_ADMIN, and hooks and tools that mount nothing",
    ),
    Rule(
        "devpts-node",
        "devpts holds ptmx and one node for each open terminal",
        Origin.KERNEL, "run", Citation("torvalds/linux", "fs/devpts/inode.c", "mknod_ptmx"),
        removed_by="nothing while devpts is mounted; close the terminal (exec -t, -t)",
    ),
    Rule(
        "kernel-filesystem",
        "files that the kernel makes when they are read",
        Origin.KERNEL, "run", Citation("torvalds/linux", "fs/proc/base.c"),
        removed_by="nothing while the filesystem is mounted",
    ),
)  # fmt: skip

# Major and minor numbers: Linux Documentation/admin-guide/devices.txt.
DEVICES = {
    "/dev/null": (1, 3), "/dev/zero": (1, 5), "/dev/full": (1, 7), "/dev/random": (1, 8),
    "/dev/urandom": (1, 9), "/dev/tty": (5, 0),
}  # fmt: skip
# Path -> target, id of the rule.
LINKS = {
    "/dev/fd": ("/proc/self/fd", "oci-dev-link"),
    "/dev/stdin": ("/proc/self/fd/0", "oci-dev-link"),
    "/dev/stdout": ("/proc/self/fd/1", "oci-dev-link"),
    "/dev/stderr": ("/proc/self/fd/2", "oci-dev-link"),
    "/dev/ptmx": ("pts/ptmx", "oci-ptmx"),
    "/dev/core": ("/proc/kcore", "runtime-core"),
}
# Filesystems that the runtime-spec requires.
SPEC_FILESYSTEMS = frozenset({"/proc", "/sys", "/dev/pts", "/dev/shm"})  # noqa: S108 - a claim


def stub_modes(runtime: str) -> tuple[int, ...]:
    """The modes of the directories that a runtime makes above and for its mounts.

    crun 1.21 makes them 01755 (src/libcrun/linux.c), runc 0755 (libcontainer/rootfs_linux.go).
    """
    return (0o1755, 0o755) if runtime == "crun" else (0o755,)
