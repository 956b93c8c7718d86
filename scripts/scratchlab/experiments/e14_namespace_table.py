"""Which namespaces a container gets of its own, by engine, version and cgroup version.

A kind that the OCI configuration does not list is inherited from the runtime (runtime-spec
v1.2.0 config-linux.md "Namespaces"): it is shared with whoever started it. Measured on Docker
20.10.24 and 26.1.5 (cgroup v1), 28.5.2 (cgroup v2), each with and without userns-remap, and on
podman 4.3.1 (v1); Docker's time namespace and podman on v2 are read from the sources named.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from scratchlab.judge.versions import numbers


@dataclass(frozen=True, slots=True)
class Default:
    """What an engine does with these kinds unless an option says otherwise.

    ``since`` is the first version of the engine, ``cgroup`` the cgroup version (0: any),
    ``security`` a name that `docker info` lists under Security Options ("": always). Of the rows
    that fit, the last one counts.
    """

    engine: str
    kinds: tuple[str, ...]
    private: bool
    source: str
    since: tuple[int, ...] = ()
    cgroup: int = 0
    security: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """One option of `docker run`: what it is to the SDK, and which kinds it makes private or not.

    ``refused`` are words of the refusal on an engine with userns-remap, and ``refusal`` is who
    refuses; ``remapped`` options are tried on such an engine only. ``engines`` have the option
    in the API that the SDK speaks.
    """

    text: str
    sdk: Mapping[str, Any] = field(default_factory=dict)
    moves: Mapping[str, bool] = field(default_factory=dict)
    refused: str = ""
    refusal: str = ""
    remapped: bool = False
    engines: tuple[str, ...] = ("docker", "podman")


_SIX = ("ipc", "mnt", "net", "pid", "uts")
_MOBY = "moby/moby"

DEFAULTS = (
    Default("docker", _SIX, True, f"{_MOBY} v20.10.24 oci/defaults.go DefaultLinuxSpec()"),
    Default("docker", ("cgroup",), False, f"{_MOBY} v20.10.24 daemon/daemon_unix.go"),
    Default(
        "docker",
        ("cgroup",),
        True,
        f"{_MOBY} v20.10.24 daemon/daemon_unix.go adaptContainerSettings()",
        since=(20, 10),
        cgroup=2,
    ),
    # The engine's own setting (default-cgroupns-mode in daemon.json), whatever the cgroup version.
    Default(
        "docker",
        ("cgroup",),
        True,
        f"{_MOBY} v20.10.24 daemon/info.go fillSecurityOptions()",
        since=(20, 10),
        security="cgroupns",
    ),
    Default("docker", ("user",), False, f"{_MOBY} v20.10.24 daemon/oci_linux.go WithUserNamespace"),
    Default(
        "docker",
        ("user",),
        True,
        f"{_MOBY} v20.10.24 daemon/info.go fillSecurityOptions()",
        security="userns",
    ),
    Default("docker", ("time",), False, f"{_MOBY} v20.10.24 oci/defaults.go DefaultLinuxSpec()"),
    Default("docker", ("time",), True, f"{_MOBY} pull request 52326", since=(29, 5)),
    Default("podman", _SIX, True, "containers/common v0.50.1 pkg/config/default.go"),
    Default("podman", ("cgroup",), False, "containers/common v0.50.1 pkg/config/default.go"),
    Default(
        "podman", ("cgroup",), True, "containers/common v0.50.1 pkg/config/default.go", cgroup=2
    ),
    Default("podman", ("user", "time"), False, "containers/common v0.50.1 pkg/config/default.go"),
)

OPTIONS = (
    Option(""),
    Option(
        "--network host",
        {"network_mode": "host"},
        {"net": False},
        "cannot share the host's network namespace when user namespaces are enabled",
        "the engine (moby daemon/daemon_unix.go verifyPlatformContainerSettings())",
    ),
    Option(
        "--pid host",
        {"pid_mode": "host"},
        {"pid": False},
        "cannot share the host PID namespace when user namespaces are enabled",
        "the engine (moby daemon/daemon_unix.go verifyPlatformContainerSettings())",
    ),
    Option(
        "--ipc host",
        {"ipc_mode": "host"},
        {"ipc": False},
        'error mounting "mqueue"',
        "the kernel: a message queue filesystem is mounted by who rules its IPC namespace",
    ),
    Option("--uts host", {"uts_mode": "host"}, {"uts": False}),
    # podman's Docker API does not pass it on (measured with 4.3.1; its command line does).
    Option("--cgroupns host", {"cgroupns": "host"}, {"cgroup": False}, engines=("docker",)),
    Option("--cgroupns private", {"cgroupns": "private"}, {"cgroup": True}, engines=("docker",)),
    Option("--userns host", {"userns_mode": "host"}, {"user": False}, remapped=True),
)

# Entries whose owner userns-remap does not map, and who left it so. The device nodes are the
# host's own, bound into place: a user namespace may not make any (mknod(2), user_namespaces(7)).
UNMAPPED = {
    "/etc/mtab": "a symbolic link, which the engine makes and does not chown "
    "(moby daemon/initlayer/setup_unix.go)",
    "/dev/mqueue": "its group is the kernel's choice (Linux ipc/mqueue.c)",
    "/proc": "the kernel's, and the machine's root owns it (Linux fs/proc/root.c)",
    "/sys": "the kernel's, and the machine's root owns it (Linux fs/sysfs/mount.c)",
}


def remaps(security: Collection[str]) -> bool:
    """Whether the engine runs containers in a user namespace of their own (userns-remap)."""
    return "userns" in _names(security)


def options(engine: str, security: Collection[str]) -> tuple[Option, ...]:
    """The options that are tried on an engine with these security options."""
    there = (option for option in OPTIONS if engine in option.engines)
    return tuple(option for option in there if remaps(security) or not option.remapped)


def promise(
    option: Option, *, engine: str, version: str, cgroup: int, security: Collection[str]
) -> dict[str, bool]:
    """For each kind of namespace whether the container gets its own (True) or shares (False)."""
    found: dict[str, bool] = {}
    names = _names(security)
    for row in DEFAULTS:
        fits = row.engine == engine and row.since <= numbers(version)
        if fits and row.cgroup in (0, cgroup) and (not row.security or row.security in names):
            found |= dict.fromkeys(row.kinds, row.private)
    return {**found, **option.moves}


def _names(security: Collection[str]) -> set[str]:
    # "name=seccomp,profile=default" (moby daemon/info.go); older engines leave out "name=".
    return {one.split(",")[0].removeprefix("name=") for one in security}
