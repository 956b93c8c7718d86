"""The formats of image archives: from the members to the images that they list.

``manifest.json`` (moby image/spec/v1.2.md "Combined Image JSON + Filesystem Changeset Format"):
docker save since 1.10, podman, skopeo, buildx, crane, kaniko.

``index.json``: an OCI image layout (image-spec v1.1 image-layout.md), nested indexes included. An
image that is listed but missing is skipped: docker save of the containerd image store lists the
platforms of an image that were never pulled (containerd archive.WithSkipMissing), and attestations
of BuildKit, which are not images.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scratchlab.collect.image.blobs import (
    Blob,
    Blobs,
    Form,
    json_array,
    json_object,
    json_string,
    json_strings,
)
from scratchlab.collect.image.candidates import ArchiveListing, Candidate, config_digest
from scratchlab.collect.image.limits import MOST_IMAGES
from scratchlab.collect.image.problems import DamageError, display
from scratchlab.model import Json

_MANIFEST = "manifest.json"
_INDEX = "index.json"
_MOST_NESTED = 8
# The best first: containerd and Docker write the full name, OCI tools often a tag only.
_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
_ATTESTATION = "vnd.docker.reference.type"


def listings(blobs: Blobs) -> dict[str, ArchiveListing]:
    """The listing of each format that the archive has, by the format's name.

    The first format that lists an image is believed, the others are second opinions. Raises
    DamageError.
    """
    found = {name: images(blobs) for name, images in _FORMATS.items()}
    return {name: listing for name, listing in found.items() if listing is not None}


def _docker_archive(blobs: Blobs) -> ArchiveListing | None:
    blob = _document_blob(blobs, _MANIFEST)
    if blob is None:
        return None
    images = json_array(blobs.document(blob, _MANIFEST), _MANIFEST)
    if len(images) > MOST_IMAGES:
        raise DamageError(f"{_MANIFEST} lists more than {MOST_IMAGES} images")
    return ArchiveListing(_MANIFEST, tuple(_docker_image(blobs, image) for image in images))


def _docker_image(blobs: Blobs, image: Any) -> Candidate:
    fields = json_object(image, f"an image in {_MANIFEST}")
    config = json_string(fields.get("Config"), f"an image's Config in {_MANIFEST}")
    return Candidate(
        id=config_digest(blobs, config),
        config=config,
        layers=json_strings(fields.get("Layers"), f"Layers in {_MANIFEST}"),
        tags=json_strings(fields.get("RepoTags"), f"RepoTags in {_MANIFEST}"),
    )


def _oci_layout(blobs: Blobs) -> ArchiveListing | None:
    blob = _document_blob(blobs, _INDEX)
    if blob is None:
        return None
    walk = _IndexWalk(blobs)
    walk.read_index(json_object(blobs.document(blob, _INDEX), _INDEX), _INDEX, (), (), 0)
    if not walk.listed:
        walk.problems.append(f"{_INDEX} lists no image")
    return ArchiveListing(_INDEX, tuple(walk.images), tuple(walk.problems))


# By name; listings() says what the order means.
_FORMATS: dict[str, Callable[[Blobs], ArchiveListing | None]] = {
    "docker-archive": _docker_archive,
    "oci-archive": _oci_layout,
}


class _IndexWalk:
    """From index to index down to the manifests."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._visited: set[tuple[str, tuple[str, ...]]] = set()
        self.images: list[Candidate] = []
        self.problems: list[str] = []
        self.listed = 0

    def read_index(
        self,
        index: Json,
        what: str,
        tags: tuple[str, ...],
        aliases: tuple[str, ...],
        depth: int,
    ) -> None:
        """Read every manifest of an index that was reached by the digests ``aliases``."""
        if depth > _MOST_NESTED:
            raise DamageError(f"its indexes are nested more than {_MOST_NESTED} deep")
        for manifest in json_array(index.get("manifests"), f"manifests of {what}"):
            descriptor = json_object(manifest, f"a manifest in {what}")
            notes = json_object(descriptor.get("annotations"), f"annotations in {what}")
            if not _is_image(descriptor, notes):
                continue
            name = next((notes[key] for key in _NAMES if notes.get(key)), None)
            named = (json_string(name, f"a name in {what}"),) if name else tags
            self._follow(descriptor, what, named, aliases, depth)

    def _follow(
        self,
        descriptor: Json,
        what: str,
        tags: tuple[str, ...],
        aliases: tuple[str, ...],
        depth: int,
    ) -> None:
        self.listed += 1
        if self.listed > MOST_IMAGES:
            raise DamageError(f"{_INDEX} leads to more than {MOST_IMAGES} images")
        digest = json_string(descriptor.get("digest"), f"a digest in {what}")
        if (digest, tags) in self._visited:
            return
        self._visited.add((digest, tags))
        blob = self._blobs.get(_blob_member(digest))
        if blob is None:
            return
        name = display(digest)
        if blob.form is not Form.DOCUMENT:
            raise DamageError(f"{name}, listed in {what}, is not a JSON document")
        document = json_object(self._blobs.document(blob, name), name)
        reached = (*aliases, digest)
        if "manifests" in document:
            self.read_index(document, name, tags, reached, depth + 1)
        elif "config" in document:
            self._read_manifest(document, name, tags, reached)

    def _read_manifest(
        self, manifest: Json, what: str, tags: tuple[str, ...], aliases: tuple[str, ...]
    ) -> None:
        config = json_object(manifest["config"], f"config of {what}")
        media_type = str(config.get("mediaType", ""))
        member = _blob_member(json_string(config.get("digest"), f"config of {what}"))
        if "config" not in media_type and "image" not in media_type and media_type:
            return  # an artifact, not an image
        if self._blobs.get(member) is None:
            self.problems.append(f"the configuration of the manifest {what} is missing")
            return
        image_id = config_digest(self._blobs, member)
        layers = json_array(manifest.get("layers"), f"layers of {what}")
        digests = (
            json_string(json_object(layer, what).get("digest"), f"a layer of {what}")
            for layer in layers
        )
        names = tuple(map(_blob_member, digests))
        self.images.append(Candidate(image_id, member, names, tags, aliases))


def _document_blob(blobs: Blobs, name: str) -> Blob | None:
    blob = blobs.get(name)
    if blob is not None and blob.form is not Form.DOCUMENT:
        raise DamageError(f"{name} is not a JSON document")
    return blob


def _blob_member(digest: str) -> str:
    """The name of the member that holds the blob ``digest``."""
    algorithm, _, value = digest.partition(":")
    return f"blobs/{algorithm}/{value}"


def _is_image(descriptor: Json, notes: Json) -> bool:
    platform: Any = descriptor.get("platform")
    unknown = isinstance(platform, dict) and platform.get("os") == "unknown"
    return not unknown and _ATTESTATION not in notes
