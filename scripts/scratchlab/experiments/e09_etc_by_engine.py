"""E09: /etc is written by the engine.

moby v26.1.5 container/container_unix.go NetworkMounts binds hostname, hosts and resolv.conf from
the container's directory; daemon/initlayer/setup_unix.go makes /etc and the symlink mtab in the
init layer. A mountinfo line names the root of a bind within its file system only, so the proof that
the file behind it is the engine's own is st_dev and st_ino on both sides.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from scratchlab import mountinfo
from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.judge.elimination import eliminated
from scratchlab.lab import listing
from scratchlab.lab.listing import ListedLine
from scratchlab.lab.session import Laboratory
from scratchlab.text import visible

_BOUND = {"hostname": "HostnamePath", "hosts": "HostsPath", "resolv.conf": "ResolvConfPath"}
_NAMES = ("hostname", "hosts", "mtab", "resolv.conf")


@dataclass(frozen=True)
class Bound:
    """One file that the engine should have bound.

    ``told`` is the host's file that the engine names, ``behind`` those that have the device and
    inode of what the container sees, none if no mount stands there. ``root`` is the mount's root
    within its file system.
    """

    path: str
    told: str
    behind: tuple[str, ...]
    root: str = ""


@dataclass(frozen=True)
class Observation:
    """What /etc holds, what stands behind it, and the directory of the engine's init layer."""

    engine: str
    container: str
    entries: tuple[ListedLine, ...]
    bound: tuple[Bound, ...]
    init: str | None
    init_mtab: ListedLine | None
    vantage: str = "host"


def probe(lab: Laboratory) -> Observation:
    """Take from the evidence what concerns /etc."""
    evidence = lab.evidence()
    facts = evidence.facts
    mounts = mountinfo.visible(facts.mounts)
    bound = []
    for name, key in _BOUND.items():
        path = f"/etc/{name}"
        mount = mounts.get(path)
        behind = [s.path for s in facts.sources if mount is not None and s.mount == mount.id]
        told = str(facts.container.inspect.get(key) or "")
        root = mount.root if mount is not None else ""
        bound.append(Bound(path, told, tuple(behind), root))
    # Where the layer's directory cannot be read, what its ledger must hold follows from the rest.
    init = eliminated(evidence).init
    mtab = init.get("/etc/mtab") if init is not None else None
    return Observation(
        engine=facts.engine.name,
        container=facts.container.id,
        entries=tuple(listing.listed_line(entry) for entry in evidence.live.below("/etc")),
        bound=tuple(bound),
        init=facts.layers.init,
        init_mtab=listing.listed_line(mtab) if mtab is not None else None,
        vantage=facts.container.vantage,
    )


def judge(seen: Observation) -> ExperimentOutcome:
    """Four names; three are the engine's files by device and inode, mtab is in the init layer."""
    said = listing.listed_text(len(seen.entries), seen.entries)
    names = tuple(entry.path.removeprefix("/etc/") for entry in seen.entries)
    if names != _NAMES:
        words = {"names": visible(", ".join(names)) or "nothing"}
        return ExperimentOutcome(said, fault="names", words=words)
    for bound in seen.bound:
        # With -v FILE:/etc/hosts the engine names the user's file (moby v20.10.24
        # container/container.go TrySetNetworkMount): its own lies in the container's directory.
        own = seen.container in bound.told
        if not own or not _proved(seen, bound):
            return ExperimentOutcome(said, fault="not-bound", words={"path": bound.path})
    mtab = seen.entries[_NAMES.index("mtab")]
    if mtab.target != "/proc/mounts":
        return ExperimentOutcome(said, fault="mtab", words={"mtab": str(mtab)})
    directory = os.path.dirname(seen.bound[0].told)
    said = f"{said}\nbound from {visible(directory)}"
    how = "device and inode" if seen.vantage == "host" else "the container's id in the mount's root"
    proved = f"hostname, hosts, resolv.conf are the engine's own files by {how}"
    if seen.engine == "podman":
        return ExperimentOutcome(f"{said}\n{proved}", today=("sizes", "podman"))
    if seen.init_mtab is None or seen.init_mtab.target != mtab.target:
        return ExperimentOutcome(
            said, fault="no-init-layer", words={"init": seen.init or "none is known"}
        )
    if seen.vantage == "host":
        said = f"{said}\nmtab from {visible(seen.init or '')}\n{proved}; mtab is in its init layer"
    else:
        said = (
            f"{said}\n{proved}; mtab is in its init layer: the image has none, and the engine does"
            " not count it as a change"
        )
    return ExperimentOutcome(said, today=("sizes",))


def _proved(seen: Observation, bound: Bound) -> bool:
    """The file behind the mount is the one that the engine names: where that file cannot be
    asked for its inode, both have the container's id and what follows it in their paths.
    """
    if seen.vantage == "host":
        return os.path.realpath(bound.told) in _real(bound.behind)
    own = bound.told[bound.told.index(seen.container) :]
    return bound.root.endswith(f"/{own}")


def _real(paths: tuple[str, ...]) -> set[str]:
    return {os.path.realpath(path) for path in paths}
