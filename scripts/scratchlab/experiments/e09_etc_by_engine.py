"""E09: /etc is written by the engine.

moby v26.1.5 container/container_unix.go NetworkMounts binds hostname, hosts and resolv.conf from
the container's directory; daemon/initlayer/setup_unix.go makes /etc and the symlink mtab in the
init layer. A mountinfo line only has the path of a bind within its file system. The proof that it
is the engine's own file is therefore the same st_dev and st_ino on both sides.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from scratchlab import mountinfo
from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.judge.elimination import eliminated
from scratchlab.lab import listing
from scratchlab.lab.listing import ListedEntry
from scratchlab.lab.session import Laboratory
from scratchlab.text import visible

_PATH_KEYS = {"hostname": "HostnamePath", "hosts": "HostsPath", "resolv.conf": "ResolvConfPath"}
_NAMES = ("hostname", "hosts", "mtab", "resolv.conf")


@dataclass(frozen=True)
class BoundFile:
    """One file in /etc that the engine should have bound.

    ``told`` (a key of saved observations) is the host's file that the engine names. ``behind`` are
    the host's files with the device and inode that the container shows, none without a mount.
    ``root`` is the mount's root within its file system.
    """

    path: str
    told: str
    behind: tuple[str, ...]
    root: str = ""


@dataclass(frozen=True)
class Observation:
    """The entries of /etc, the files behind them, and the directory of the engine's init layer."""

    engine: str
    container: str
    entries: tuple[ListedEntry, ...]
    bound: tuple[BoundFile, ...]
    init: str | None
    init_mtab: ListedEntry | None
    vantage: str = "host"


def probe(lab: Laboratory) -> Observation:
    """Take the part of the evidence that concerns /etc."""
    evidence = lab.evidence()
    facts = evidence.facts
    mounts = mountinfo.visible_mounts(facts.mounts)
    bound = []
    for name, key in _PATH_KEYS.items():
        path = f"/etc/{name}"
        mount = mounts.get(path)
        behind = [s.path for s in facts.sources if mount is not None and s.mount == mount.id]
        named = str(facts.container.inspect.get(key) or "")
        root = mount.root if mount is not None else ""
        bound.append(BoundFile(path, named, tuple(behind), root))
    # If the layer's directory cannot be read, its entries follow from those of the other sources.
    init = eliminated(evidence).init
    mtab = init.get("/etc/mtab") if init is not None else None
    return Observation(
        engine=facts.engine.name,
        container=facts.container.id,
        entries=tuple(ListedEntry.of(entry) for entry in evidence.live.below("/etc")),
        bound=tuple(bound),
        init=facts.layers.init,
        init_mtab=ListedEntry.of(mtab) if mtab is not None else None,
        vantage=facts.container.vantage,
    )


def judge(observation: Observation) -> ExperimentOutcome:
    """Four names: three are the engine's files by device and inode, mtab is in the init layer."""
    observed = listing.listing_text(len(observation.entries), observation.entries)
    names = tuple(entry.path.removeprefix("/etc/") for entry in observation.entries)
    if names != _NAMES:
        values = {"names": visible(", ".join(names)) or "nothing"}
        return ExperimentOutcome(observed, fault="names", placeholders=values)
    for bound in observation.bound:
        # With -v FILE:/etc/hosts the engine names the user's file (moby v20.10.24
        # container/container.go TrySetNetworkMount); its own is in the container's directory.
        own = observation.container in bound.told
        if not own or not _is_proved(observation, bound):
            return ExperimentOutcome(observed, fault="not-bound", placeholders={"path": bound.path})
    mtab = observation.entries[_NAMES.index("mtab")]
    if mtab.target != "/proc/mounts":
        return ExperimentOutcome(observed, fault="mtab", placeholders={"mtab": str(mtab)})
    directory = os.path.dirname(observation.bound[0].told)
    observed = f"{observed}\nbound from {visible(directory)}"
    on_host = observation.vantage == "host"
    how = "device and inode" if on_host else "the container's id in the mount's root"
    proved = f"hostname, hosts, resolv.conf are the engine's own files by {how}"
    if observation.engine == "podman":
        return ExperimentOutcome(f"{observed}\n{proved}", today=("sizes", "podman"))
    if observation.init_mtab is None or observation.init_mtab.target != mtab.target:
        values = {"init": observation.init or "none is known"}
        return ExperimentOutcome(observed, fault="no-init-layer", placeholders=values)
    proved = f"{proved}; mtab is in its init layer"
    if on_host:
        proved = f"mtab from {visible(observation.init or '')}\n{proved}"
    else:
        proved = f"{proved}: the image has none, and the engine does not count it as a change"
    return ExperimentOutcome(f"{observed}\n{proved}", today=("sizes",))


def _is_proved(observation: Observation, bound: BoundFile) -> bool:
    """Whether the file behind the mount is the one that the engine names.

    From another machine, where its inode cannot be read, both paths must end alike: with the
    container's id and the rest.
    """
    if observation.vantage == "host":
        return os.path.realpath(bound.told) in _real(bound.behind)
    own = bound.told[bound.told.index(observation.container) :]
    return bound.root.endswith(f"/{own}")


def _real(paths: tuple[str, ...]) -> set[str]:
    return {os.path.realpath(path) for path in paths}
