"""What is not an image, or not an image that can be read here, is called what it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchlab.collect.image.limits import ArchiveLimits
from scratchlab.errors import LabError

from .archives import Members, archive, blobs_of, image, index_of
from .build import dumped, file, gzipped, layer, sha256
from .reading import paths, read

IMAGE = image(layer(file("one")), layer(file("two")))
_CONFIG = "application/vnd.oci.image.config.v1+json"
_EMPTY = "application/vnd.oci.empty.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


def manifest(media_type: str | None, *layers: str, **fields: Any) -> tuple[Members, dict[str, Any]]:
    """An artifact with these media types: its blobs and its descriptor."""
    content, settings_ = b"\x7fsomething", dumped({"name": "x"})
    described = {"digest": f"sha256:{sha256(settings_)}"}
    data = dumped({
        "schemaVersion": 2,
        "config": {**described, "mediaType": media_type} if media_type else described,
        "layers": [{"mediaType": one, "digest": f"sha256:{sha256(content)}"} for one in layers],
        **fields,
    })  # fmt: skip
    blobs = {f"blobs/sha256/{sha256(part)}": part for part in (content, settings_, data)}
    return blobs, {"digest": f"sha256:{sha256(data)}"}


def layout(*parts: tuple[Members, dict[str, Any]]) -> bytes:
    members: Members = {}
    for blobs, _ in parts:
        members |= blobs
    members["index.json"] = index_of([descriptor for _, descriptor in parts])
    return archive(members)


def refusal(data: bytes, **options: Any) -> str:
    with pytest.raises(LabError) as caught:
        read(data, **options)
    line = str(caught.value)
    assert caught.value.remedy
    assert "\n" not in line
    assert "damaged" not in line
    assert "save it again" not in line
    return line


ARTIFACTS: dict[str, tuple[tuple[Members, dict[str, Any]], str]] = {
    "helm": (
        manifest(
            "application/vnd.cncf.helm.config.v1+json",
            "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
        ),
        "a Helm chart (application/vnd.cncf.helm.config.v1+json)",
    ),
    "cosign": (
        manifest(_CONFIG, "application/vnd.dev.cosign.simplesigning.v1+json"),
        "a cosign signature (",
    ),
    "sigstore": (
        manifest(
            _EMPTY, _EMPTY, artifactType="application/vnd.dev.sigstore.bundle.v0.3+json"
        ),
        "a Sigstore signature (",
    ),
    "wasm": (manifest("application/vnd.wasm.config.v0+json", "application/wasm"), "WebAssembly"),
    "in-toto": (manifest(_CONFIG, "application/vnd.in-toto+json"), "an attestation (in-toto)"),
    "unknown": (
        manifest("application/vnd.example.thing.v1+json", "application/x\x1b[31m"),
        "an artifact: an artifact of type application/vnd.example.thing.v1+json",
    ),
    "no type": (manifest(_EMPTY, _EMPTY), "an artifact: an artifact without a type"),
    "no configuration": (manifest(None, "text/spdx+json", config=None), "an SBOM (SPDX)"),
    "attestation of BuildKit": (
        ({}, {"digest": "sha256:0", "annotations": {"vnd.docker.reference.type": "x"}}),
        "an attestation of BuildKit",
    ),
    "unknown platform": (
        ({}, {"digest": "sha256:0", "platform": {"os": "unknown", "architecture": "unknown"}}),
        "a manifest for the platform unknown/unknown",
    ),
    "build cache": (
        (
            {f"blobs/sha256/{sha256(b'{}')}": b"{}"},
            {
                "digest": f"sha256:{sha256(b'{}')}",
                "mediaType": "application/vnd.buildkit.cacheconfig.v0",
            },
        ),
        "a build cache of BuildKit",
    ),
    "layer": (
        (
            {f"blobs/sha256/{sha256(IMAGE.layers[0])}": IMAGE.layers[0]},
            {"digest": f"sha256:{sha256(IMAGE.layers[0])}", "mediaType": _LAYER},
        ),
        "a layer alone",
    ),
    "schema 1": (
        (
            {},
            {
                "digest": "sha256:0",
                "mediaType": "application/vnd.docker.distribution.manifest.v1+prettyjws",
            },
        ),
        "an image of a registry's schema 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ARTIFACTS)
def test_artifact_alone_is_named(name: str) -> None:
    part, expected = ARTIFACTS[name]
    line = refusal(layout(part))
    assert line.startswith("the archive contains no image, but an artifact: ")
    assert expected in line


@pytest.mark.parametrize("name", ARTIFACTS)
def test_artifact_beside_an_image_is_no_problem(name: str) -> None:
    members, _, (descriptor,) = blobs_of(IMAGE)
    found = read(layout(ARTIFACTS[name][0], (members, descriptor)))
    assert paths(found) == ["/one", "/two"]
    assert (found.image.problems, found.image.notes) == ((), ())


def test_many_artifacts_are_named_together() -> None:
    line = refusal(layout(*(part for part, _ in ARTIFACTS.values())))
    assert ", but artifacts: a Helm chart (" in line
    assert line.endswith(", and 8 more; only an image has a root filesystem")


def test_artifact_that_is_asked_for_is_named() -> None:
    members, _, (descriptor,) = blobs_of(IMAGE)
    blobs, chart = ARTIFACTS["helm"][0]
    line = refusal(layout((blobs, chart), (members, descriptor)), reference=chart["digest"])
    assert f"{chart['digest']} is not an image: it is a Helm chart (" in line


def described(*types: dict[str, Any], drop: int | None = None, pack: Any = None) -> bytes:
    """An image whose manifest describes its layers by ``types``; that of number ``drop`` is not
    there."""
    packed = [(pack or gzipped)(tar) for tar in IMAGE.layers]
    layers = [
        {"digest": f"sha256:{sha256(data)}", **more}
        for data, more in zip(packed, types, strict=True)
    ]
    data = dumped({"config": {"digest": IMAGE.id, "mediaType": _CONFIG}, "layers": layers})
    members = {f"blobs/sha256/{sha256(part)}": part for part in (*packed, IMAGE.config, data)}
    if drop is not None:
        del members[f"blobs/sha256/{sha256(packed[drop])}"]
    members["index.json"] = index_of([{"digest": f"sha256:{sha256(data)}"}])
    return archive(members)


@pytest.mark.parametrize(
    "fields",
    [
        {"mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"},
        {"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"},
        {"mediaType": f"{_LAYER}+gzip"},
    ],
)
def test_foreign_layer_has_its_address(fields: dict[str, Any]) -> None:
    urls = {"urls": ["https://layers.example/a", "https://layers.example/b"]}
    line = refusal(described({**fields, **urls}, {"mediaType": _LAYER}, drop=0))
    assert "layer 0, blobs/sha256/" in line
    assert (
        " is foreign: the archive leaves it out; fetch it from https://layers.example/a or " in line
    )
    whole = read(described({**fields, **urls}, {"mediaType": _LAYER}))
    assert paths(whole) == ["/one", "/two"]


def test_foreign_layer_without_address_is_foreign() -> None:
    foreign = {"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"}
    assert "is foreign" in refusal(described({}, foreign, drop=1))
    assert "is incomplete: layer 1, blobs/" in refusal(described(foreign, {}, drop=1))


def test_layer_sources_of_docker_name_the_foreign_layer() -> None:
    listed = {
        "Config": "c.json",
        "Layers": ["l0/layer.tar", "l1/layer.tar"],
        "LayerSources": {IMAGE.diff_ids[0]: {"urls": ["https://layers.example/a"]}},
    }
    members = {"c.json": IMAGE.config, "l1/layer.tar": IMAGE.layers[1]}
    line = refusal(archive({**members, "manifest.json": dumped([listed])}))
    assert "layer 0, l0/layer.tar, is foreign" in line
    assert "fetch it from https://layers.example/a, and add it to the archive as l0/layer.t" in line
    members["l0/layer.tar"] = IMAGE.layers[0]
    assert paths(read(archive({**members, "manifest.json": dumped([listed])}))) == ["/one", "/two"]


@pytest.mark.parametrize(
    ("media_type", "content", "expected"),
    [
        (f"{_LAYER}+gzip+encrypted", b"\x01secret", "is encrypted (application/"),
        (
            "application/vnd.oci.image.layer.nydus.blob.v1",
            b"\x01nydus",
            "is of the type application/vnd.oci.image.layer.nydus.blob.v1, which is not a tar",
        ),
        ("application/vnd.erofs.layer.v1", b"\x01erofs", "which is not a tar archive"),
    ],
)
def test_layer_of_another_kind_is_named(media_type: str, content: bytes, expected: str) -> None:
    data = described(
        {"mediaType": f"{_LAYER}+gzip"},
        {"mediaType": media_type},
        pack=lambda tar: content if tar == IMAGE.layers[1] else gzipped(tar),
    )
    assert expected in refusal(data)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.sampled_from([
    "mediaType", "digest", "urls", "platform", "annotations", "artifactType", "config", "layers",
    "manifests", "schemaVersion", "os", "architecture", "size", "data", "Config", "Layers",
    "RepoTags", "LayerSources",
])  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES)), st.data())
def test_any_document_is_read_or_refused_in_a_line(fields: dict[str, Any], draw: Any) -> None:
    """Fields of any type, in each document of a layout in turn."""
    members, listed, (descriptor,) = blobs_of(IMAGE)
    kind = draw.draw(st.sampled_from(["index", "descriptor", "manifest", "list", "dir"]))
    if kind == "manifest":
        data = dumped({**_parsed(members, descriptor), **fields})
        members[f"blobs/sha256/{sha256(data)}"] = data
        descriptor = {"digest": f"sha256:{sha256(data)}"}
    elif kind == "descriptor":
        descriptor = {**descriptor, **fields}
    elif kind == "list":
        members["manifest.json"] = dumped([{**listed[0], **fields}])
    elif kind == "dir":
        members["manifest.json"] = dumped(fields)
    index: dict[str, Any] = {"manifests": [descriptor]}
    members["index.json"] = dumped({**index, **fields} if kind == "index" else index)
    limits = ArchiveLimits()
    try:
        read(archive(members), limits=limits).ledger.close()
    except LabError as error:
        line = str(error)
        if "\n" in line:
            raise AssertionError(line) from error


def _parsed(members: Members, descriptor: dict[str, Any]) -> dict[str, Any]:
    name = "blobs/sha256/" + descriptor["digest"].removeprefix("sha256:")
    found: dict[str, Any] = json.loads(members[name])
    return found
