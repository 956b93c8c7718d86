"""Decides which objects of an engine are the lab's, and what becomes of the engine.

Asks nothing and changes nothing: its input is what the engine's API lists, and the lab's receipts.

The lab's are: what carries its label, what its receipts name by id, the untagged parents of these
images, the build cache, and the networks that every engine has. Everything else is the user's:
a tag that is not the lab's, even of a lab's image; an image without the label, dangling or not; a
label that an image or container only inherited from a lab's image.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LABEL = "io.scratchlab.lab"  # on a container, network or volume
IMAGE_LABEL = "io.scratchlab.image"  # on an image; its containers inherit it
AGENT = "scratchlab-agent"  # repository of the debug container's image
# libnetwork makes the last two for a swarm, and leaves the first of these when a swarm is left.
DEFAULT_NETWORKS = {"bridge", "host", "none", "docker_gwbridge", "ingress"}
# Namespaces of containerd that dockerd uses, and those of the lab's ladder.
NAMESPACES = re.compile(r"moby|plugins\.moby|scratchlab.*")
ANONYMOUS = re.compile(r"[0-9a-f]{64}")  # name of a volume that `docker run` made by itself
HELD = "apt-mark hold"  # stands for the user where a package is held
CACHE_MOUNT = "exec.cachemount"  # what RUN --mount=type=cache keeps; the lab never uses it

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Listing:
    """What an engine lists; each field names the request that answers it."""

    images: Sequence[Item] = ()  # GET /images/json?all=true
    containers: Sequence[Item] = ()  # GET /containers/json?all=true
    volumes: Sequence[Item] = ()  # GET /volumes
    networks: Sequence[Item] = ()  # GET /networks
    plugins: Sequence[Item] = ()  # GET /plugins
    cache: Sequence[Item] = ()  # GET /system/df
    info: Item = field(default_factory=dict)  # GET /info
    layers: Mapping[str, Sequence[str]] = field(default_factory=dict)  # of labelled images, by id
    namespaces: Sequence[str] = ()  # of containerd
    stores: Sequence[str] = ()  # stores of this engine that it does not show now


@dataclass(frozen=True)
class Known:
    """What the receipts know of images."""

    names: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Ownership:
    """The lab's objects, to be removed in this order, and the user's."""

    containers: tuple[tuple[str, str], ...]  # id and name
    images: tuple[str, ...]  # a tag, or the id of an image without one
    volumes: tuple[str, ...]
    networks: tuple[tuple[str, str], ...]
    theirs: tuple[str, ...]  # such as "volume data"
    needed: tuple[str, ...]  # the lab's, but a container of the user's runs from it


def known(receipt: Mapping[str, Any], names: Iterable[str] = ()) -> Known:
    """Return what the receipt ``images.json`` knows, with the ``names`` of the lab's images."""
    ids = {entry["id"] for entry in receipt.values()}
    ids |= {one for entry in receipt.values() for one in entry.get("earlier", ())}
    return Known(frozenset({*receipt, *names}), frozenset(ids))


def judge(listing: Listing, knows: Known) -> Ownership:
    """Return whose the objects of ``listing`` are."""
    images = _Images(listing, knows)
    ours: list[Item] = []
    others: list[Item] = []
    for container in listing.containers:
        if _of_a_build(container):
            continue
        (ours if images.lab_container(container) else others).append(container)
    used: dict[str, list[str]] = {}
    for container in others:
        used.setdefault(container["ImageID"], []).append(_name(container))
    removable, foreign, needed = images.divide(used)
    lab_volumes, their_volumes = _volumes(listing, ours, others)
    lab_networks = [one for one in listing.networks if LABEL in (one.get("Labels") or {})]
    their_networks = [
        one["Name"]
        for one in listing.networks
        if one not in lab_networks and one["Name"] not in DEFAULT_NETWORKS
    ]
    theirs = [
        *(f"container {_name(one)}" for one in others),
        *(f"image {name}" for name in foreign),
        *(f"volume {name}" for name in their_volumes),
        *(f"network {name}" for name in their_networks),
        *_rest(listing),
    ]
    return Ownership(
        containers=tuple(sorted(((one["Id"], _name(one)) for one in ours), key=lambda o: o[1])),
        images=tuple(removable),
        volumes=tuple(lab_volumes),
        networks=tuple((one["Id"], one["Name"]) for one in lab_networks),
        theirs=tuple(theirs),
        needed=tuple(needed),
    )


