"""The images that an archive lists, and the choice of one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scratchlab.collect.image.blobs import Blob, Blobs, Form, json_object, json_strings
from scratchlab.collect.image.platforms import Platform, described, this_machine
from scratchlab.collect.image.problems import DamageError, display
from scratchlab.errors import LabError

_SHORTEST_ID = 4
_DOMAINS = ("docker.io/library/", "docker.io/", "localhost/")
_MOST_LISTED = 20
_MOST_PLATFORMS = 64


@dataclass(frozen=True, slots=True)
class LayerSource:
    """What a document says of one layer: its media type, and where else it can be fetched."""

    media_type: str = ""
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """One image as one document describes it.

    ``id`` is the SHA-256 of the configuration, which is the member ``config``; ``layers`` names
    members, lowest first, and ``sources`` describes them in the same order, as far as the document
    does; ``aliases`` are digests of the indexes that lead to its manifest, outermost first, and of
    the manifest. ``platform`` is an index's, None where no index tells.
    """

    id: str
    config: str
    layers: tuple[str, ...]
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    sources: tuple[LayerSource, ...] = ()
    platform: Platform | None = None


@dataclass(frozen=True, slots=True)
class Artifact:
    """Something in an archive that is not an image: what it is, its names, its digests."""

    kind: str
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArchiveListing:
    """The images and artifacts that one document lists. ``source`` is the document's name."""

    source: str
    images: tuple[Candidate, ...]
    problems: tuple[str, ...] = ()
    artifacts: tuple[Artifact, ...] = ()


class NoSuchImageError(LabError):
    """A document does not list the image that was asked for."""


def config_digest(blobs: Blobs, name: str) -> str:
    """The digest of the image configuration ``name``: the image's id. Raises DamageError."""
    return _config_blob(blobs, name).digest


def read_config(blobs: Blobs, name: str) -> Mapping[str, Any]:
    """The image configuration ``name``; raises DamageError."""
    what = f"the configuration {display(name)}"
    return json_object(blobs.document(_config_blob(blobs, name), what), what)


def platform_of(blobs: Blobs, image: Candidate) -> Platform:
    """The platform of ``image``: an index's word, which has the variant, or the configuration's.

    Raises DamageError.
    """
    return image.platform or described(read_config(blobs, image.config))


