"""Layers are proved against the configuration; disagreement is reported or refused."""

from __future__ import annotations

from typing import Any

import pytest

from scratchlab.errors import LabError

from .archives import Made, Members, archive, blobs_of, classic, image, index_of
from .build import directory, dumped, file, gzipped, layer, sha256, symlink
from .reading import paths, read

ONE = layer(file("one", b"1"))
TWO = layer(file("two", b"2"))
THREE = layer(file("three", b"3"))
IMAGE = image(ONE, TWO)


def layout(
    made: Made, manifest: dict[str, Any] | None = None, *, listed: Any = None, index: Any = None
) -> bytes:
    """An OCI layout with manifest.json; the manifest and the two lists can be replaced."""
    members, its_list, descriptors = blobs_of(made)
    if manifest is not None:
        data = dumped({"config": {"digest": made.id}, **manifest})
        members[f"blobs/sha256/{sha256(data)}"] = data
        descriptors = [{"digest": f"sha256:{sha256(data)}"}]
    members["index.json"] = index_of(descriptors) if index is None else index
    members["manifest.json"] = dumped(its_list if listed is None else listed)
    return archive(members)


def digests(*layers: bytes) -> list[dict[str, str]]:
    return [{"digest": f"sha256:{sha256(tar)}"} for tar in layers]


def refusal(data: bytes, **options: Any) -> str:
    """The one line with which the archive is refused."""
    with pytest.raises(LabError) as caught:
        read(data, **options)
    line = str(caught.value)
    assert "\n" not in line
    assert caught.value.remedy
    return line


def members_of(made: Made) -> Members:
    return {
        "c.json": made.config,
        **{f"l{index}.tar": tar for index, tar in enumerate(made.layers)},
        "manifest.json": dumped(
            [{"Config": "c.json", "Layers": [f"l{n}.tar" for n in range(len(made.layers))]}]
        ),
    }


# -- archives that engines are known to have written ------------------------------------------


def test_oci_manifest_without_layers_is_reported() -> None:
    """Docker 25.0.0-rc (moby#47065)."""
    found = read(layout(IMAGE, {"layers": []}))
    assert paths(found) == ["/one", "/two"]
    assert found.image.problems == (
        "index.json lists 0 layers for the image, manifest.json 2: the configuration proves "
        "manifest.json right",
    )


def test_wrong_order_in_the_oci_manifest_is_reported() -> None:
    """Docker 25.0.0 (moby#47150)."""
    found = read(layout(IMAGE, {"layers": digests(TWO, ONE)}))
    assert paths(found) == ["/one", "/two"]
    assert found.image.problems == (
        "index.json lists the layers in another order than manifest.json: the configuration "
        "proves manifest.json right",
    )


def test_null_manifests_in_index_json_are_reported() -> None:
    """Docker 25 for an image without a tag."""
    found = read(layout(IMAGE, index=index_of(None)))
    assert paths(found) == ["/one", "/two"]
    assert found.image.problems == ("index.json lists no image",)


def test_wrong_order_in_both_is_refused() -> None:
    _, listed, _ = blobs_of(IMAGE)
    listed[0]["Layers"].reverse()
    line = refusal(layout(IMAGE, {"layers": digests(TWO, ONE)}, listed=listed))
    assert "manifest.json lists the layers in another order than the configuration" in line


def test_different_layer_in_the_oci_manifest_is_reported() -> None:
    made = image(ONE, TWO)
    members, listed, _ = blobs_of(made)
    members[f"blobs/sha256/{sha256(THREE)}"] = THREE
    manifest = dumped({"config": {"digest": made.id}, "layers": digests(ONE, THREE)})
    members[f"blobs/sha256/{sha256(manifest)}"] = manifest
    members["index.json"] = index_of([{"digest": f"sha256:{sha256(manifest)}"}])
    members["manifest.json"] = dumped(listed)
    assert read(archive(members)).image.problems == (
        "index.json lists another layer 1 than manifest.json: the configuration proves "
        "manifest.json right",
    )


def test_index_without_the_image_is_reported() -> None:
    other = image(THREE)
    members, _, descriptors = blobs_of(other)
    own, listed, _ = blobs_of(IMAGE)
    rest = {"index.json": index_of(descriptors), "manifest.json": dumped(listed)}
    problems = read(archive({**members, **own, **rest})).image.problems
    assert problems == (f"index.json does not list the image {IMAGE.id} of manifest.json",)


