"""Read an image through the engine, and compare its archive with what the engine reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from scratchlab.collect.image import read_archive
from scratchlab.collect.image.ledger_cache import LedgerCache
from scratchlab.errors import LabError
from scratchlab.ledger import Ledger, SharedLedger
from scratchlab.model import Engine, Image, Json

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient
    from scratchlab.progress import Progress


def read_engine_image(
    client: EngineClient,
    engine: Engine,
    ref: str,
    progress: Progress,
    cache: LedgerCache | None = None,
) -> tuple[Image, Ledger]:
    """Save the image ``ref`` (an id is best: a tag may have moved) and read its ledger.

    With ``cache``, a ledger in it is returned instead, and a new one is added. Raises LabError when
    there is no such image, when the engine breaks off, when the archive is damaged, or when it is
    not of the image that the engine reports.
    """
    reported = client.inspect_image(ref)
    if cache is not None:
        cached = cache.find(engine.name, reported["Id"], _diff_ids(reported))
        if cached is not None:
            image, ledger = cached
            return _with_tags(image, reported), ledger
    with client.save(ref) as stream:
        count = progress.step("reading the image", "bytes")
        archive = read_archive(stream, diff_ids=_diff_ids(reported), progress=count)
    try:
        image = _checked(archive.image, reported, engine)
    except LabError:
        archive.ledger.close()
        raise
    if cache is not None:
        cache.keep(engine.name, image, archive.ledger)
    return image, archive.ledger


class SharedImages:
    """The image that was read last, for several containers one after the other.

    Containers of one image should follow each other: only one ledger is open at a time. A context
    manager: leaving it closes the ledger, which no caller does.
    """

    def __init__(self) -> None:
        self._owned: Ledger | None = None
        self._read: dict[str, tuple[Image, SharedLedger]] = {}  # by ref; one at the most

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the ledger of the image that was read last."""
        if self._owned is not None:
            self._owned.close()
        self._owned = None
        self._read.clear()

    def read(
        self,
        client: EngineClient,
        engine: Engine,
        ref: str,
        progress: Progress,
        cache: LedgerCache | None = None,
    ) -> tuple[Image, Ledger]:
        """As :func:`read_engine_image`; the same ``ref`` as the last time is not read again."""
        if ref not in self._read:
            self.close()
            image, self._owned = read_engine_image(client, engine, ref, progress, cache)
            self._read[ref] = image, SharedLedger(self._owned)
        return self._read[ref]


def container_image_id(inspect: Mapping[str, Any]) -> str:
    """The id of the image that the container was made from; raises LabError when it has none."""
    if not inspect.get("Image"):
        name = str(inspect["Name"]).lstrip("/")
        raise LabError(f"container {name} has no image: it was made from a directory (--rootfs)")
    return str(inspect["Image"])


def _checked(image: Image, reported: Json, engine: Engine) -> Image:
    diff_ids = _diff_ids(reported)
    if image.diff_ids != diff_ids:
        raise LabError(
            f"the archive of image {reported['Id']} has other layers than {engine.name} reports"
            f" ({len(image.diff_ids)} against {len(diff_ids)})",
            "check whether the image was replaced meanwhile, and try again",
        )
    # In the containerd image store an image's id is its index's or manifest's digest (moby v25
    # daemon/containerd/image.go), elsewhere the digest of its configuration.
    reported_id = _plain(reported["Id"])
    if not engine.containerd_store and _plain(image.id) != reported_id:
        what = f"{engine.name} saved an archive of image {image.id} instead of {reported_id}"
        raise LabError(what, "try again")
    return _with_tags(replace(image, id=f"sha256:{reported_id}"), reported)


def _with_tags(image: Image, reported: Json) -> Image:
    return replace(image, tags=tuple(reported.get("RepoTags") or image.tags))


def _diff_ids(reported: Json) -> tuple[str, ...]:
    return tuple((reported.get("RootFS") or {}).get("Layers") or ())


def _plain(digest: str) -> str:
    return digest.removeprefix("sha256:")
