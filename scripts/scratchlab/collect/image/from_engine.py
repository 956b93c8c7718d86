"""The image that a container was made from, by its archive, held against the engine's word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scratchlab.collect.image import kept, read_archive
from scratchlab.errors import LabError
from scratchlab.ledger import Ledger
from scratchlab.model import Engine, Image, Json

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient
    from scratchlab.progress import Progress


def read(
    client: EngineClient,
    engine: Engine,
    ref: str,
    progress: Progress,
    store: kept.Store | None = None,
) -> tuple[Image, Ledger]:
    """Save the image ``ref`` (an id is best: a tag may have moved) and read its ledger.

    Where ``store`` is given, a ledger that it keeps is taken instead, and a new one kept. Raises
    LabError when there is no such image, when the engine breaks off, when the archive is
    damaged, or when it is not of the image that the engine describes.
    """
    described = client.inspect_image(ref)
    if store is not None:
        found = store.find(engine.name, str(described.get("Id", "")), _layers(described))
        if found is not None:
            image, ledger = found
            return _named(image, described), ledger
    with client.save(ref) as stream:
        archive = read_archive(stream, progress=progress.step("reading the image", "bytes"))
    try:
        image = _proved(archive.image, described, engine)
    except LabError:
        archive.ledger.close()
        raise
    if store is not None:
        store.keep(engine.name, image, archive.ledger)
    return image, archive.ledger


def of_container(inspect: Mapping[str, Any]) -> str:
    """The id of the image that the container was made from; raises LabError when it has none."""
    ref = str(inspect.get("Image") or "")
    if not ref:
        name = str(inspect.get("Name", "")).lstrip("/")
        raise LabError(f"container {name} has no image: it was made from a directory (--rootfs)")
    return ref


def _proved(image: Image, described: Json, engine: Engine) -> Image:
    layers = _layers(described)
    if image.diff_ids != layers:
        raise LabError(
            f"the archive of image {described.get('Id')} holds other layers than {engine.name} says"
            f" ({len(image.diff_ids)}, it says {len(layers)})",
            "see whether the image was replaced meanwhile, and try again",
        )
    # In the containerd image store an image's id is its index's or manifest's digest (moby v25
    # daemon/containerd/image.go), elsewhere the digest of its configuration.
    told = _plain(described.get("Id", ""))
    if not engine.containerd_store and _plain(image.id) != told:
        what = f"the archive is of image {image.id}, {engine.name} saved {told}"
        raise LabError(what, "try again")
    return _named(replace(image, id=f"sha256:{told}"), described)


def _named(image: Image, described: Json) -> Image:
    return replace(image, tags=tuple(described.get("RepoTags") or image.tags))


def _layers(described: Json) -> tuple[str, ...]:
    return tuple((described.get("RootFS") or {}).get("Layers") or ())


def _plain(digest: str) -> str:
    return digest.removeprefix("sha256:")