def _of_a_build(container: Item) -> bool:
    """Return whether an interrupted build left the container: the classic builder makes one for
    each step that only changes metadata or copies files, and never starts it.
    """
    command = str(container.get("Command") or "")
    return container.get("State") == "created" and command.startswith("/bin/sh -c #(nop) ")


def _rest(listing: Listing) -> list[str]:
    swarm = (listing.info.get("Swarm") or {}).get("LocalNodeState") or "inactive"
    engines_own = (listing.info.get("Containerd") or {}).get("Namespaces") or {}
    return [
        *(f"plugin {one['Name']}" for one in listing.plugins),
        *([f"swarm ({swarm})"] if swarm != "inactive" else []),
        *(
            f"cache of RUN --mount ({one['ID'][:12]})"
            for one in listing.cache
            if one.get("Type") == CACHE_MOUNT
        ),
        *(
            f"containerd namespace {name}"
            for name in listing.namespaces
            if not NAMESPACES.fullmatch(name) and name not in engines_own.values()
        ),
        *listing.stores,
    ]


def _volumes(
    listing: Listing, ours: Sequence[Item], others: Sequence[Item]
) -> tuple[list[str], list[str]]:
    """Divide the volumes: the lab's are labelled, or anonymous ones of its containers alone."""
    mounted, borrowed = _mounted(ours), _mounted(others)
    lab: list[str] = []
    theirs: list[str] = []
    for volume in listing.volumes:
        name, labels = volume["Name"], volume.get("Labels") or {}
        anonymous = ANONYMOUS.fullmatch(name) and name in mounted - borrowed
        (lab if LABEL in labels or anonymous else theirs).append(name)
    return lab, theirs


def _mounted(containers: Iterable[Item]) -> set[str]:
    return {
        mount["Name"]
        for container in containers
        for mount in container.get("Mounts") or ()
        if mount.get("Type") == "volume" and mount.get("Name")
    }


def _name(container: Item) -> str:
    names = container.get("Names") or ()
    return str(names[0]).lstrip("/") if names else str(container["Id"])[:12]


