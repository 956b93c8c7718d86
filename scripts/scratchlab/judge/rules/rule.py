"""A rule: what makes an engine, a runtime or the kernel put something into a root filesystem."""

from __future__ import annotations

from dataclasses import dataclass

from scratchlab.model import Origin

SPEC = "https://github.com/opencontainers/runtime-spec/blob/v1.2.0"


@dataclass(frozen=True, slots=True)
class Citation:
    """Where in a public source the rule is written. ``project`` is OWNER/NAME on GitHub.

    ``moved`` holds (first version, path) for versions that keep it elsewhere.
    """

    project: str
    path: str
    symbol: str = ""
    moved: tuple[tuple[tuple[int, ...], str], ...] = ()

    def permalink(self, version: tuple[int, ...]) -> str:
        """The file at ``version`` (numbers), or at its newest where the version is not known."""
        path = self.path
        for first, elsewhere in self.moved:
            if not version or version >= first:
                path = elsewhere
        prefix = "" if self.project == "containers/crun" else "v"
        if self.project == "moby/moby" and version >= (29,):
            prefix = "docker-v"  # its modules have version tags of their own since
        tag = prefix + ".".join(map(str, version)) if version else "HEAD"
        return f"https://github.com/{self.project}/blob/{tag}/{path}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``stage`` is when it appears: create, start or run. ``level`` is the RFC 2119
    word of the clause behind ``clause`` (a URL), empty where no specification speaks.
    ``removed_by`` is what a person changes so that it does not appear. ``others`` are the sources
    of other programs that do the same.
    """

    id: str
    title: str
    origin: Origin
    stage: str
    source: Citation
    level: str = ""
    clause: str = ""
    removed_by: str = ""
    others: tuple[Citation, ...] = ()


# Which of an engine's rules for the root directory speaks of a storage driver.


# Driver, as the engine calls it, to the end of the rule's id; overlay2 and overlay are the plain
# ones, overlayfs is what Docker calls containerd's snapshotter (moby v25 daemon/containerd).
ROOT_DRIVERS = {"vfs": "-vfs", "overlayfs": "-snapshot"}
