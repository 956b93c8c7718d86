"""Changes to E14's observation, and the fault that its judge must name for each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scratchlab.experiments import e14_namespaces

from .broken import Change, more, named, put
from .conftest import observed_on


def remapped(change: Change = lambda observation: observation) -> Change:
    """Apply the change to the observation of an engine with --userns-remap."""
    return lambda observation: change(
        observed_on("docker-20.10.24-userns-remap", "E14")(observation)
    )


def trial(option: str, kind: str = "", link: str = "", **fields: Any) -> Change:
    """Replace a namespace or fields of the process that ran with ``option``."""

    def change(observation: Any) -> Any:
        (found,) = (item for item in observation.twins if item.option == option)
        links = tuple((k, link if k == kind else old) for k, old in found.process.namespaces)
        process = replace(found.process, **{"namespaces": links, **fields})
        return named("twins", "option", option, process=process)(observation)

    return change


def shares(option: str, kind: str) -> Change:
    """Put the process that ran with ``option`` into a namespace of its starter."""
    return lambda observation: trial(option, kind, dict(observation.starter.namespaces)[kind])(
        observation
    )


def on_hosts_network(option: str) -> Change:
    """Let the process that ran with ``option`` have the host's network, too."""
    given = named("twins", "option", option, network="host")
    return lambda observation: given(shares(option, "net")(observation))


def refuses(option: str, error: str) -> Change:
    """Make the engine refuse ``option``."""
    return named("twins", "option", option, refused=error, process=None)


def everywhere(kind: str, but: str | None = None) -> Change:
    """Give every process a namespace of its own of this kind."""

    def change(observation: Any) -> Any:
        for item in observation.twins:
            if item.option != but:
                observation = trial(item.option, kind, f"{kind}:[7]")(observation)
        return observation

    return change


def on_docker_29_5(observation: Any) -> Any:
    """What Docker 29.5 does by default (not measured: derived from 20.10)."""
    return everywhere("time")(replace(observation, version="29.5.0"))


BROKEN: list[tuple[str, str, Change]] = [
    ("E14", "refused", refuses("--pid host", "permission denied")),
    (
        "E14",
        "refused",
        lambda observation: replace(refuses("", "no space left")(observation), starter=None),
    ),
    ("E14", "refused", remapped(refuses("--uts host", "cannot share the host's UTS namespace"))),
    ("E14", "refused", remapped(refuses("--pid host", "no space left on device"))),
    (
        "E14",
        "not-refused",
        remapped(
            lambda observation: replace(
                observation,
                twins=(*observation.twins[:1], replace(observation.twins[0], option="--pid host")),
            )
        ),
    ),
    ("E14", "not-private", shares("", "net")),
    ("E14", "not-private", shares("--network host", "ipc")),
    ("E14", "not-private", shares("--cgroupns private", "cgroup")),
    ("E14", "not-private", shares("--pid host", "net")),
    (
        "E14",
        "not-private",
        lambda observation: on_hosts_network("--pid host")(
            shares("--pid host", "ipc")(observation)
        ),
    ),
    ("E14", "not-private", put(version="29.5.0")),
    ("E14", "not-private", remapped(shares("", "user"))),
    ("E14", "not-shared", trial("--network host", "net", "net:[7]")),
    ("E14", "not-shared", everywhere("time")),
    ("E14", "not-shared", everywhere("cgroup")),
    ("E14", "not-shared", remapped(put(security=()))),
    ("E14", "uid-map", trial("", uid_map=((0, 100000, 65536),))),
    ("E14", "uid-map", remapped(trial("", uid_map=((0, 0, 2**32 - 1),)))),
    (
        "E14",
        "owners",
        remapped(more("unmapped", e14_namespaces.UnmappedEntry("/sleep", 0, 0, False))),
    ),
    ("E14", "owners", remapped(named("unmapped", "path", "/dev/null", bound_device=False))),
    ("E14", "owners", remapped(put(owned=0))),
]

TODAY: list[tuple[str, str, Change]] = [
    ("E14", "inherited", put()),
    ("E14", "inherited", on_hosts_network("--pid host")),
    ("E14", "cgroup", observed_on("docker-28.5.2-cgroup2", "E14")),
    (
        "E14",
        "cgroup",
        lambda observation: everywhere("cgroup", "--cgroupns host")(
            replace(observation, security=("name=cgroupns",))
        ),
    ),
    ("E14", "time", on_docker_29_5),
    ("E14", "remap", remapped()),
]

SKIPPED: list[tuple[str, str, Change]] = [
    (
        "E14",
        "elsewhere",
        lambda _: e14_namespaces.Observation(elsewhere="the engine is on another machine"),
    ),
]
