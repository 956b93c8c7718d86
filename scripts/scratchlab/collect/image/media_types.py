"""What the media types in a manifest say: an image, or which artifact instead."""

from __future__ import annotations

from collections.abc import Sequence

from scratchlab.collect.image.problems import display

_CONFIGS = (
    "application/vnd.oci.image.config.",  # image-spec v1.1 config.md
    "application/vnd.docker.container.image.",  # distribution v2.8 manifest/schema2
    "application/octet-stream",  # pushed by Docker 1.10 (distribution schema2 manifest.go)
)
_LAYERS = ("application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs.")
_EMPTY = "application/vnd.oci.empty."
_MANIFESTS = (
    "application/vnd.oci.image.manifest.",
    "application/vnd.oci.image.index.",
    "application/vnd.oci.artifact.manifest.",  # image-spec v1.1.0-rc1 and rc2 only
    "application/vnd.docker.distribution.manifest.v2",
    "application/vnd.docker.distribution.manifest.list.",
    "application/json",
)
# Media types of configurations, layers or artifacts (their beginnings) -> what people call it.
_ARTIFACTS = {
    "application/vnd.cncf.helm.": "a Helm chart",
    "application/vnd.dev.cosign.": "a cosign signature",
    "application/vnd.dev.sigstore.": "a Sigstore signature",
    "application/vnd.cncf.notary.": "a Notary signature",
    "application/vnd.in-toto": "an attestation (in-toto)",
    "application/vnd.dsse.": "an attestation (DSSE)",
    "application/vnd.wasm.": "a WebAssembly module",
    "application/wasm": "a WebAssembly module",
    "application/vnd.docker.plugin.": "a plugin of Docker",
    "application/vnd.buildkit.cacheconfig.": "a build cache of BuildKit",
    "application/vnd.docker.compose.": "a Compose project",
    "application/vnd.docker.ai.": "a model",
    "application/vnd.cncf.model.": "a model",
    "application/vnd.sylabs.sif.": "a Singularity image (SIF)",
    "application/vnd.cncf.flux.": "a source of Flux",
    "application/vnd.cncf.openpolicyagent.": "a policy of Open Policy Agent",
    "application/vnd.amazon.soci.": "an index of SOCI",
    "application/spdx": "an SBOM (SPDX)",
    "text/spdx": "an SBOM (SPDX)",
    "application/vnd.cyclonedx": "an SBOM (CycloneDX)",
    "application/vnd.syft": "an SBOM (Syft)",
    "application/vnd.docker.distribution.manifest.v1": "an image of a registry's schema 1",
    **dict.fromkeys(_LAYERS, "a layer alone"),
}


def is_manifest(media_type: str) -> bool:
    """Whether this is the type of a manifest or an index; "" is taken for one."""
    return not media_type or media_type.startswith(_MANIFESTS)


def is_layer(media_type: str) -> bool:
    """Whether a layer of this type is a part of a root filesystem; "" is taken for one."""
    return not media_type or media_type.startswith(_LAYERS)


def is_tar(media_type: str) -> bool:
    """Whether a layer of this type is a tar archive, however packed; "" is taken for one."""
    return not media_type or (media_type.startswith(_LAYERS) and ".tar" in media_type)


def is_foreign(media_type: str) -> bool:
    """Whether a layer of this type is fetched from elsewhere (image-spec v1.1 layer.md)."""
    return ".foreign." in media_type or ".nondistributable." in media_type


def is_encrypted(media_type: str) -> bool:
    """Whether a layer of this type is encrypted (containers/ocicrypt v1.1 spec)."""
    return media_type.endswith("+encrypted")


def is_image(config: str, layers: Sequence[str]) -> bool:
    """Whether a manifest with these types of its configuration and layers is an image's.

    Signatures and attestations often have an image's configuration, and no layer of an image.
    """
    if config and not config.startswith(_CONFIGS):
        return False
    return not layers or any(map(is_layer, layers))


def artifact(*types: str) -> str:
    """What an artifact is, by its own type, its configuration's and its layers', "" for none."""
    telling = [one for one in types if one and not one.startswith((*_CONFIGS, _EMPTY))]
    for media_type in telling:
        for start, name in _ARTIFACTS.items():
            if media_type.startswith(start):
                return f"{name} ({display(media_type)})"
    return f"an artifact of type {display(telling[0])}" if telling else "an artifact without a type"