def config_diff_ids(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The digests of the unpacked layers in an image configuration; raises DamageError."""
    rootfs = json_object(config.get("rootfs"), "the configuration's rootfs")
    return json_strings(rootfs.get("diff_ids"), "rootfs.diff_ids")


def _config_blob(blobs: Blobs, name: str) -> Blob:
    blob = blobs.get(name)
    if blob is None:
        raise DamageError(f"the configuration {display(name)} is missing")
    if blob.form is not Form.DOCUMENT:
        raise DamageError(f"{display(name)} is not an image configuration")
    return blob


def choose(
    listing: ArchiveListing,
    reference: str | None,
    wanted: Platform | None,
    platform_of: Callable[[Candidate], Platform],
) -> Candidate:
    """The image that ``reference`` (a tag, an id or the start of one) and ``wanted`` name.

    Without them, the listing must have a single image. Of several platforms of one image, this
    machine's is chosen. Raises NoSuchImageError when there is no such image, LabError when there
    is more than one.
    """
    matching = known = _unique(listing.images)
    if reference is not None:
        matching = [image for image in known if _is_named(image, reference)]
        if not matching:
            raise _not_named(listing, reference, known)
    if wanted is not None:
        matching = _of_platform(matching, wanted, platform_of)
    if len(matching) == 1:
        return matching[0]
    if len({image.tags for image in matching}) == 1 and len(matching) <= _MOST_PLATFORMS:
        platforms = [platform_of(image) for image in matching]
        own = this_machine()
        mine = [image for image in matching if platform_of(image).equals(own)]
        if len(mine) == 1:
            return mine[0]
        if len(set(platforms)) == len(platforms) and not mine:
            names = ", ".join(display(str(one)) for one in platforms)
            raise LabError(
                f"the archive contains the image for {names}, and not for this machine, {own}",
                f"choose one: --platform {display(str(platforms[0]))}",
            )
    raise LabError(
        f"the archive contains {len(matching)} images", f"name one of them: {_listed(matching)}"
    )


def _not_named(
    listing: ArchiveListing, reference: str, known: Sequence[Candidate]
) -> NoSuchImageError:
    for artifact in listing.artifacts:
        if _is_named(artifact, reference):
            return NoSuchImageError(
                f"{display(reference)} is not an image: it is {artifact.kind}",
                f"the archive contains the images {_listed(known)}",
            )
    what = f"the archive does not contain the image {display(reference)}"
    return NoSuchImageError(what, f"it contains {_listed(known)}")


def _of_platform(
    images: Sequence[Candidate], wanted: Platform, platform_of: Callable[[Candidate], Platform]
) -> list[Candidate]:
    """Those of the platform ``wanted``: exactly, or else in any variant where it names none."""
    platforms = [(image, platform_of(image)) for image in images]
    found = [image for image, platform in platforms if platform.equals(wanted)]
    found = found or [image for image, platform in platforms if platform.matches(wanted)]
    if not found:
        names = list(dict.fromkeys(display(str(platform)) for _, platform in platforms))
        raise NoSuchImageError(
            f"the archive does not contain the image for {wanted}",
            f"it contains it for {_shortened(names)}",
        )
    return found


def relatives(chosen: Candidate, listings: Iterable[ArchiveListing]) -> list[Candidate]:
    """The other platforms of the image ``chosen``, as far as any of the ``listings`` tells.

    They are reached by the same index, or listed by the same document under the same names.
    """
    found: dict[str, Candidate] = {}
    for listing in listings:
        same = [image for image in listing.images if image.id == chosen.id]
        indexes = {alias for image in same for alias in image.aliases[:-1]}
        names = {image.tags for image in same}
        for image in listing.images:
            related = image.tags in names or indexes.intersection(image.aliases[:-1])
            if related and image.id != chosen.id:
                found.setdefault(image.id, image)
    return list(found.values())


def _unique(images: Sequence[Candidate]) -> list[Candidate]:
    """One candidate for each image, with all its names."""
    unique: dict[tuple[str, tuple[str, ...]], Candidate] = {}
    for image in images:
        known = unique.get((image.id, image.layers))
        unique[image.id, image.layers] = image if known is None else _with_names_of(known, image)
    return list(unique.values())


def _with_names_of(image: Candidate, same: Candidate) -> Candidate:
    return replace(
        image,
        tags=tuple(dict.fromkeys(image.tags + same.tags)),
        aliases=tuple(dict.fromkeys(image.aliases + same.aliases)),
    )


def _is_named(image: Candidate | Artifact, reference: str) -> bool:
    plain = reference.removeprefix("sha256:")
    digests = image.aliases if isinstance(image, Artifact) else (image.id, *image.aliases)
    ids = [digest.removeprefix("sha256:") for digest in digests]
    if len(plain) >= _SHORTEST_ID and any(digest.startswith(plain) for digest in ids):
        return True
    return _full(reference) in map(_full, image.tags)


def _full(name: str) -> str:
    for domain in _DOMAINS:
        if name.startswith(domain):
            name = name.removeprefix(domain)
            break
    return name if ":" in name.rpartition("/")[2] or "@" in name else f"{name}:latest"


def _listed(images: Sequence[Candidate]) -> str:
    return _shortened([_name(image) for image in images])


def _shortened(names: Sequence[str]) -> str:
    more = [f"and {len(names) - _MOST_LISTED} more"] if len(names) > _MOST_LISTED else []
    return ", ".join([*names[:_MOST_LISTED], *more])


def _name(image: Candidate) -> str:
    short = image.id.removeprefix("sha256:")[:12]
    platform = f" for {display(str(image.platform))}" if image.platform else ""
    return f"{display(image.tags[0])}{platform} ({short})" if image.tags else f"{short}{platform}"
