"""Image archives made by hand: tar members bit by bit, layers, and every format around them."""

from __future__ import annotations

import ctypes
import gzip
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

BLOCK = 512
END = bytes(2 * BLOCK)
Members = dict[str, bytes]

_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


def number(value: int, width: int) -> bytes:
    """A tar header's number: octal, and base 256 where that is too narrow."""
    octal = b"%0*o" % (width - 1, value) if value >= 0 else b""
    if 0 < len(octal) < width:
        return octal + b"\0"
    return ((1 << (8 * width - 1)) | (value & ((1 << (8 * width - 1)) - 1))).to_bytes(width, "big")


def block(
    name: bytes,
    kind: bytes = b"0",
    *,
    size: int = 0,
    mode: int = 0o644,
    uid: int = 0,
    gid: int = 0,
    mtime: int = 0,
    link: bytes = b"",
    device: tuple[int, int] = (0, 0),
    magic: bytes = b"ustar\00000",
    prefix: bytes = b"",
) -> bytes:
    """One header block, whatever it claims."""
    raw = bytearray(BLOCK)
    raw[0:100] = name[:100].ljust(100, b"\0")
    for at, width, value in (
        (100, 8, mode), (108, 8, uid), (116, 8, gid), (124, 12, size), (136, 12, mtime),
        (329, 8, device[0]), (337, 8, device[1]),
    ):  # fmt: skip
        raw[at : at + width] = number(value, width)
    raw[156:157] = kind
    raw[157:257] = link[:100].ljust(100, b"\0")
    raw[257:265] = magic
    raw[345:500] = prefix.ljust(155, b"\0")
    return checked(raw)


def checked(raw: bytearray | bytes) -> bytes:
    """A header block with its checksum put right."""
    done = bytearray(raw)
    done[148:156] = b" " * 8
    done[148:156] = b"%06o\0 " % sum(done)
    return bytes(done)


def padded(data: bytes) -> bytes:
    """``data`` filled up to whole blocks."""
    return data + bytes(-len(data) % BLOCK)


def pax(
    records: Mapping[bytes, bytes] | Sequence[tuple[bytes, bytes]], kind: bytes = b"x"
) -> bytes:
    """An extended header and its records."""
    pairs = records.items() if isinstance(records, Mapping) else records
    data = b"".join(record(key, value) for key, value in pairs)
    return block(b"PaxHeaders/x", kind, size=len(data)) + padded(data)


def record(key: bytes, value: bytes) -> bytes:
    """One PAX record, which counts its own length."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + len(str(len(rest)))
    length = len(rest) + len(str(length))
    return str(length).encode() + rest


def file(name: str | bytes, data: bytes = b"", /, **fields: Any) -> bytes:
    """A regular file with its data, whatever the length of its name."""
    return _long(name, b"0", data, fields)


def directory(name: str | bytes, **fields: Any) -> bytes:
    """A directory, 0755."""
    return _long(name, b"5", b"", {"mode": 0o755, **fields})


def symlink(name: str | bytes, target: str | bytes, **fields: Any) -> bytes:
    """A symbolic link."""
    return _long(name, b"2", b"", {"mode": 0o777, "link": _bytes(target), **fields})


def hardlink(name: str | bytes, target: str | bytes, **fields: Any) -> bytes:
    """One more name for ``target``."""
    return _long(name, b"1", b"", {"link": _bytes(target), **fields})


def device(name: str | bytes, kind: bytes, numbers: tuple[int, int], **fields: Any) -> bytes:
    """A device node: ``kind`` is ``b"3"`` (character) or ``b"4"`` (block)."""
    return _long(name, kind, b"", {"device": numbers, **fields})


def fifo(name: str | bytes, **fields: Any) -> bytes:
    """A named pipe."""
    return _long(name, b"6", b"", fields)


def gnu_long(name: bytes, kind: bytes = b"L") -> bytes:
    """GNU tar's header for a long name (``L``) or link target (``K``)."""
    data = name + b"\0"
    return block(b"././@LongLink", kind, size=len(data), magic=b"ustar  \0") + padded(data)


def _bytes(name: str | bytes) -> bytes:
    return name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name


def _long(name: str | bytes, kind: bytes, data: bytes, fields: dict[str, Any]) -> bytes:
    records: dict[bytes, bytes] = dict(fields.pop("pax", {}))
    raw, link = _bytes(name), fields.get("link", b"")
    if len(raw) > 100:
        records.setdefault(b"path", raw)
    if len(link) > 100:
        records.setdefault(b"linkpath", link)
    head = pax(records) if records else b""
    return head + block(raw, kind, size=len(data), **fields) + padded(data)


def layer(*members: bytes) -> bytes:
    """A layer's tar."""
    return b"".join(members) + END


def sha256(data: bytes) -> str:
    """The hexadecimal SHA-256."""
    return hashlib.sha256(data).hexdigest()


def gzipped(data: bytes) -> bytes:
    """``data`` by gzip, the same every time."""
    return gzip.compress(data, mtime=0)


