"""Ways to break what E14 saw of namespaces."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scratchlab.experiments import e14_namespaces

from .broken import Change, more, named, put
from .conftest import seen_on


def remapped(change: Change = lambda seen: seen) -> Change:
    """The change, made to what was seen on a second engine of the machine, with --userns-remap."""
    return lambda seen: change(seen_on("docker-20.10.24-userns-remap", "E14")(seen))


def twin(option: str, kind: str = "", link: str = "", **fields: Any) -> Change:
    """The observation of E14 with another namespace or other fields of that twin's process."""

    def change(seen: Any) -> Any:
        (found,) = (one for one in seen.twins if one.option == option)
        spaces = tuple((k, link if k == kind else old) for k, old in found.process.namespaces)
        process = replace(found.process, **{"namespaces": spaces, **fields})
        return named("twins", "option", option, process=process)(seen)

    return change


def shares(option: str, kind: str) -> Change:
    """The observation of E14 where that twin is in the namespace of its starter."""
    return lambda seen: twin(option, kind, dict(seen.starter.namespaces)[kind])(seen)


def refuses(option: str, error: str) -> Change:
    """The observation of E14 where that twin was refused."""
    return named("twins", "option", option, refused=error, process=None)


def everywhere(kind: str, but: str | None = None) -> Change:
    """The observation of E14 where every twin has a namespace of this kind of its own."""

    def change(seen: Any) -> Any:
        for one in seen.twins:
            if one.option != but:
                seen = twin(one.option, kind, f"{kind}:[7]")(seen)
        return seen

    return change


def on_docker_29_5(seen: Any) -> Any:
    """What Docker 29.5 does by default (made up: 20.10 was measured)."""
    return everywhere("time")(replace(seen, version="29.5.0"))


BROKEN: list[tuple[str, str, Change]] = [
    ("E14", "refused", refuses("--pid host", "permission denied")),
    ("E14", "refused", lambda seen: replace(refuses("", "no space left")(seen), starter=None)),
    ("E14", "refused", remapped(refuses("--uts host", "cannot share the host's UTS namespace"))),
    ("E14", "refused", remapped(refuses("--pid host", "no space left on device"))),
    (
        "E14",
        "not-refused",
        remapped(
            lambda seen: replace(
                seen, twins=(*seen.twins[:1], replace(seen.twins[0], option="--pid host"))
            )
        ),
    ),
    ("E14", "not-private", shares("", "net")),
    ("E14", "not-private", shares("--network host", "ipc")),
    ("E14", "not-private", shares("--cgroupns private", "cgroup")),
    ("E14", "not-private", put(version="29.5.0")),
    ("E14", "not-private", remapped(shares("", "user"))),
    ("E14", "not-shared", twin("--network host", "net", "net:[7]")),
    ("E14", "not-shared", everywhere("time")),
    ("E14", "not-shared", everywhere("cgroup")),
    ("E14", "not-shared", remapped(put(security=()))),
    ("E14", "uid-map", twin("", uid_map=((0, 100000, 65536),))),
    ("E14", "uid-map", remapped(twin("", uid_map=((0, 0, 2**32 - 1),)))),
    ("E14", "owners", remapped(more("unmapped", e14_namespaces.Owner("/sleep", 0, 0, False)))),
    ("E14", "owners", remapped(named("unmapped", "path", "/dev/null", bound_device=False))),
    ("E14", "owners", remapped(put(owned=0))),
]

TODAY: list[tuple[str, str, Change]] = [
    ("E14", "inherited", put()),
    ("E14", "cgroup", seen_on("docker-28.5.2-cgroup2", "E14")),
    (
        "E14",
        "cgroup",
        lambda seen: everywhere("cgroup", "--cgroupns host")(
            replace(seen, security=("name=cgroupns",))
        ),
    ),
    ("E14", "time", on_docker_29_5),
    ("E14", "remap", remapped()),
]
