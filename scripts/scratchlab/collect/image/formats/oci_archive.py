"""``index.json``: an OCI image layout (image-spec v1.1 image-layout.md), nested indexes included.

What is listed without being there is passed over: docker save of the containerd image store lists
the platforms of an image that were never pulled (containerd archive.WithSkipMissing), and
attestations of BuildKit, which are no images.
"""

from __future__ import annotations

from typing import Any

from scratchlab.collect.image import members
from scratchlab.collect.image.candidate import ArchiveListing, Candidate, image_id
from scratchlab.collect.image.limits import MOST_IMAGES
from scratchlab.collect.image.members import Blobs, Form, quoted
from scratchlab.collect.image.problems import DamageError
from scratchlab.model import Json

SOURCE = "index.json"
_DEPTH = 8
# In the order of their worth: containerd's and Docker's is the full name, OCI's often a tag only.
_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
_ATTESTATION = "vnd.docker.reference.type"


def images(blobs: Blobs) -> ArchiveListing | None:
    """The images that index.json leads to; None when there is none. Raises DamageError."""
    blob = blobs.get(SOURCE)
    if blob is None:
        return None
    if blob.form is not Form.DOCUMENT:
        raise DamageError(f"{SOURCE} is no JSON document")
    walk = _Walk(blobs)
    walk.index(members.mapping(blobs.document(blob, SOURCE), SOURCE), SOURCE, (), (), 0)
    if not walk.listed:
        walk.problems.append(f"{SOURCE} lists no image")
    return ArchiveListing(SOURCE, tuple(walk.found), tuple(walk.problems))


class _Walk:
    """From index to index down to the manifests."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._seen: set[tuple[str, tuple[str, ...]]] = set()
        self.found: list[Candidate] = []
        self.problems: list[str] = []
        self.listed = 0

    def index(
        self,
        index: Json,
        what: str,
        tags: tuple[str, ...],
        aliases: tuple[str, ...],
        depth: int,
    ) -> None:
        """Look at every manifest of an index that was reached by ``aliases``."""
        if depth > _DEPTH:
            raise DamageError("its indexes are nested without end")
        for one in members.sequence(index.get("manifests"), f"manifests of {what}"):
            descriptor = members.mapping(one, f"a manifest of {what}")
            notes = members.mapping(descriptor.get("annotations"), f"annotations in {what}")
            if not _is_image(descriptor, notes):
                continue
            name = next((notes[key] for key in _NAMES if notes.get(key)), None)
            named = (members.text(name, f"a name in {what}"),) if name else tags
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
            raise DamageError(f"{SOURCE} leads to more than {MOST_IMAGES} images")
        digest = members.text(descriptor.get("digest"), f"a digest in {what}")
        if (digest, tags) in self._seen:
            return
        self._seen.add((digest, tags))
        blob = self._blobs.get(member(digest))
        if blob is None:
            return
        if blob.form is not Form.DOCUMENT:
            raise DamageError(f"{quoted(digest)}, which {what} names, is no JSON document")
        found = members.mapping(self._blobs.document(blob, quoted(digest)), quoted(digest))
        reached = (*aliases, digest)
        if "manifests" in found:
            self.index(found, quoted(digest), tags, reached, depth + 1)
        elif "config" in found:
            self._manifest(found, quoted(digest), tags, reached)

    def _manifest(
        self, manifest: Json, what: str, tags: tuple[str, ...], aliases: tuple[str, ...]
    ) -> None:
        described = members.mapping(manifest["config"], f"config of {what}")
        kind = str(described.get("mediaType", ""))
        name = member(members.text(described.get("digest"), f"config of {what}"))
        if "config" not in kind and "image" not in kind and kind:
            return  # an artifact that is no image
        if self._blobs.get(name) is None:
            self.problems.append(f"the manifest {what} is there, its configuration is not")
            return
        number = image_id(self._blobs, name)
        layers = members.sequence(manifest.get("layers"), f"layers of {what}")
        digests = (
            members.text(members.mapping(one, what).get("digest"), f"a layer of {what}")
            for one in layers
        )
        self.found.append(Candidate(number, name, tuple(map(member, digests)), tags, aliases))


def member(digest: str) -> str:
    """The name of the member that holds the blob ``digest``."""
    algorithm, _, value = digest.partition(":")
    return f"blobs/{algorithm}/{value}"


def _is_image(descriptor: Json, notes: Json) -> bool:
    platform: Any = descriptor.get("platform")
    unknown = isinstance(platform, dict) and platform.get("os") == "unknown"
    return not unknown and _ATTESTATION not in notes