def test_manifest_without_its_configuration_is_reported() -> None:
    data = dumped({"config": {"digest": f"sha256:{'0' * 64}"}, "layers": []})
    members, listed, descriptors = blobs_of(IMAGE)
    members[f"blobs/sha256/{sha256(data)}"] = data
    rest = {
        "index.json": index_of([*descriptors, {"digest": f"sha256:{sha256(data)}"}]),
        "manifest.json": dumped(listed),
    }
    (problem,) = read(archive({**members, **rest})).image.problems
    assert problem == f"the configuration of the manifest sha256:{sha256(data)} is missing"


def test_index_json_is_used_when_manifest_json_lists_nothing() -> None:
    for data in (layout(IMAGE, listed=[]), _null_manifest()):
        found = read(data)
        assert paths(found) == ["/one", "/two"]
        assert found.image.problems == ()
        assert found.image.notes == ("manifest.json lists no image: index.json was used",)


def _null_manifest() -> bytes:
    members, _, descriptors = blobs_of(IMAGE)
    return archive({**members, "index.json": index_of(descriptors), "manifest.json": b"null"})


def test_history_with_another_number_of_layers_is_reported() -> None:
    made = image(ONE, history=[{"created_by": "one"}, {"created_by": "two"}])
    odd = read(classic(made)).image
    assert odd.problems == ()
    assert odd.notes == ("the image's history has 2 layers, the image has 1",)
    for found in (read(classic(image(ONE, history=None))), read(classic(image(ONE, history=[])))):
        assert (found.image.problems, found.image.notes) == ((), ())


def test_missing_end_marker_is_reported() -> None:
    data = classic(IMAGE)[:-1024]
    assert read(data).image.problems == (
        "the archive ends without its end marker: it may be truncated",
    )


# -- archives that contradict themselves ------------------------------------------------------


def test_layer_that_is_not_the_configurations_is_refused() -> None:
    line = refusal(archive({**members_of(IMAGE), "l1.tar": THREE}))
    wrong, right = sha256(THREE), sha256(TWO)
    assert f"layer 1 is not the configuration's: its digest is sha256:{wrong}" in line
    assert f"should be sha256:{right}" in line


def test_one_changed_byte_in_a_layer_is_refused() -> None:
    content = TWO[:512] + b"3" + TWO[513:]
    padding = TWO[:-1] + b"x"  # after the end marker: the same entries, but another layer
    more = TWO + bytes(512)
    for changed in (content, padding, more):
        line = refusal(archive({**members_of(IMAGE), "l1.tar": changed}))
        assert "layer 1 is not the configuration's" in line or "half an end marker" in line


def test_more_or_fewer_layers_than_diff_ids_are_refused() -> None:
    for layers in (["l0.tar"], ["l0.tar", "l1.tar", "l1.tar"], None):
        listed = dumped([{"Config": "c.json", "Layers": layers}])
        line = refusal(archive({**members_of(IMAGE), "manifest.json": listed}))
        count = len(layers or ())
        assert f"manifest.json lists {count} layers, the configuration 2" in line


def test_missing_layer_is_refused() -> None:
    members = members_of(IMAGE)
    del members["l1.tar"]
    assert "layer 1, l1.tar, is missing" in refusal(archive(members))


def test_layer_that_is_not_a_tar_file_is_refused_and_described() -> None:
    expected = {
        b"\x7fELF" + bytes(1000): "not a tar file (it starts with \\x7fELF",
        b"\x04\x22\x4d\x18" + bytes(1000): "compressed with lz4, which no engine reads",
        b"\xfd7zXZ\0" + bytes(1000): "its xz data is damaged",
        b"{}": "not a tar file",
        gzipped(b"text" * 1000): "gzip data of something that is not a tar file",
        gzipped(TWO)[:-10]: "its gzip data is truncated",
        gzipped(TWO)[:40] + bytes(2000): "its gzip data",
        gzipped(TWO) + b"more": "other data follows its gzip data",
        TWO[:512]: "truncated in two",
        TWO[:300]: "not a tar file",
    }
    for data, message in expected.items():
        line = refusal(archive({**members_of(IMAGE), "l1.tar": data}))
        assert message in line, line


def test_digest_in_a_name_must_match_the_content() -> None:
    members, listed, descriptors = blobs_of(IMAGE)
    rest = {"index.json": index_of(descriptors), "manifest.json": dumped(listed)}
    name = f"blobs/sha256/{sha256(TWO)}"
    line = refusal(archive({**members, **rest, name: THREE}))
    assert f"the content of {name} does not match the digest in its name" in line
    config = f"blobs/sha256/{sha256(IMAGE.config)}"
    line = refusal(archive({**members, **rest, config: image(ONE).config}))
    assert "does not match the digest in its name" in line


