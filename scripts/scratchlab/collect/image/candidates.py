"""The images that an archive lists, and the choice of one of them."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scratchlab.collect.image.blobs import Blob, Blobs, Form, json_object, json_strings
from scratchlab.collect.image.problems import DamageError, display
from scratchlab.errors import LabError

_SHORTEST_ID = 4
_DOMAINS = ("docker.io/library/", "docker.io/", "localhost/")
# uname -m -> GOARCH, where they differ
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
_MOST_LISTED = 20
_MOST_PLATFORMS = 64


@dataclass(frozen=True, slots=True)
class Candidate:
    """One image as one document describes it.

    ``id`` is the SHA-256 of the configuration, which is the member ``config``; ``layers`` names
    members, lowest first; ``aliases`` are digests of the manifest and of the indexes that lead to
    it.
    """

    id: str
    config: str
    layers: tuple[str, ...]
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArchiveListing:
    """The images that one document lists. ``source`` is the document's name."""

    source: str
    images: tuple[Candidate, ...]
    problems: tuple[str, ...] = ()


def config_digest(blobs: Blobs, name: str) -> str:
    """The digest of the image configuration ``name``: the image's id. Raises DamageError."""
    return _config_blob(blobs, name).digest


def read_config(blobs: Blobs, name: str) -> Mapping[str, Any]:
    """The image configuration ``name``; raises DamageError."""
    what = f"the configuration {display(name)}"
    return json_object(blobs.document(_config_blob(blobs, name), what), what)


def config_platform(config: Mapping[str, Any]) -> str:
    """The platform in an image configuration, in the form of ``docker --platform``."""
    parts = (config.get(key) for key in ("os", "architecture", "variant"))
    return "/".join(str(part) for part in parts if part)


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
    images: Sequence[Candidate], reference: str | None, platform_of: Callable[[Candidate], str]
) -> tuple[Candidate, str | None]:
    """The image that ``reference`` (a tag, an id or the start of one) names, and a remark or None.

    With None, the archive must hold a single image. Of several platforms of one image, this
    machine's is chosen. Raises LabError when there is no such image, or more than one.
    """
    matching = _unique(images)
    if reference is not None:
        matching = [image for image in matching if _is_named(image, reference)]
        if not matching:
            what = f"the archive does not contain the image {display(reference)}"
            raise LabError(what, f"it contains {_listed(_unique(images))}")
    if len(matching) == 1:
        return matching[0], None
    if len({image.tags for image in matching}) == 1 and len(matching) <= _MOST_PLATFORMS:
        platforms = {platform_of(image): image for image in matching}
        mine = [name for name in platforms if name.split("/")[:2] == ["linux", _architecture()]]
        if len(mine) == 1 and len(platforms) == len(matching):
            others = ", ".join(display(name) for name in platforms if name != mine[0])
            remark = f"the archive also contains the image for {others}: this machine's was read"
            return platforms[mine[0]], remark
    raise LabError(
        f"the archive contains {len(matching)} images", f"name one of them: {_listed(matching)}"
    )


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


def _is_named(image: Candidate, reference: str) -> bool:
    plain = reference.removeprefix("sha256:")
    ids = [digest.removeprefix("sha256:") for digest in (image.id, *image.aliases)]
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
    names = [_name(image) for image in images[:_MOST_LISTED]]
    if len(images) > _MOST_LISTED:
        names.append(f"and {len(images) - _MOST_LISTED} more")
    return ", ".join(names)


def _name(image: Candidate) -> str:
    short = image.id.removeprefix("sha256:")[:12]
    return f"{display(image.tags[0])} ({short})" if image.tags else short


def _architecture() -> str:
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)
