"""Whole image archives, made by hand: an image in the format of each tool that writes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .build import directory, dumped, file, gzipped, layer, sha256, symlink, zstd

Members = dict[str, bytes]

_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


def plain(data: bytes) -> bytes:
    """``data`` unchanged."""
    return data


@dataclass(frozen=True)
class Made:
    """An image to be written into archives: its layers' tars, lowest first, and its names."""

    layers: tuple[bytes, ...] = ()
    tags: tuple[str, ...] = ("lab:1",)
    extra: Mapping[str, Any] = field(default_factory=dict)  # over the configuration's fields

    @property
    def diff_ids(self) -> list[str]:
        """Of the layers, lowest first."""
        return [f"sha256:{sha256(tar)}" for tar in self.layers]

    @property
    def config(self) -> bytes:
        """The image configuration."""
        history = [{"created_by": f"layer {index}"} for index, _ in enumerate(self.layers)]
        value = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/x"]},
            "history": [*history, {"created_by": "CMD", "empty_layer": True}],
            "rootfs": {"type": "layers", "diff_ids": self.diff_ids},
        }
        return dumped({**value, **self.extra})

    @property
    def id(self) -> str:
        """The digest of the configuration."""
        return f"sha256:{sha256(self.config)}"


def image(*layers: bytes, tags: Sequence[str] = ("lab:1",), **extra: Any) -> Made:
    """An image of these layers; ``extra`` overrides fields of its configuration."""
    return Made(layers, tuple(tags), extra)


def archive(members: Members, links: Mapping[str, str] = {}) -> bytes:
    """A tar of members, directories as docker save writes them, symlinks last."""
    parts, directories = [], set()
    for name, data in members.items():
        top = name.rpartition("/")[0]
        if top and top not in directories:
            directories.add(top)
            parts.append(directory(top + "/"))
        parts.append(file(name, data))
    parts += [symlink(name, target) for name, target in links.items()]
    return layer(*parts)


def classic(*images: Made) -> bytes:
    """docker save before 25: a directory for each layer, a repeated layer as a symlink."""
    members: Members = {}
    links: dict[str, str] = {}
    listed = []
    first: dict[str, str] = {}
    for number, made in enumerate(images):
        names = []
        for index, tar in enumerate(made.layers):
            own = sha256(f"{made.id} {number} {index}".encode())
            names.append(f"{own}/layer.tar")
            members[f"{own}/VERSION"] = b"1.0"
            members[f"{own}/json"] = dumped({"id": own, "os": "linux"})
            if sha256(tar) in first:
                links[f"{own}/layer.tar"] = f"../{first[sha256(tar)]}/layer.tar"
            else:
                first[sha256(tar)] = own
                members[f"{own}/layer.tar"] = tar
        name = f"{sha256(made.config)}.json"
        members[name] = made.config
        listed.append({"Config": name, "RepoTags": list(made.tags) or None, "Layers": names})
    members["manifest.json"] = dumped(listed)
    members["repositories"] = dumped({"lab": {"1": "x"}})
    return archive(members, links)