def zstd(data: bytes, level: int = 3) -> bytes:
    """``data`` as one frame, by the system's libzstd (dpkg needs it: it is there)."""
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_compressBound.restype = library.ZSTD_compress.restype = ctypes.c_size_t
    room = library.ZSTD_compressBound(ctypes.c_size_t(len(data)))
    space = ctypes.create_string_buffer(room)
    sizes = (ctypes.c_size_t(room), data, ctypes.c_size_t(len(data)))
    size = library.ZSTD_compress(space, *sizes, level)
    return space.raw[:size]


def plain(data: bytes) -> bytes:
    """``data`` as it is."""
    return data


def dumped(value: Any) -> bytes:
    """JSON as an engine writes it."""
    return json.dumps(value, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Made:
    """An image to be written into archives: its layers' tars, lowest first, and its names."""

    layers: tuple[bytes, ...] = ()
    tags: tuple[str, ...] = ("lab:1",)
    extra: Mapping[str, Any] = field(default_factory=dict)  # over the configuration's fields

    @property
    def diff_ids(self) -> list[str]:
        """Of the layers, lowest first."""
        return [f"sha256:{sha256(one)}" for one in self.layers]

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
    parts, seen = [], set()
    for name, data in members.items():
        top = name.rpartition("/")[0]
        if top and top not in seen:
            seen.add(top)
            parts.append(directory(top + "/"))
        parts.append(file(name, data))
    parts += [symlink(name, target) for name, target in links.items()]
    return layer(*parts)


def classic(*images: Made) -> bytes:
    """docker save before 25: a directory for each layer, a layer met again as a symlink."""
    members: Members = {}
    links: dict[str, str] = {}
    listed = []
    first: dict[str, str] = {}
    for number_, one in enumerate(images):
        names = []
        for index, tar in enumerate(one.layers):
            own = sha256(f"{one.id} {number_} {index}".encode())
            names.append(f"{own}/layer.tar")
            members[f"{own}/VERSION"] = b"1.0"
            members[f"{own}/json"] = dumped({"id": own, "os": "linux"})
            if sha256(tar) in first:
                links[f"{own}/layer.tar"] = f"../{first[sha256(tar)]}/layer.tar"
            else:
                first[sha256(tar)] = own
                members[f"{own}/layer.tar"] = tar
        name = f"{sha256(one.config)}.json"
        members[name] = one.config
        listed.append({"Config": name, "RepoTags": list(one.tags) or None, "Layers": names})
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

    for one in images:
        packed = [pack(tar) for tar in one.layers]
        layers = [
            {"mediaType": _LAYER + suffix, "digest": put(tar), "size": len(tar)} for tar in packed
        ]
        config = {"mediaType": _CONFIG, "digest": put(one.config), "size": len(one.config)}
        manifest = dumped(
            {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": layers}
        )
        digest = put(manifest)
        notes = {
            "io.containerd.image.name": f"docker.io/library/{(one.tags or ('',))[0]}",
            "org.opencontainers.image.ref.name": (one.tags or ("",))[0].rpartition(":")[2],
        }
        descriptor = {"mediaType": _MANIFEST, "digest": digest, "size": len(manifest)}
        descriptors.append({**descriptor, "annotations": notes} if one.tags else descriptor)
        listed.append({
            "Config": f"blobs/sha256/{sha256(one.config)}",
            "RepoTags": list(one.tags) or None,
            "Layers": [f"blobs/sha256/{sha256(tar)}" for tar in packed],
        })  # fmt: skip
    return members, listed, descriptors


def index_of(descriptors: Any) -> bytes:
    """An index of manifests."""
    return dumped({"schemaVersion": 2, "mediaType": _INDEX, "manifests": descriptors})


def docker25(*images: Made) -> bytes:
    """docker save of 25 to 28: an OCI layout and manifest.json, an orphan blob for each layer."""
    members, listed, descriptors = blobs_of(*images)
    for one in images:
        for index, _ in enumerate(one.layers):
            orphan = dumped({"id": f"{one.id}{index}", "os": "linux"})
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
    for one, own in zip(images, descriptors, strict=True):
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
        outer.append({**descriptor, "annotations": notes} if one.tags else descriptor)
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
    for one in images:
        names = [f"{sha256(tar)}.tar" for tar in one.layers]
        members.update(zip(names, one.layers, strict=True))
        members[f"{sha256(one.config)}.json"] = one.config
        listed.append({
            "Config": f"{sha256(one.config)}.json",
            "RepoTags": [f"localhost/{tag}" for tag in one.tags],
            "Layers": names,
        })  # fmt: skip
    return archive({**members, "manifest.json": dumped(listed), "repositories": dumped({})})


def crane(*images: Made) -> bytes:
    """crane, kaniko: ``sha256:<hex>`` for the configuration, ``<hex>.tar.gz`` for layers."""
    members: Members = {}
    listed = []
    for one in images:
        packed = [gzipped(tar) for tar in one.layers]
        names = [f"{sha256(tar)}.tar.gz" for tar in packed]
        members[one.id] = one.config
        members.update(zip(names, packed, strict=True))
        listed.append({"Config": one.id, "RepoTags": list(one.tags), "Layers": names})
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
