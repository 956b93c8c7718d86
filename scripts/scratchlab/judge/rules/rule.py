"""A rule: what makes an engine, a runtime or the kernel put something into a root filesystem."""

from __future__ import annotations

from dataclasses import dataclass

from scratchlab.model import Origin

SPEC = "https://github.com/opencontainers/runtime-spec/blob/v1.2.0"


@dataclass(frozen=True, slots=True)
class Citation:
    """The public source of a rule. ``project`` is OWNER/NAME on GitHub, ``symbol`` a function or
    table in the file. ``moved`` holds (first version, path) for versions that moved the file.
    """

    project: str
    path: str
    symbol: str = ""
    moved: tuple[tuple[tuple[int, ...], str], ...] = ()

    def permalink(self, version: tuple[int, ...]) -> str:
        """The URL of the file at ``version``, or at its newest where the version is ()."""
        path = self.path
        for first, moved_to in self.moved:
            if not version or version >= first:
                path = moved_to
        prefix = "" if self.project == "containers/crun" else "v"
        if self.project == "moby/moby" and version >= (29,):
            prefix = "docker-v"  # since v29 its modules have version tags of their own
        parts = [str(number) for number in version]
        if self.project == "moby/moby" and (17,) <= version < (20,):
            parts[1:2] = [f"{month:02}" for month in version[1:2]]  # named by months: v19.03.15
        tag = prefix + ".".join(parts) if version else "HEAD"
        return f"https://github.com/{self.project}/blob/{tag}/{path}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``stage`` is when its effect appears: create, start or run. ``level`` is the
    RFC 2119 word of the specification's clause (``clause``, a URL); both are empty where no
    specification requires the effect. ``removed_by`` tells a person how to avoid it. ``others``
    are the sources of other programs that do the same.
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


# Storage driver, as the engine calls it, to the suffix of the rule for the root directory
# (ENGINE-root); overlay2 and overlay have none, overlayfs is Docker's name for containerd's
# snapshotter (moby v25 daemon/containerd).
ROOT_DRIVERS = {"vfs": "-vfs", "overlayfs": "-snapshot"}