def blobs_of(
    *images: Made, pack: Callable[[bytes], bytes] = plain, suffix: str = ""
) -> tuple[Members, list[dict[str, Any]], list[dict[str, Any]]]:
    """(blobs, the manifest.json list, the index.json descriptors) of an OCI layout."""
    members: Members = {}
    listed, descriptors = [], []

    def put(data: bytes) -> str:
        members[f"blobs/sha256/{sha256(data)}"] = data
        return f"sha256:{sha256(data)}"

    for made in images:
        packed = [pack(tar) for tar in made.layers]
        layers = [
            {"mediaType": _LAYER + suffix, "digest": put(tar), "size": len(tar)} for tar in packed
        ]
        config = {"mediaType": _CONFIG, "digest": put(made.config), "size": len(made.config)}
        manifest = dumped(
            {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": layers}
        )
        digest = put(manifest)
        notes = {
            "io.containerd.image.name": f"docker.io/library/{(made.tags or ('',))[0]}",
            "org.opencontainers.image.ref.name": (made.tags or ("",))[0].rpartition(":")[2],
        }
        descriptor = {"mediaType": _MANIFEST, "digest": digest, "size": len(manifest)}
        descriptors.append({**descriptor, "annotations": notes} if made.tags else descriptor)
        listed.append({
            "Config": f"blobs/sha256/{sha256(made.config)}",
            "RepoTags": list(made.tags) or None,
            "Layers": [f"blobs/sha256/{sha256(tar)}" for tar in packed],
        })  # fmt: skip
    return members, listed, descriptors


def index_of(descriptors: Any) -> bytes:
    """An index of manifests."""
    return dumped({"schemaVersion": 2, "mediaType": _INDEX, "manifests": descriptors})


def docker25(*images: Made) -> bytes:
    """docker save of 25 to 28: an OCI layout and manifest.json, an orphan blob for each layer."""
    members, listed, descriptors = blobs_of(*images)
    for made in images:
        for index, _ in enumerate(made.layers):
            orphan = dumped({"id": f"{made.id}{index}", "os": "linux"})
            members[f"blobs/sha256/{sha256(orphan)}"] = orphan
    members["index.json"] = index_of(descriptors)
    members["manifest.json"] = dumped(listed)
    members["oci-layout"] = dumped({"imageLayoutVersion": "1.0.0"})
    members["repositories"] = dumped({})
    return archive(members)


def containerd(*images: Made, pack: Callable[[bytes], bytes] = plain, suffix: str = "") -> bytes:
    """docker save of the containerd image store: a nested index with attestations, and platforms
    that were never pulled.
    """
    members, listed, descriptors = blobs_of(*images, pack=pack, suffix=suffix)
    outer = []
    for made, own in zip(images, descriptors, strict=True):
        notes = own.pop("annotations", {})
        attestation = _attestation(members)
        never = {
            "mediaType": _MANIFEST,
            "digest": f"sha256:{sha256(b'never pulled')}",
            "size": 500,
            "platform": {"os": "linux", "architecture": "arm64"},
        }
        inner = index_of([
            {**own, "platform": {"os": "linux", "architecture": "amd64"}},
            never,
            {
                **attestation,
                "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
                "platform": {"os": "unknown", "architecture": "unknown"},
            },
        ])  # fmt: skip
        members[f"blobs/sha256/{sha256(inner)}"] = inner
        descriptor = {"mediaType": _INDEX, "digest": f"sha256:{sha256(inner)}", "size": len(inner)}
        outer.append({**descriptor, "annotations": notes} if made.tags else descriptor)
    top = {"oci-layout": dumped({"imageLayoutVersion": "1.0.0"}), "index.json": index_of(outer)}
    return archive({**members, **top, "manifest.json": dumped(listed)})


def _attestation(members: Members) -> dict[str, Any]:
    config = dumped({"architecture": "unknown", "os": "unknown", "rootfs": {"diff_ids": []}})
    statement = dumped({"predicateType": "https://slsa.dev/provenance/v0.2"})
    manifest = dumped({
        "schemaVersion": 2,
        "config": {"mediaType": _CONFIG, "digest": f"sha256:{sha256(config)}"},
        "layers": [
            {"mediaType": "application/vnd.in-toto+json", "digest": f"sha256:{sha256(statement)}"}
        ],
    })  # fmt: skip
    for blob in (config, statement, manifest):
        members[f"blobs/sha256/{sha256(blob)}"] = blob
    return {"mediaType": _MANIFEST, "digest": f"sha256:{sha256(manifest)}", "size": len(manifest)}


def podman(*images: Made) -> bytes:
    """podman save (docker-archive) and skopeo: layers and configurations by their own digests."""
    members: Members = {}
    listed = []
    for made in images:
        names = [f"{sha256(tar)}.tar" for tar in made.layers]
        members.update(zip(names, made.layers, strict=True))
        members[f"{sha256(made.config)}.json"] = made.config
        listed.append({
            "Config": f"{sha256(made.config)}.json",
            "RepoTags": [f"localhost/{tag}" for tag in made.tags],
            "Layers": names,
        })  # fmt: skip
    return archive({**members, "manifest.json": dumped(listed), "repositories": dumped({})})


def crane(*images: Made) -> bytes:
    """crane, kaniko: ``sha256:<hex>`` for the configuration, ``<hex>.tar.gz`` for layers."""
    members: Members = {}
    listed = []
    for made in images:
        packed = [gzipped(tar) for tar in made.layers]
        names = [f"{sha256(tar)}.tar.gz" for tar in packed]
        members[made.id] = made.config
        members.update(zip(names, packed, strict=True))
        listed.append({"Config": made.id, "RepoTags": list(made.tags), "Layers": names})
    return archive({**members, "manifest.json": dumped(listed)})


def oci(*images: Made, pack: Callable[[bytes], bytes] = gzipped, suffix: str = "+gzip") -> bytes:
    """An OCI layout alone: buildx type=oci, skopeo and podman with oci-archive."""
    members, _, descriptors = blobs_of(*images, pack=pack, suffix=suffix)
    members["index.json"] = index_of(descriptors)
    members["oci-layout"] = dumped({"imageLayoutVersion": "1.0.0"})
    return archive(members)


FORMATS: dict[str, Callable[..., bytes]] = {
    "classic": classic,
    "docker25": docker25,
    "containerd": containerd,
    "containerd-gzip": lambda *all_: containerd(*all_, pack=gzipped, suffix="+gzip"),
    "containerd-zstd": lambda *all_: containerd(*all_, pack=zstd, suffix="+zstd"),
    "podman": podman,
    "crane": crane,
    "oci": oci,
    "oci-zstd": lambda *all_: oci(*all_, pack=zstd, suffix="+zstd"),
}
