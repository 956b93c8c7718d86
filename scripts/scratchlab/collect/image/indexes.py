"""From an index or manifest of a registry down to the images and artifacts that it lists.

Indexes may be nested. What is listed but missing is skipped: docker save of the containerd image
store lists the platforms of an image that were never pulled (containerd archive.WithSkipMissing).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from scratchlab.collect.image import media_types
from scratchlab.collect.image.blobs import (
    Blobs,
    Form,
    json_array,
    json_object,
    json_string,
    json_strings,
)
from scratchlab.collect.image.candidates import (
    ArchiveListing,
    Artifact,
    Candidate,
    LayerSource,
    config_digest,
)
from scratchlab.collect.image.limits import MOST_IMAGES
from scratchlab.collect.image.platforms import Platform, described
from scratchlab.collect.image.problems import DamageError, display
from scratchlab.model import Json

_MOST_NESTED = 8
# The best first: containerd and Docker write the full name, OCI tools often a tag only.
_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
_ATTESTATION = "vnd.docker.reference.type"


@dataclass(frozen=True, slots=True)
class BlobNames:
    """How members are named after a digest: blobs, and manifests that an index lists."""

    blob: Callable[[str], str]
    manifest: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _Way:
    """How a document was reached: its name, tags and platform, and the digests on the way."""

    name: str
    tags: tuple[str, ...] = ()
    platform: Platform | None = None
    aliases: tuple[str, ...] = ()


def _in_layout(digest: str) -> str:
    algorithm, _, value = digest.partition(":")
    return f"blobs/{algorithm}/{value}"


def _beside(digest: str) -> str:
    return digest.rpartition(":")[2]


LAYOUT = BlobNames(_in_layout, _in_layout)
# containers/image v5 directory/directory_transport.go layerPath, manifestPath
DIRECTORY = BlobNames(_beside, lambda digest: f"{_beside(digest)}.manifest.json")


def layer_source(value: Any, what: str) -> LayerSource:
    """What the descriptor ``value`` in ``what`` says of a layer; raises DamageError."""
    fields = json_object(value, what)
    media_type = fields.get("mediaType")
    return LayerSource(
        media_type if isinstance(media_type, str) else "",
        json_strings(fields.get("urls"), f"urls in {what}"),
    )


class IndexWalk:
    """Walks from index to index down to the manifests; for one document."""

    def __init__(self, blobs: Blobs, names: BlobNames) -> None:
        self._blobs = blobs
        self._names = names
        self._visited: set[tuple[str, tuple[str, ...]]] = set()
        self._images: list[Candidate] = []
        self._artifacts: list[Artifact] = []
        self._problems: list[str] = []
        self._listed = 0

    def listing(self, document: Any, source: str) -> ArchiveListing:
        """What ``document``, the value of the member ``source``, lists. Raises DamageError."""
        fields = json_object(document, source)
        way = _Way(source)
        if "config" in fields or "layers" in fields:
            self._read_manifest(fields, way)
        else:
            self._read_index(fields, way, 0)
            if not self._listed:
                self._problems.append(f"{source} lists no image")
        return ArchiveListing(
            source, tuple(self._images), tuple(self._problems), tuple(self._artifacts)
        )

    def _read_index(self, index: Json, way: _Way, depth: int) -> None:
        if depth > _MOST_NESTED:
            raise DamageError(f"its indexes are nested more than {_MOST_NESTED} deep")
        what = way.name
        for manifest in json_array(index.get("manifests"), f"manifests of {what}"):
            self._listed += 1
            if self._listed > MOST_IMAGES:
                raise DamageError(f"its indexes lead to more than {MOST_IMAGES} images")
            descriptor = json_object(manifest, f"a manifest in {what}")
            notes = json_object(descriptor.get("annotations"), f"annotations in {what}")
            name = next((notes[key] for key in _NAMES if notes.get(key)), None)
            tags = (json_string(name, f"a name in {what}"),) if name else way.tags
            digest = json_string(descriptor.get("digest"), f"a digest in {what}")
            platform = json_object(descriptor.get("platform"), f"a platform in {what}")
            found = _Way(
                display(digest),
                tags,
                described(platform) if platform else way.platform,
                (*way.aliases, digest),
            )
            kind = _other_than_manifest(descriptor, found.platform, notes)
            if kind:
                self._artifacts.append(Artifact(kind, tags, found.aliases))
            elif (digest, tags) not in self._visited:
                self._visited.add((digest, tags))
                self._follow(digest, what, found, depth)

    def _follow(self, digest: str, listed_in: str, way: _Way, depth: int) -> None:
        blob = self._blobs.get(self._names.manifest(digest))
        if blob is None:
            return
        if blob.form is not Form.DOCUMENT:
            raise DamageError(f"{way.name}, listed in {listed_in}, is not a JSON document")
        document = json_object(self._blobs.document(blob, way.name), way.name)
        if "manifests" in document:
            self._read_index(document, way, depth + 1)
        elif "config" in document or "layers" in document:
            self._read_manifest(document, way)
        elif "blobs" in document or "artifactType" in document:
            # The artifact manifest of image-spec v1.1.0-rc1 and rc2.
            kind = media_types.artifact(str(document.get("artifactType", "")))
            self._artifacts.append(Artifact(kind, way.tags, way.aliases))

    def _read_manifest(self, manifest: Json, way: _Way) -> None:
        what = way.name
        config = json_object(manifest.get("config"), f"config of {what}")
        layers = [
            json_object(layer, f"a layer of {what}")
            for layer in json_array(manifest.get("layers"), f"layers of {what}")
        ]
        sources = tuple(layer_source(layer, f"a layer of {what}") for layer in layers)
        own, kind = str(manifest.get("artifactType", "")), str(config.get("mediaType", ""))
        types = [source.media_type for source in sources]
        if not media_types.is_image(kind, types):
            name = media_types.artifact(own, kind, *types)
            self._artifacts.append(Artifact(name, way.tags, way.aliases))
            return
        member = self._names.blob(json_string(config.get("digest"), f"config of {what}"))
        if self._blobs.get(member) is None:
            self._problems.append(f"the configuration of the manifest {what} is missing")
            return
        digests = (json_string(layer.get("digest"), f"a layer of {what}") for layer in layers)
        image = Candidate(
            id=config_digest(self._blobs, member),
            config=member,
            layers=tuple(map(self._names.blob, digests)),
            sources=sources,
        )
        self._images.append(
            replace(image, tags=way.tags, aliases=way.aliases, platform=way.platform)
        )


def _other_than_manifest(descriptor: Json, platform: Platform | None, notes: Json) -> str:
    """What is listed instead of an image's manifest, as far as its descriptor tells; else ""."""
    if _ATTESTATION in notes:
        return "an attestation of BuildKit"
    if platform is not None and platform.os == "unknown":
        return f"a manifest for the platform {display(str(platform))}"
    media_type = str(descriptor.get("mediaType", ""))
    return "" if media_types.is_manifest(media_type) else media_types.artifact(media_type)
