"""The ways to run a container, as data. Each verification must find nothing unexplained, nothing
missing and no disagreement. Standard library only: this runs on the hosts of the matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

BOTH = frozenset({"docker", "podman"})
DOCKER = frozenset({"docker"})
PODMAN = frozenset({"podman"})


@dataclass(frozen=True)
class Image:
    """The content of an image beside a busybox. ``tree`` maps a path to a file's text, a
    directory's mode or a link's target (``-> TARGET``). It is copied because RUN would write to
    the build's own mounts in /etc and /dev. ``lines`` end the Dockerfile.
    """

    tree: Mapping[str, str | int] = field(default_factory=dict)
    lines: str = ""


IMAGES = {
    "plain": Image(),
    # Entries that engines and runtimes keep, replace, shadow or override.
    "rich": Image({
        "dev": 0o700, "dev/hidden": "h", "proc": 0o755, "sys": 0o755, "run": 0o1777,
        "run/old": "o", "etc/hosts": "mine", "etc/hostname": "mine", "etc/kept": "kept",
        "etc/mtab": "-> /elsewhere", "etc/resolv.conf": "-> /elsewhere", ".dockerenv": "mine",
    }),
    "etclink": Image({"conf/kept": "kept", "etc": "-> conf"}),
    "volume": Image({"data/copied": "1", "data/too": "2"}, "VOLUME /data\n"),
    "workdir": Image(lines="WORKDIR /made/by/the/image\n"),
    "user": Image(lines="USER 1000:1000\n"),
    "mutated": Image({"lab/file": "content of a file\n", "lab/link": "-> file"}),
    "linked": Image({"real/x": "x", "alias": "-> real"}),
}  # fmt: skip


@dataclass(frozen=True)
class Variant:
    """One way to run a container. ``flags`` go between ``run -d`` and the image; {files} is a
    directory with a file, {id} the container. ``then`` are commands of the engine after the start,
    ``keep`` is one that runs during the verification. ``written`` are the paths that a process (or
    a command of ``then``) writes: only they may have the origin written-later.
    """

    name: str
    flags: tuple[str, ...] = ()
    image: str = "plain"
    engines: frozenset[str] = BOTH
    then: tuple[tuple[str, ...], ...] = ()
    keep: tuple[str, ...] = ()
    written: frozenset[str] = field(default_factory=frozenset)
    service: bool = False  # as a service of a swarm: ``flags`` are those of `service create`
    refused: tuple[str, ...] = ()  # parts of the error messages of engines that refuse it


def v(name: str, *flags: str, **more: object) -> Variant:
    """A variant, in short form."""
    return Variant(name, flags, **more)  # type: ignore[arg-type]


_REMAPPED = "when user namespaces are enabled"  # Docker with userns-remap
VARIANTS = (
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
    v("etc is a link", image="etclink", engines=DOCKER),
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