def full(name: str) -> str:
    """Return an image's name with its tag."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def tags(image: Item) -> list[str]:
    """Return the names of an image; one that was pulled by its digest has that name alone."""
    found = [tag for tag in image.get("RepoTags") or () if tag != "<none>:<none>"]
    digests = image.get("RepoDigests") or ()
    return found or [name for name in digests if not name.startswith("<none>")]


class _Images:
    """The images of a listing, by id, with their children."""

    def __init__(self, listing: Listing, knows: Known) -> None:
        self.by_id = {image["Id"]: image for image in listing.images}
        self.layers = listing.layers
        self.ids = knows.ids
        self.names = {full(name) for name in knows.names}
        self.children: dict[str, list[str]] = {}
        for image in listing.images:
            self.children.setdefault(image.get("ParentId") or "", []).append(image["Id"])
        self._ours: dict[str, bool] = {}

    def lab_name(self, tag: str) -> bool:
        name = re.sub("^(localhost|docker.io/library)/", "", tag)  # as podman writes it
        return name in self.names or name.rpartition(":")[0] == AGENT

    def labels(self, image_id: str) -> Mapping[str, str]:
        return self.by_id.get(image_id, {}).get("Labels") or {}

    def ours(self, image_id: str) -> bool:
        """Return whether the image itself is the lab's, whatever its tags are."""
        if image_id not in self._ours:
            self._ours[image_id] = self._judge(image_id)
        return self._ours[image_id]

    def _judge(self, image_id: str) -> bool:
        image = self.by_id[image_id]
        if image_id in self.ids:
            return True
        if IMAGE_LABEL in self.labels(image_id):
            return not self.inherits(image_id)
        if tags(image):
            return False
        if LABEL in self.labels(image_id):  # made by an exercise
            return True
        children = self.children.get(image_id, [])
        return bool(children) and all(self.ours(child) for child in children)

    def inherits(self, image_id: str) -> bool:
        """Return whether an image has the label only because it was built from a lab's image.

        The classic builder keeps the parent. BuildKit does not, and then the layers tell: those of
        a lab's image come first. A label with another value was set, and not inherited: what an
        exercise commits has such a one.
        """
        value = self.labels(image_id)[IMAGE_LABEL]
        parent = self.by_id[image_id].get("ParentId") or ""
        while parent in self.by_id:
            if self.labels(parent).get(IMAGE_LABEL) == value:
                return True
            parent = self.by_id[parent].get("ParentId") or ""
        own = list(self.layers.get(image_id, ()))
        for other in self.ids & set(self.layers):
            if self.labels(other).get(IMAGE_LABEL) != value:
                continue
            base = list(self.layers[other])
            if other != image_id and base and own[: len(base)] == base:
                return True
        return False

    def lab_container(self, container: Item) -> bool:
        """Return whether the lab labelled the container, and not an image of the user's."""
        if LABEL not in (container.get("Labels") or {}):
            return False
        image_id = container["ImageID"]
        return not (
            image_id in self.by_id and LABEL in self.labels(image_id) and not self.ours(image_id)
        )

    def divide(self, used: Mapping[str, Sequence[str]]) -> tuple[list[str], list[str], list[str]]:
        """Return what to remove of the lab's, the names of the user's, and what stays in use.

        ``used`` names the user's containers by the id of their image.
        """
        removable, dangling, theirs, needed = [], [], [], []
        for image_id, image in self.by_id.items():
            names = tags(image)
            mine = [tag for tag in names if self.ours(image_id) and self.lab_name(tag)]
            foreign = [tag for tag in names if tag not in mine]
            theirs += [_short(tag) for tag in foreign]
            if mine and image_id in used and not foreign:
                needed += [
                    f"image {_short(tag)}, from which container {', '.join(used[image_id])} runs"
                    for tag in mine
                ]
            elif mine:
                removable += [_short(tag) for tag in mine]
            elif not names and not self.children.get(image_id):
                if not self.ours(image_id):
                    theirs.append(f"{image_id.removeprefix('sha256:')[:12]} (without a name)")
                elif image_id in used:
                    needed.append(
                        f"image {image_id.removeprefix('sha256:')[:12]}, from which container "
                        f"{', '.join(used[image_id])} runs"
                    )
                else:
                    dangling.append(image_id)
        return sorted(removable) + sorted(dangling), sorted(theirs), sorted(needed)


def _short(tag: str) -> str:
    return tag.removesuffix(":latest")


@dataclass(frozen=True)
class Engine:
    """What is known of the engine before anything is removed."""

    ours: bool  # the lab installed it, or started one that had no data
    silence: str = ""  # why it cannot be asked; empty if it answered, or never had data
    theirs: tuple[str, ...] = ()
    package: str = ""  # that dockerd is in
    needed_by: tuple[str, ...] = ()  # packages of the user's that need that one


@dataclass(frozen=True)
class Fate:
    """What becomes of the engine."""

    engine: bool  # it stays: its packages, group, configuration, and it runs
    data: bool  # its data stays too
    why: tuple[str, ...] = ()


def decide(engine: Engine, destroy_data: bool) -> Fate:
    """Return what becomes of the engine; ``destroy_data`` gives up what it holds of the user's."""
    if not engine.ours:
        return Fate(engine=True, data=True)
    others = [name for name in engine.needed_by if name != HELD]
    needed = [f"{', '.join(others)} needs {engine.package}"] if others else []
    needed += [f"{engine.package} is held ({HELD})"] if HELD in engine.needed_by else []
    holds = [engine.silence] if engine.silence else []
    if engine.theirs:
        holds.append(f"it holds {', '.join(engine.theirs)}")
    if destroy_data:
        return Fate(engine=bool(needed), data=False, why=tuple(needed))
    stays = bool(needed or holds)
    return Fate(engine=stays, data=stays, why=(*holds, *needed))