def test_circular_links_among_members_lead_nowhere() -> None:
    members = members_of(IMAGE)
    del members["l1.tar"]
    circle = {"l1.tar": "l2.tar", "l2.tar": "l1.tar"}
    assert "layer 1, l1.tar, is missing" in refusal(archive(members, circle))
    aside = symlink("l1.tar", "/etc/shadow")
    assert "layer 1, l1.tar, is missing" in refusal(aside + archive(members))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"{", "manifest.json is not JSON"),
        (b"[" * 100_000, "manifest.json is not JSON"),
        (b"{}", "manifest.json is not a JSON array"),
        (b'[{"Config": 5}]', "an image's Config in manifest.json is not a string"),
        (b"[5]", "an image in manifest.json is not a JSON object"),
        (b'[{"Config": "nothing"}]', "the configuration nothing is missing"),
        (b'[{"Config": "l0.tar"}]', "l0.tar is not an image configuration"),
        (
            b'[{"Config": "c.json", "Layers": "l0.tar"}]',
            "Layers in manifest.json is not a JSON",
        ),
        (b'[{"Config": "c.json", "Layers": [1]}]', "Layers in manifest.json[0] is not a string"),
        (
            b'[{"Config": "c.json", "RepoTags": {}}]',
            "RepoTags in manifest.json is not a JSON",
        ),
        (b'[{"Config": "\xff"}]', "manifest.json is not JSON"),
        (b'[{"Config": "\\ud800"}]', "the configuration"),
        (b"\xff\xfe", "manifest.json is not a JSON document"),
        (b"", "manifest.json is not a JSON document"),
    ],
)
def test_malformed_manifest_json_is_refused(document: bytes, message: str) -> None:
    assert message in refusal(archive({**members_of(IMAGE), "manifest.json": document}))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (b"{}", "is not an image: its configuration has no rootfs"),
        (b"[]", "the configuration c.json is not a JSON object"),
        (b'{"rootfs": []}', "the configuration's rootfs is not a JSON object"),
        (b'{"rootfs": {"diff_ids": "x"}}', "rootfs.diff_ids is not a JSON array"),
        (b'{"rootfs": {"diff_ids": [7, 8]}}', "rootfs.diff_ids[0] is not a string"),
        (b'{"rootfs": {"diff_ids": ["\\n", "b"]}}', "should be \\x0a"),
        (b'{"rootfs": {"diff_ids": []}}', "lists 2 layers, the configuration 0"),
        (b'{"a": 1', "the configuration c.json is not JSON"),
    ],
)
def test_malformed_configuration_is_refused(config: bytes, message: str) -> None:
    assert message in refusal(archive({**members_of(IMAGE), "c.json": config}))


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (b"[]", "index.json is not a JSON object"),
        (b'{"manifests": {}}', "manifests of index.json is not a JSON array"),
        (b'{"manifests": [1]}', "a manifest in index.json is not a JSON object"),
        (b'{"manifests": [{}]}', "a digest in index.json is not a string"),
        (b'{"manifests": [{"annotations": 1, "digest": "a:b"}]}', "annotations in index.json"),
    ],
)
def test_malformed_index_json_is_refused(index: bytes, message: str) -> None:
    assert message in refusal(layout(IMAGE, index=index))


def test_index_that_contains_itself_is_read_once() -> None:
    """Impossible with a real digest, but not with an algorithm that nobody checks."""
    members, _, _ = blobs_of(IMAGE)
    for round_ in ({"a": "a"}, {"a": "b", "b": "a"}):
        for name, to in round_.items():
            members[f"blobs/fake/{name}"] = index_of([{"digest": f"fake:{to}"}])
        members["index.json"] = index_of([{"digest": "fake:a"}])
        assert "contains no image: its index.json lists none" in refusal(archive(members))


def test_deeply_nested_indexes_are_refused() -> None:
    members = {"index.json": index_of([{"digest": "fake:0"}])}
    for level in range(20):
        members[f"blobs/fake/{level}"] = index_of([{"digest": f"fake:{level + 1}"}])
    assert "nested more than 8 deep" in refusal(archive(members))


def test_hostile_name_in_a_document_is_escaped() -> None:
    listed = dumped([{"Config": "\x1b[31m\n</x>" + "y" * 10_000, "Layers": []}])
    line = refusal(archive({"manifest.json": listed}))
    assert "\\x1b[31m\\x0a</x>" in line
    assert len(line) < 400


def test_damaged_layer_of_no_image_does_not_matter() -> None:
    members = {**members_of(IMAGE), "notes.tar": TWO[:700], "other.gz": b"\x1f\x8b\x08junk"}
    found = read(archive(members))
    assert paths(found) == ["/one", "/two"]
    assert (found.image.problems, found.image.notes) == ((), ())


def test_directory_does_not_count_as_a_member() -> None:
    members = members_of(IMAGE)
    del members["c.json"]
    assert "the configuration c.json is missing" in refusal(directory("c.json/") + archive(members))
