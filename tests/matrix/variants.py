"""The ways to run a container, as data. Each verification must find nothing unexplained, nothing
missing and no disagreement. Standard library only: this runs on the hosts of the matrix.
"""

from __future__ import annotations

from dataclasses import dataclass, field

BOTH = frozenset({"docker", "podman"})
DOCKER = frozenset({"docker"})
PODMAN = frozenset({"podman"})


@dataclass(frozen=True)
class Variant:
    """One way to run a container. ``flags`` go between ``run -d`` and the image; {files} is the
    directory that tests.matrix.run makes, {id} the container. ``then`` are commands of the engine
    after the start, ``keep`` is one that runs during the verification. ``written`` are the paths
    that a process (or a command of ``then``) writes or deletes: only they may count as changed
    since the start, and those of ``also``, which some storage drivers copy up. ``other`` are the
    flags of a container {name}-other that is started first.
    """

    name: str
    flags: tuple[str, ...] = ()
    image: str = "plain"
    engines: frozenset[str] = BOTH
    then: tuple[tuple[str, ...], ...] = ()
    keep: tuple[str, ...] = ()
    written: frozenset[str] = field(default_factory=frozenset)
    also: frozenset[str] = frozenset()
    other: tuple[str, ...] | None = None
    service: bool = False  # as a service of a swarm: ``flags`` are those of `service create`
    refused: tuple[str, ...] = ()  # parts of the error messages of engines that refuse it


def v(name: str, *flags: str, **more: object) -> Variant:
    """A variant, in short form."""
    return Variant(name, flags, **more)  # type: ignore[arg-type]


def u(name: str, *flags: str, **more: object) -> Variant:
    """A variant of the merged-/usr image, in short form."""
    settings = {"image": "usr", "flags": flags, **more}
    return Variant(f"usr: {name}", **settings)  # type: ignore[arg-type]


def shell(command: str) -> tuple[tuple[str, ...], ...]:
    """What ``then`` needs to run a shell command in the container."""
    return (("exec", "{id}", "sh", "-c", command),)


_REMAPPED = "when user namespaces are enabled"  # Docker with userns-remap
_NO_NODE = ("creating device nodes",)  # runc in a user namespace
_INSIDE_PROC = "cannot be mounted because it is inside /proc"
_NO_SUBPATH = ("unexpected key", "unknown option", "invalid mount option",
               "invalid field", "subpath: invalid")  # fmt: skip
