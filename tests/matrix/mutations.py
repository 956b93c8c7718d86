"""Every mutation that is tried on a container, with what the verifier has to say."""

from __future__ import annotations

import os

from tests.matrix.seeds import (
    BIND,
    DOCKER,
    FILE,
    LINK,
    PODMAN,
    TMPFS,
    VOLUME,
    Finding,
    attribute,
    busybox,
    directory_for_file,
    file,
    flip,
    inside,
    link,
    m,
    make,
    mount,
    node,
    rewrite,
    seeds,
    unmount,
    write,
    wrote,
)
from tests.matrix.written import EARLY, HOOKS, WRITTEN

RUNNING = (
    m("an extra file", lambda t: (t.root / "extra").write_text("x"), wrote("/extra", "only-live")),
    m("an extra directory", lambda t: (t.root / "lab/new").mkdir(), wrote("/lab/new", "only-live")),
    m("an extra link", lambda t: (t.root / "new").symlink_to("lab"), wrote("/new", "only-live")),
    m("an extra FIFO", lambda t: os.mkfifo(t.root / "pipe"), wrote("/pipe", "only-live")),
    m(
        "one byte, size and time kept", lambda t: rewrite(t.root / "lab/file", flip),
        # With size and time kept, the engine does not list it as a change.
        Finding("entries", FILE, "written-later|unexplained", "altered", "sha256"),
        one_directory=1,
    ),
    m(
        "one byte more", lambda t: rewrite(t.root / "lab/file", lambda old: old + b"x"),
        wrote(FILE, "altered", "size"),
    ),
    m("a mode", lambda t: (t.root / "lab/file").chmod(0o4755), wrote(FILE, "altered", "mode")),
    m("another mode", lambda t: (t.root / "lab").chmod(0o777), wrote("/lab", "altered", "mode")),
    m("an owner", lambda t: os.chown(t.root / "lab/file", 12, -1), wrote(FILE, "altered", "uid")),
    m("a group", lambda t: os.chown(t.root / "lab/file", -1, 13), wrote(FILE, "altered", "gid")),
    m("a time", lambda t: os.utime(t.root / "lab/file", (1, 1)), wrote(FILE, "altered", "mtime")),
    m(
        "an extended attribute", lambda t: os.setxattr(t.root / "lab/file", "user.seeded", b"1"),
        # Docker's list of changes leaves attributes out, but for capabilities (moby v26.1.5
        # pkg/archive/changes_unix.go statDifferent()).
        Finding("entries", FILE, "written-later|unexplained", "altered", "xattrs"),
        one_directory=1,
    ),
    m(
        "a capability",
        lambda t: os.setxattr(
            t.root / "lab/file", "security.capability",
            bytes.fromhex("0100000200200000000000000000000000000000"),
        ),
        wrote(FILE, "altered", "xattrs"),
    ),
    m(
        "a link retargeted", lambda t: link(t.root / "lab/link", "elsewhere"),
        wrote(LINK, "altered", "target"),
    ),
    m(
        "a hard link more", lambda t: os.link(t.root / "lab/file", t.root / "lab/hard"),
        wrote("/lab/hard", "only-live"),
    ),
    m(
        "a file deleted", lambda t: (t.root / "lab/file").unlink(),
        Finding("ghosts", FILE, "written-later", "deleted"),
    ),
    m(
        "a file become a directory", lambda t: directory_for_file(t.root / "lab/file"),
        wrote(FILE, "only-live"), Finding("ghosts", FILE, "written-later", "changed"),
    ),
    m(
        "other numbers of a device", lambda t: node(t.root / "dev/null", 1, 5),
        wrote("/dev/null", "only-live", "predicted here was runtime-device"),
        initial=True, status=1,
    ),
    m(
        "a device's mode", lambda t: (t.root / "dev/zero").chmod(0o600),
        Finding("entries", "/dev/zero", "runtime-device", "only-live", "mode: predicted 0666"),
        initial=True, status=1,
    ),
    m(
        "the owner of a filesystem of the runtime's",
        lambda t: os.chown(t.root / "dev/pts", 5, -1),
        Finding("entries", "/dev/pts", "runtime-filesystem", "only-live", "uid: predicted 0"),
        initial=True, status=1,
    ),
    m(
        "the mode of /dev", lambda t: (t.root / "dev").chmod(0o777),
        Finding("entries", "/dev", "written-later", "only-live", "mode: predicted 0755"),
        status=1,
    ),
    m(
        "an extra device", lambda t: os.mknod(t.root / "dev/disk", 0o060600, os.makedev(7, 0)),
        wrote("/dev/disk", "only-live"), initial=True,
    ),
    m(
        "a device missing", lambda t: (t.root / "dev/random").unlink(),
        Finding("entries", "/dev/random", "runtime-device", "missing"), status=1,
    ),
    m(
        "a link of the runtime's retargeted", lambda t: link(t.root / "dev/fd", "/tmp"),
        wrote("/dev/fd", "only-live", "predicted here was runtime-device"), status=1,
    ),
    m(
        "a file in /dev/shm", lambda t: file(t.root / "dev/shm/left"),
        wrote("/dev/shm/left", "only-live"), engines=DOCKER,
    ),
    m(
        "a bind over a file", lambda t: busybox(t.pid, "mount", "--bind", LINK, FILE),
        inside(FILE), Finding("ghosts", FILE, "mounted-inside", "overridden"),
    ),
    m(
        "a bind over the engine's file",
        lambda t: busybox(t.pid, "mount", "--bind", FILE, "/etc/hosts"),
        inside("/etc/hosts"),
    ),
    m(
        "a tmpfs over a directory", lambda t: busybox(t.pid, "mount", "-t", "tmpfs", "x", "/lab"),
        inside("/lab"), Finding("ghosts", FILE, "mounted-inside", "shadowed"),
    ),
    m(
        "a second /dev/shm", lambda t: busybox(t.pid, "mount", "-t", "tmpfs", "x", "/dev/shm"),
        inside("/dev/shm"),
    ),
    m(
        "a bind inside /proc", lambda t: busybox(t.pid, "mount", "--bind", FILE, "/proc/cpuinfo"),
        Finding("mounts", "/proc/cpuinfo", "mounted-inside"),
    ),
    m(
        "a mount with other options",
        lambda t: busybox(t.pid, "mount", "-o", "remount,bind,rw,nosuid", "pts", "/dev/pts"),
        Finding("entries", "/dev/pts", "runtime-filesystem", "only-live", "noexec"), status=1,
    ),
    m(
        "a read-only path made writable", lambda t: busybox(t.pid, "umount", "/proc/sys"),
        Finding("entries", "/proc/sys", "runtime-mask", "missing"), status=1,
    ),
    m(
        "a filesystem gone", lambda t: busybox(t.pid, "umount", "/dev/mqueue"),
        Finding(
            "entries", "/dev/mqueue", "runtime-mountpoint", "only-live", "predicted a mount point"
        ),
        status=1,
    ),
    m(
        "a forged .dockerenv", lambda t: (t.root / ".dockerenv").write_text("forged"),
        wrote("/.dockerenv", "only-live"), one_directory=1,
    ),
    m(
        "the engine's marker removed", lambda t: (t.root / ".dockerenv").unlink(),
        wrote("/.dockerenv", "deleted", "docker-dockerenv"), engines=DOCKER,
    ),
    m(
        "mtab removed", lambda t: (t.root / "etc/mtab").unlink(),
        wrote("/etc/mtab", "deleted", "predicted here was"),
    ),
    m(
        "the mode of the engine's directory", lambda t: (t.root / "etc").chmod(0o777),
        Finding("entries", "/etc", "written-later|engine-init-layer", "only-live", "predicted"),
        engines=DOCKER, status=1,
    ),
    m(
        "an attribute of the engine's file",
        attribute("/.dockerenv"),
        Finding("entries", "/.dockerenv", "written-later|engine-init-layer", "only-live"),
        engines=DOCKER, one_directory=1,
    ),
    m(
        "an attribute of a link of the engine's", attribute("/etc/mtab"),
        Finding("entries", "/etc/mtab", "written-later|engine-init-layer"),
        status=3, one_directory=1, engines=DOCKER,
    ),
    m(
        "an attribute of a link of podman's", attribute("/etc/mtab"),
        Finding("entries", "/etc/mtab", "engine-create", text="predicted none"),
        status=1, engines=PODMAN,
    ),
    m(
        "an attribute of a file of the engine's mount",
        attribute("/etc/hosts"),
        Finding(
            "entries", "/etc/hosts", "engine-mount|written-later",
            text="predicted none, found trusted.seeded",
        ),
        status=1,
    ),
    m(
        "an attribute of /dev", attribute("/dev"),
        Finding("entries", "/dev", "written-later", text="a new tmpfs has no attributes"),
        status=1,
    ),
    m(
        "an attribute of a device", attribute("/dev/null"),
        Finding("entries", "/dev/null", "runtime-device", text="predicted none"),
        initial=True, status=1,
    ),
    m(
        "an attribute of the root", attribute("/"),
        Finding("entries", "/", "storage-driver", text="predicted none"), status=1,
    ),
    m(
        "an attribute of a mount point's directory", attribute("/run"),
        Finding("entries", "/run", "written-later|runtime-mountpoint"), flags=TMPFS,
        status=3, one_directory=1,
    ),
    m(
        "mtab retargeted", lambda t: link(t.root / "etc/mtab", "/lab/file"),
        Finding(
            "entries", "/etc/mtab", "written-later|engine-init-layer", "only-live", "predicted"
        ),
        one_directory=1,
    ),
)  # fmt: skip
# Mounts made inside: none may pass for the one that was asked for, whatever it lies on.
MOUNTED = (
    m(
        "a tmpfs below a volume",
        seeds(make("/data/x"), mount("-t", "tmpfs", "t", "/data/x"), write("/data/x/evil")),
        inside("/data/x"), wrote("/data/x/evil", "only-live"), flags=VOLUME,
    ),
    m("a tmpfs on a volume", mount("-t", "tmpfs", "t", "/data"), inside("/data"), flags=VOLUME),
    m("a bind on a volume", mount("--bind", "/lab", "/data"), inside("/data"), flags=VOLUME),
    m(
        "a volume on itself", mount("--bind", "/data", "/data"), inside("/data"), flags=VOLUME,
    ),
    m(
        "a volume replaced", seeds(unmount("/data"), mount("--bind", "/lab", "/data")),
        inside("/data"), flags=VOLUME, status=1,
    ),
    m(
        "a volume gone", unmount("/data"),
        Finding("entries", "/data", "image-layer", "same", "predicted as user-mount"),
        flags=VOLUME, status=1,
    ),
    m(
        "a bind of etc below a bind",
        seeds(make("/b/x"), mount("--bind", "/etc", "/b/x")), inside("/b/x"), flags=BIND,
    ),
    m(
        "a tmpfs below a bind", seeds(make("/b/x"), mount("-t", "tmpfs", "t", "/b/x")),
        inside("/b/x"), flags=BIND,
    ),
    m(
        "a part of a bind below it",
        seeds(make("/b/x"), make("/b/y"), mount("--bind", "/b/x", "/b/y")), inside("/b/y"),
        flags=BIND,
    ),
    m("a tmpfs on a bind", mount("-t", "tmpfs", "t", "/b"), inside("/b"), flags=BIND),
    m(
        "a read-only bind made writable", mount("-o", "remount,bind,rw", "none", "/b"),
        Finding("entries", "/b", "user-mount", "only-live", "ro"),
        flags=("-v", "{files}:/b:ro"), status=1,
    ),
    m(
        "a tmpfs of the user's replaced",  # podman 5 binds a file in one on /run
        seeds(
            unmount("/data"), mount("-t", "tmpfs", "-o", "nosuid,nodev,noexec", "tmpfs", "/data")
        ),
        inside("/data"), flags=("--tmpfs", "/data"), status=1,
    ),
    m(
        "shared memory replaced",
        seeds(
            unmount("/dev/shm"),
            mount("-t", "tmpfs", "-o", "nosuid,nodev,noexec", "shm", "/dev/shm"),
        ),
        inside("/dev/shm"), status=1, engines=DOCKER,
    ),
    m(  # podman's own is not predicted
        "shared memory of podman replaced",
        seeds(unmount("/dev/shm"), mount("-t", "tmpfs", "shm", "/dev/shm")),
        inside("/dev/shm"), engines=frozenset({"podman"}),
    ),
    m(
        "a mask twice", mount("-t", "tmpfs", "-o", "ro", "t", "/proc/acpi"),
        Finding("mounts", "/proc/acpi", "mounted-inside"),
    ),
    m(
        "a mask gone", unmount("/proc/acpi"),
        Finding("entries", "/proc/acpi", "runtime-mask", "missing"), status=1,
    ),
    m(
        "a mask replaced", seeds(unmount("/proc/acpi"), mount("--bind", "/lab", "/proc/acpi")),
        Finding("mounts", "/proc/acpi", "mounted-inside"), status=1,
    ),
    m(
        "a mask replaced by a writable tmpfs",
        seeds(unmount("/proc/acpi"), mount("-t", "tmpfs", "t", "/proc/acpi")),
        Finding("mounts", "/proc/acpi", "mounted-inside"), status=1,
    ),
    m(
        "a mask replaced by an equal one",
        seeds(unmount("/proc/acpi"), mount("-t", "tmpfs", "-o", "ro", "tmpfs", "/proc/acpi")),
        Finding("mounts", "/proc/acpi", "mounted-inside"), status=1,
    ),
    m(
        "the last mask replaced by an equal one",
        seeds(
            unmount("/sys/firmware"), mount("-t", "tmpfs", "-o", "ro", "tmpfs", "/sys/firmware")
        ),
        Finding("mounts", "/sys/firmware", "mounted-inside"), status=1,
    ),
    m(
        "a mask made writable", mount("-o", "remount,rw", "none", "/proc/acpi"),
        Finding("mounts", "/proc/acpi", "runtime-mask", text="runtimes mount a masked path"),
        status=1,
    ),
    m(
        "a read-only path remounted", mount("-o", "remount,bind,rw", "none", "/proc/sys"),
        Finding("mounts", "/proc/sys", "runtime-mask", text="runtimes mount a read-only path"),
        status=1,
    ),
    m(
        "a read-only root remounted", mount("-o", "remount,rw", "none", "/"),
        Finding("entries", "/", "storage-driver", text="ro"), flags=("--read-only",), status=1,
    ),
    m(
        "sys remounted", mount("-o", "remount,bind,rw", "none", "/sys"),
        Finding("entries", "/sys", "runtime-filesystem", "only-live", "ro"), status=1,
    ),
    m(
        "a tmpfs of the user's gone", unmount("/data"),
        Finding("entries", "/data", "image-layer", "same", "predicted as user-mount"),
        flags=("--tmpfs", "/data"), status=1,
    ),
    m(
        "a volume moved", seeds(make("/lab/x"), mount("--move", "/data", "/lab/x")),
        inside("/lab/x"), flags=VOLUME, status=1,
    ),
    m("a volume bound elsewhere", mount("--bind", "/data", "/lab"), inside("/lab"), flags=VOLUME),
    m("a second proc", mount("-t", "proc", "proc", "/proc"), inside("/proc")),
    m("a proc elsewhere", mount("-t", "proc", "proc", "/lab"), inside("/lab")),
    m("a tmpfs on dev", mount("-t", "tmpfs", "t", "/dev"), inside("/dev"), status=1),
    m("a tmpfs on etc", mount("-t", "tmpfs", "t", "/etc"), inside("/etc")),
    m(
        "a tmpfs on the programs", mount("-t", "tmpfs", "t", "/bin"),
        inside("/bin"),
    ),
    m(
        "a bind over the init program", mount("--bind", FILE, "/sbin/docker-init"),
        inside("/sbin/docker-init"), flags=("--init",), engines=DOCKER,
    ),
    m(
        "a bind over a bind of a file", mount("--bind", FILE, "/cfg"), inside("/cfg"),
        flags=("-v", "{files}/file:/cfg"),
    ),
    m(
        "a bind over a device", mount("--bind", FILE, "/dev/zero"), inside("/dev/zero"),
        status=1,
    ),
    m(
        "an unmount of the engine's hosts", unmount("/etc/hosts"),
        Finding("entries", "/etc/hosts", "engine-init-layer", "only-live", "mount point"),
        status=1, engines=DOCKER,
    ),
)  # fmt: skip
# Files: none takes the cause of the mount that it lies on.
MUTATIONS = (*RUNNING, *MOUNTED, *WRITTEN, *HOOKS, *EARLY)
