"""E14's table: a container's own namespaces, by engine, version, cgroup version and option.

A namespace that the OCI configuration does not list is inherited from the runtime (runtime-spec
v1.2.0 config-linux.md "Namespaces"), so it is shared with the process that started the container.
Measured on Docker 20.10.24 and 26.1.5 (cgroup v1) and 28.5.2 (cgroup v2), each with and without
userns-remap, and on podman 4.3.1 (cgroup v1). Docker's time namespace and podman on cgroup v2 are
from the sources named below.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from scratchlab.judge.versions import numbers


@dataclass(frozen=True, slots=True)
class Default:
    """Whether an engine makes these kinds of namespace private unless an option changes it.

    ``since`` is the first version of the engine, ``cgroup`` the cgroup version (0: any),
    ``security`` a name that `docker info` lists under Security Options ("": always). The last row
    that fits counts.
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
    """One option of `docker run`, its arguments for the SDK, and the kinds it makes private or not.

    An engine with userns-remap refuses the option with an error that contains ``refused``;
    ``refusal`` is who refuses it. ``remapped`` options are tried on such an engine only.
    ``engines`` are those whose Docker API has the option.
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
    # The setting default-cgroupns-mode in daemon.json counts for both cgroup versions.
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
        "the kernel: to mount a message queue filesystem one must own its IPC namespace",
    ),
    Option("--uts host", {"uts_mode": "host"}, {"uts": False}),
    # podman's Docker API ignores it (measured with 4.3.1); podman's command line does not.
    Option("--cgroupns host", {"cgroupns": "host"}, {"cgroup": False}, engines=("docker",)),
    Option("--cgroupns private", {"cgroupns": "private"}, {"cgroup": True}, engines=("docker",)),
    Option("--userns host", {"userns_mode": "host"}, {"user": False}, remapped=True),
)

# Entries whose owner userns-remap does not map, and why. Device nodes are not listed: they are bind
# mounts of the host's, since a user namespace may not make any (mknod(2), user_namespaces(7)).
UNMAPPED = {
    "/etc/mtab": "a symbolic link that the engine makes and does not chown "
    "(moby daemon/initlayer/setup_unix.go)",
    "/dev/mqueue": "the kernel chooses its group (Linux ipc/mqueue.c)",
    "/proc": "made by the kernel, owned by the machine's root (Linux fs/proc/root.c)",
    "/sys": "made by the kernel, owned by the machine's root (Linux fs/sysfs/mount.c)",
}


def remaps_users(security: Collection[str]) -> bool:
    """Whether the engine runs containers in a user namespace of their own (userns-remap)."""
    return "userns" in _names(security)


def options_to_try(engine: str, security: Collection[str]) -> tuple[Option, ...]:
    """The options that E14 tries on an engine with these security options."""
    known = (option for option in OPTIONS if engine in option.engines)
    return tuple(option for option in known if remaps_users(security) or not option.remapped)


def expected_namespaces(
    option: Option, *, engine: str, version: str, cgroup: int, security: Collection[str]
) -> dict[str, bool]:
    """For each kind of namespace whether the container has its own (True) or shares (False)."""
    private: dict[str, bool] = {}
    names = _names(security)
    for row in DEFAULTS:
        fits = row.engine == engine and row.since <= numbers(version)
        if fits and row.cgroup in (0, cgroup) and (not row.security or row.security in names):
            private |= dict.fromkeys(row.kinds, row.private)
    return {**private, **option.moves}


def _names(security: Collection[str]) -> set[str]:
    # "name=seccomp,profile=default" (moby daemon/info.go); older engines leave out "name=".
    return {option.split(",")[0].removeprefix("name=") for option in security}