_PLAIN = (
    v("plain"),
    v("tty", "-t"),
    v("interactive", "-i"),
    v("init", "--init"),
    v("read-only", "--read-only"),
    v("read-only tmpfs", "--read-only", "--tmpfs", "/scratch"),
    v("tmpfs", "--tmpfs", "/scratch"),
    v("tmpfs deep", "--tmpfs", "/a/b/c:size=1m"),
    v("volume", "-v", "/data"),
    v("named volume ro", "-v", "{name}-vol:/deep/data:ro"),
    v("directory", "-v", "{files}:/cfg"),
    v("directory ro", "-v", "{files}:/cfg:ro"),
    v("file", "-v", "{files}/file:/cfg/file"),
    v("file ro", "-v", "{files}/file:/cfg/file:ro"),
    v("own hosts", "-v", "{files}/file:/etc/hosts:ro"),
    v("through a link", "-v", "{files}:/alias/cfg", image="linked"),
    v("VOLUME", image="volume"),
    v("VOLUME tmpfs", "--tmpfs", "/data", image="volume"),
    v("WORKDIR", image="workdir"),
    v("workdir", "-w", "/made/by/flag", engines=DOCKER),
    v("user", "--user", "1000:1000"),
    v("USER", image="user"),
    v("rich image", image="rich"),
    v("etc is a link", image="etclink"),
    v(
        "device", "--device", "/dev/zero:/dev/mine",
        refused=("error creating device nodes",),  # runc 1.1 in a user namespace: another name
    ),
    v("host network", "--network", "host", refused=(_REMAPPED,)),
    v("no network", "--network", "none"),
    v("own network", "--network", "{name}-net"),
    v(
        "host ipc", "--ipc", "host",
        refused=('error mounting "mqueue" to rootfs',),  # the host's, from a user namespace
    ),
    v("no ipc", "--ipc", "none"),
    v("shareable ipc", "--ipc", "shareable"),
    v("private ipc", "--ipc", "private"),
    v(
        "host pid", "--pid", "host",
        refused=(_REMAPPED, "containers not creating Cgroups must create a private PID namespace"),
    ),
    v("host uts", "--uts", "host"),
    v("host cgroupns", "--cgroupns", "host"),
    v("private cgroupns", "--cgroupns", "private"),
    v("no masks", "--security-opt", "systempaths=unconfined", engines=DOCKER),
    v("no masks", "--security-opt", "unmask=ALL", engines=PODMAN),
    v("host dev", "-v", "/dev:/dev"),
    v("hostname", "--hostname", "somebody"),
    v("add host", "--add-host", "there:192.0.2.7"),
    v("dns", "--dns", "192.0.2.53"),
    v("shm size", "--shm-size", "1m"),
    v("ulimit and caps", "--cap-drop", "ALL", "--ulimit", "nofile=64"),
    v(
        "privileged", "--privileged",  # refused where root lacks a capability or is remapped
        refused=("unable to apply caps", "privileged mode is incompatible with user namespaces"),
    ),
    v("exec terminal", keep=("exec", "-t", "{id}", "/bin/sleep", "60")),
    v(
        "debug container",
        keep=("run", "--rm", "--pid", "container:{id}", "{image}", "sleep", "60"),
        refused=("cannot join another container's PID namespace if not creating cgroups",),
    ),
    v(
        "cp into it", then=(("cp", "{files}/file", "{id}:/copied"),),
        written=frozenset({"/copied"}),
    ),
    v("restarted", then=(("restart", "-t", "0", "{id}"),)),
    v(
        "unpaused", then=(("pause", "{id}"), ("unpause", "{id}")),
        refused=("cannot pause without using Cgroups",),
    ),
    v(
        "image mount", "--mount", "type=image,source={image},destination=/img",
        refused=("mount type unknown",),  # Docker before 28
    ),
    v(
        "swarm secret", "--secret", "{name}-secret",
        "--config", "source={name}-config,target=/cfg/file", engines=DOCKER, service=True,
    ),
    v("secret", "--secret", "{name}-secret", engines=PODMAN),
    v("systemd", "--systemd=always", engines=PODMAN),
    v("no tmpfs", "--read-only", "--read-only-tmpfs=false", engines=PODMAN),
    v("no hosts", "--no-hosts", engines=PODMAN),
)  # fmt: skip
# The merged-/usr image, whose links lead most of these to another place than their names say.
_USR_VARIANTS = (
    u("plain"),
    u("tty", "-t"),
    u("init", "--init"),
    u("read-only", "--read-only"),
    u("read-only with tmpfs", "--read-only", "--tmpfs", "/run", "--tmpfs", "/tmp"),
    # Devices, below directories that the runtime has to make, and outside /dev.
    u("device below a directory", "--device", "/dev/zero:/dev/net/zero", refused=_NO_NODE),
    u("device three below", "--device", "/dev/zero:/dev/a/b/c", refused=_NO_NODE),
    u("device directory", "--device", "{files}/nodes:/dev/some", refused=_NO_NODE),
    u("device outside dev", "--device", "/dev/zero:/opt/zero", refused=_NO_NODE),
    u("device through a link", "--device", "/dev/zero:/var/run/zero", refused=_NO_NODE),
    u("device in content", "--device", "/dev/zero:/data/zero", refused=_NO_NODE),
    u("device null again", "--device", "/dev/null:/dev/null", refused=_NO_NODE),
    u("device kmsg", "--device", "/dev/kmsg", refused=(*_NO_NODE, "no such file or directory")),
    u(
        "device by name", "--device", "example.org/device=one",  # CDI: see tests.matrix.run
        # Docker before 25, and one that does not read CDI files.
        refused=(*_NO_NODE, "is not an absolute path", 'could not select device driver "cdi"'),
    ),
    u("bind a device", "-v", "/dev/full:/dev/net/full"),
    u("bind null over a file", "-v", "/dev/null:/etc/passwd"),
    u("bind null", "-v", "/dev/null:/opt/null"),
    # Binds and volumes on and below links, and on top of what engine and runtime put there.
    u("through a link of a bind", "-v", "{files}/links:/nb", "-v", "{files}:/nb/cur/data"),
    u("volume on etc", "-v", "{name}-vol:/etc"),
    u("anonymous volume on etc", "-v", "/etc"),
    u("tmpfs on etc", "--tmpfs", "/etc"),
    u("cgroup", "-v", "/sys/fs/cgroup:/sys/fs/cgroup"),
    u("cgroup ro", "-v", "/sys/fs/cgroup:/sys/fs/cgroup:ro"),
    u("cpuinfo", "-v", "{files}/file:/proc/cpuinfo"),
    u(
        "debugfs", "-v", "/sys/kernel/debug:/sys/kernel/debug",
        refused=("no such file", "operation not permitted", "permission denied"),
    ),
    u("tmpfs on a masked path", "--tmpfs", "/proc/acpi", refused=(_INSIDE_PROC,)),  # runc 1.2
    u("tmpfs in sys", "--tmpfs", "/sys/firmware"),
    u("bind below var run", "-v", "{files}:/var/run/foo"),
    u("bind on content", "-v", "{files}:/data"),
    u("bind below content", "-v", "{files}:/data/sub"),
    u("volume on content", "-v", "/data"),
    u("volume below content", "-v", "/data/sub"),
    u("overlay over a bind", "-v", "{files}:/data:O", engines=PODMAN),
    u("another devpts", "--mount", "type=devpts,destination=/pts", engines=PODMAN),
    u("volume nocopy", "-v", "{name}-vol:/data:nocopy"),
    u("localtime", "-v", "/etc/localtime:/etc/localtime:ro"),
    u("library file", "-v", "{files}/file:/lib/file.so"),
    u("program", "-v", "{files}/file:/sbin/tool"),
    u("bind var lock", "-v", "{files}:/var/lock", refused=("openat2 `var/lock`",)),  # crun 1.21
    u("bind usr", "-v", "{files}:/usr/share"),
    u("bind deep", "-v", "{files}:/var/spool/x/y"),
    u("binds nested", "-v", "{files}:/a", "-v", "{files}:/a/sub"),
    u("binds on and below run", "-v", "{files}:/run", "-v", "{files}/sub:/var/run/sub"),
    u("tmpfs var run", "--tmpfs", "/var/run"),
    u("tmpfs run", "--tmpfs", "/run"),
    u("tmpfs content", "--tmpfs", "/data"),
    u("tmpfs below var run", "--mount", "type=tmpfs,dst=/var/run/x"),
    u("tmpfs options", "--tmpfs", "/run:rw,noexec,size=1m,mode=1777"),
    u("secret by hand", "-v", "{files}/file:/run/secrets/s"),
    u("socket", "-v", "/run/docker.sock:/var/run/docker.sock", engines=DOCKER),
    # The engine's own files and the runtime's own filesystems, replaced by the user.
    u("hosts of the host", "-v", "/etc/hosts:/etc/hosts:ro"),
    u("own resolv.conf", "-v", "{files}/file:/etc/resolv.conf"),
    u("own hostname", "--mount", "type=bind,src={files}/file,dst=/etc/hostname"),
    u(
        "own mtab", "-v", "{files}/file:/etc/mtab",  # a link into /proc
        refused=(_INSIDE_PROC,),
    ),
    u("own dockerenv", "-v", "{files}/file:/.dockerenv"),
    u(
        "tmpfs owner", "--tmpfs", "/run:uid=5,gid=6,mode=0750",
        refused=("unknown mount option",),  # podman 4.3
    ),
    u("tmpfs restarted", "--tmpfs", "/new", then=(("restart", "-t", "0", "{id}"),)),
    u("tmpfs shm", "--tmpfs", "/dev/shm"),
    u("bind shm", "-v", "{files}:/dev/shm"),
    u("shm of the host", "-v", "/dev/shm:/dev/shm"),
    u("bind mqueue", "-v", "{files}:/dev/mqueue"),
    u(
        "tmpfs dev", "--tmpfs", "/dev",
        refused=("reopening /dev/null inside container", "open /dev/null", "/dev/pts",
                 "open()ing `/dev/null`"),
    ),
    u("dev of the host", "-v", "/dev:/dev"),
    u("file in dev", "-v", "{files}/file:/dev/core2"),
    u("file deep in dev", "-v", "{files}/file:/dev/x/y"),
    u("file over stdin", "-v", "{files}/file:/dev/stdin", refused=("/proc/self/fd/0",)),
    # What agents bind.
    u("root of the host", "-v", "/:/rootfs:ro"),
    u("proc of the host", "-v", "/proc:/host/proc:ro"),
    u("sys of the host", "-v", "/sys:/host/sys:ro"),
    u("dev of the host below", "-v", "/dev:/host/dev:ro"),
    u("through a link of the kernel's", "-v", "{files}/file:/sys/class/net/lo/address"),
    u("kernel modules", "-v", "/lib/modules:/lib/modules:ro", refused=("no such file",)),
    u(
        "like systemd", "--cgroupns", "host", "-v", "/sys/fs/cgroup:/sys/fs/cgroup:rw",
        "--tmpfs", "/run", "--tmpfs", "/run/lock", "-v", "/tmp",
    ),
    # Working directories; podman refuses one that the image lacks.
    u("workdir shm", "-w", "/dev/shm/wd", engines=DOCKER),
    u("workdir on tmpfs", "--tmpfs", "/run", "-w", "/run/app", engines=DOCKER),
    u("workdir through a link", "-w", "/var/run/app", engines=DOCKER),
    u("workdir in content", "-w", "/data/sub/dir", engines=DOCKER),
    u("workdir on a volume", "-v", "/data", "-w", "/data/sub", engines=DOCKER),
    u("workdir in dev", "-w", "/dev/wd", engines=DOCKER),
    u(
        "workdir on a bind", "-v", "{files}:/work", "-w", "/work/made", engines=DOCKER,
        refused=("mkdir /work/made: permission denied",),  # in a user namespace
    ),
    u("VOLUME", image="usr-volume"),
    u("VOLUME tmpfs", "--tmpfs", "/data", image="usr-volume"),
    u("VOLUME bind", "-v", "{files}:/data", image="usr-volume"),
    u("WORKDIR", image="usr-workdir"),
    u("USER", image="usr-user"),
    # Lines that podman adds to the files of accounts.
    u("user and group", "--user", "1000:1001"),
    u("user of the host", "--hostuser", "daemon", "--user", "1000", engines=PODMAN),
    u("no accounts", "--passwd=false", "--user", "1000", engines=PODMAN),
    u(
        "accounts of a template", engines=PODMAN,
        flags=("--user", "1000", "--passwd-entry", "$USERNAME:x:$UID:$GID:$NAME:$HOME:/bin/ash"),
    ),
    u(
        "groups of a template", engines=PODMAN, refused=("unknown flag",),  # before 4.5
        flags=("--user", "1000", "--group-entry", "g$GID:x:$GID:"),
    ),
    # Namespaces of another container, and networks.
    u("network of another", "--network", "container:{name}-other", other=()),
    u("ipc of another", "--ipc", "container:{name}-other", other=("--ipc", "shareable")),
    u(
        "pid of another", "--pid", "container:{name}-other", other=(),
        refused=("cannot join another container's PID namespace if not creating cgroups",),
    ),
    u("host network and uts", "--network", "host", "--uts", "host", refused=(_REMAPPED,)),
    u("linked", "--link", "{name}-other:peer", other=(), engines=DOCKER),
    u(
        "domain", "--hostname", "h.example.org", "--domainname", "d.example", engines=DOCKER,
        refused=("open /proc/sys/kernel/domainname",),  # runc 1.1 in a user namespace
    ),
    u("hostname with a domain", "--hostname", "h.example.org"),
    u("dns options", "--dns", "192.0.2.1", "--dns-search", "x.y", "--dns-option", "ndots:2"),
    u("aliases", "--network", "{name}-net", "--network-alias", "ali",
      "--add-host", "a:192.0.2.9"),
    u("add host ipv6", "--add-host", "b:2001:db8::1"),
    u(
        "add host gateway", "--add-host", "host.internal:host-gateway",
        refused=("invalid IP address in add-host",),  # podman 4.3
    ),
    u("no capabilities", "--cap-drop", "ALL"),
    u(
        "privileged", "--privileged",
        refused=("unable to apply caps", "privileged mode is incompatible with user namespaces"),
    ),
    u(
        "volumes from", "--volumes-from", "{name}-other",
        other=("-v", "{files}:/cfg", "-v", "{files}/file:/cfg2/file:ro", "-v", "{name}-vol:/srv"),
    ),
    u(
        "volumes from read-only", "--volumes-from", "{name}-other:ro",
        other=("-v", "{files}:/cfg", "-v", "/data"),
    ),
    # The other container fills the volume: its image has a directory /srv/content.
    u(
        "volume subpath", engines=DOCKER, other=("-v", "{name}-sub:/srv"), refused=_NO_SUBPATH,
        flags=("--mount", "type=volume,src={name}-sub,dst=/data,volume-subpath=content"),
    ),
    u(
        "volume subpath", engines=PODMAN, other=("-v", "{name}-sub:/srv"), refused=_NO_SUBPATH,
        flags=("--mount", "type=volume,src={name}-sub,dst=/data,subpath=/content"),
    ),
    u(
        "image subpath", engines=DOCKER, refused=("mount type unknown", *_NO_SUBPATH),
        flags=("--mount", "type=image,source={image},destination=/img,image-subpath=srv/content"),
    ),
    u(
        "image subpath", engines=PODMAN, refused=_NO_SUBPATH,
        flags=("--mount", "type=image,source={image},destination=/img,subpath=/srv/content"),
    ),
    # What happens to a container.
    u("restarted", then=(("restart", "-t", "0", "{id}"),)),
    u(
        "network joined later", then=(("network", "connect", "{name}-net", "{id}"),),
        refused=("is not supported", "network mode"),
    ),
    u("renamed", then=(("rename", "{id}", "{name}-renamed"),)),
    u("committed", then=(("commit", "{id}", "{name}:committed"), ("rmi", "{name}:committed"))),
    u("exec writes", then=shell("echo 1 >/opt/new"), written=frozenset({"/opt/new"})),
    u(
        "exec writes and restarts",
        then=(*shell("echo 1 >/opt/new"), ("restart", "-t", "0", "{id}")),
        written=frozenset({"/opt/new"}),
    ),
    u(
        "exec deletes", then=shell("rm /usr/share/doc/text"),
        written=frozenset({"/usr/share/doc/text"}),
    ),
    u("exec undoes", then=shell("echo 1 >/opt/new && rm /opt/new")),
    u(
        "exec makes a directory again",
        then=shell(
            "rm -r /usr/share/doc && mkdir -m 700 /usr/share/doc && echo 1 >/usr/share/doc/new"
        ),
        written=frozenset({"/usr/share/doc", "/usr/share/doc/new", "/usr/share/doc/text"}),
    ),
    u(
        "exec parts a hard link", then=shell("rm /usr/bin/perl && echo 1 >/usr/bin/perl"),
        written=frozenset({"/usr/bin/perl"}), also=frozenset({"/usr/bin/perl5.36.0"}),
    ),
    u(
        "exec writes a pid file", "--tmpfs", "/run", then=shell("echo 1 >/var/run/nginx.pid"),
        written=frozenset({"/run/nginx.pid"}),
    ),
    u("exec writes to a volume", "-v", "/data", then=shell("echo 1 >/data/new")),
    u("exec changes a volume", "-v", "/data", then=shell("echo 1 >/data/file")),
    u(
        "exec writes to a bind", "-v", "{files}:/b", then=shell("echo 1 >/b/new; rm /b/new"),
        refused=("can't create /b/new: Permission denied",),  # in a user namespace
    ),
    u(
        "cp to a volume", "-v", "/data", then=(("cp", "{files}/file", "{id}:/data/copied"),),
        refused=("path escapes from parent",),  # Docker 28.5, where /data is a link
    ),
)  # fmt: skip
VARIANTS = (*_PLAIN, *_USR_VARIANTS)
