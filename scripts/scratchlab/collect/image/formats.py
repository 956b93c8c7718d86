"""The formats of image archives: from the members to the images that they list.

``manifest.json`` (moby image/spec/v1.2.md "Combined Image JSON + Filesystem Changeset Format"):
docker save since 1.10, podman, skopeo, buildx, crane, kaniko. It is an array.

``index.json``: an OCI image layout (image-spec v1.1 image-layout.md).

``manifest.json`` as an object: the transport ``dir:`` of skopeo, podman and buildah. It is the
manifest or index of a registry, and the blobs lie beside it (containers/image v5
directory/directory_transport.go).
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
from scratchlab.collect.image.candidates import (
    ArchiveListing,
    Candidate,
    LayerSource,
    config_diff_ids,
    config_digest,
    read_config,
)
from scratchlab.collect.image.indexes import DIRECTORY, LAYOUT, IndexWalk, layer_source
from scratchlab.collect.image.limits import MOST_IMAGES
from scratchlab.collect.image.problems import DamageError, UnreadableError
from scratchlab.model import Json

_MANIFEST = "manifest.json"
_INDEX = "index.json"


def listings(blobs: Blobs) -> dict[str, ArchiveListing]:
    """The listing of each format that the archive has, by the format's name.

    The first format that lists an image is believed, the others are second opinions. Raises
    DamageError.
    """
    found = {name: images(blobs) for name, images in _FORMATS.items()}
    return {name: listing for name, listing in found.items() if listing is not None}


def _docker_archive(blobs: Blobs) -> ArchiveListing | None:
    value = _document(blobs, _MANIFEST)
    if value is None or _is_registry_manifest(value[0]):
        return None
    images = json_array(value[0], _MANIFEST)
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
        sources=_docker_sources(blobs, config, fields),
    )


def _docker_sources(blobs: Blobs, config: str, fields: Json) -> tuple[LayerSource, ...]:
    """LayerSources: for each foreign layer its descriptor, by its diff_id (moby v26.1
    image/tarexport/tarexport.go manifestItem).
    """
    what = f"LayerSources in {_MANIFEST}"
    sources = json_object(fields.get("LayerSources"), what)
    if not sources:
        return ()
    diff_ids = config_diff_ids(read_config(blobs, config))
    return tuple(layer_source(sources.get(diff_id), what) for diff_id in diff_ids)


def _oci_layout(blobs: Blobs) -> ArchiveListing | None:
    value = _document(blobs, _INDEX)
    return None if value is None else IndexWalk(blobs, LAYOUT).listing(value[0], _INDEX)


def _registry_manifest(blobs: Blobs) -> ArchiveListing | None:
    value = _document(blobs, _MANIFEST)
    if value is None or not _is_registry_manifest(value[0]):
        return None
    if value[0].get("schemaVersion") == 1:
        raise UnreadableError(
            f"{_MANIFEST} is a registry's manifest of schema 1, which has no configuration to"
            " prove the layers with",
            "copy the image again as schema 2: skopeo copy --format v2s2",
        )
    return IndexWalk(blobs, DIRECTORY).listing(value[0], _MANIFEST)


def _is_registry_manifest(value: Any) -> bool:
    return isinstance(value, dict) and "schemaVersion" in value


# By name; listings() says what the order means.
_FORMATS: dict[str, Callable[[Blobs], ArchiveListing | None]] = {
    "docker-archive": _docker_archive,
    "oci-archive": _oci_layout,
    "skopeo-dir": _registry_manifest,
}


def _document(blobs: Blobs, name: str) -> tuple[Any] | None:
    """The JSON value of the member ``name``, in a tuple; None when there is no such member."""
    blob: Blob | None = blobs.get(name)
    if blob is None:
        return None
    if blob.form is not Form.DOCUMENT:
        raise DamageError(f"{name} is not a JSON document")
    return (blobs.document(blob, name),)
