"""Several images in one archive: one is chosen by name or id, or an error lists them."""

from __future__ import annotations

import platform

import pytest

from scratchlab.errors import LabError

from .archives import (
    FORMATS,
    Made,
    Members,
    archive,
    blobs_of,
    classic,
    docker25,
    image,
    index_of,
    oci,
)
from .build import dumped, file, layer, sha256
from .reading import paths, read

FIRST = image(layer(file("first")), tags=("lab/one:1", "lab/one:latest"))
SECOND = image(layer(file("second")), tags=("registry.example:5000/two:v2",))
NAMELESS = image(layer(file("nameless")), tags=())


def short(made: Made) -> str:
    return made.id.removeprefix("sha256:")[:12]


@pytest.mark.parametrize("name", ["classic", "docker25", "containerd", "podman", "crane", "oci"])
def test_image_is_chosen_by_name_in_every_format(name: str) -> None:
    data = FORMATS[name](FIRST, SECOND)
    prefix = "docker.io/library/" if name == "oci" else ""
    assert paths(read(data, reference=f"{prefix}lab/one:1")) == ["/first"]
    found = read(data, reference=f"{prefix}registry.example:5000/two:v2")
    assert paths(found) == ["/second"]
    assert found.image.id == SECOND.id


@pytest.mark.parametrize(
    "reference",
    ["lab/one", "lab/one:latest", "docker.io/lab/one:1", FIRST.id, short(FIRST), FIRST.id[:14]],
)
def test_name_may_be_short_or_full_and_id_abbreviated(reference: str) -> None:
    assert paths(read(classic(FIRST, SECOND, NAMELESS), reference=reference)) == ["/first"]


def test_without_name_the_error_lists_the_images() -> None:
    with pytest.raises(LabError) as caught:
        read(classic(FIRST, SECOND, NAMELESS))
    assert str(caught.value) == (
        f"the archive contains 3 images; name one of them: lab/one:1 ({short(FIRST)}), "
        f"registry.example:5000/two:v2 ({short(SECOND)}), {short(NAMELESS)}"
    )


def test_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(LabError) as caught:
        read(docker25(FIRST, NAMELESS), reference="lab/three\x1b[31m")
    assert str(caught.value) == (
        "the archive does not contain the image lab/three\\x1b[31m; it contains "
        f"lab/one:1 ({short(FIRST)}), {short(NAMELESS)}"
    )


def test_name_must_match_even_a_single_image() -> None:
    with pytest.raises(
        LabError, match="does not contain the image lab/three; it contains lab/one:1"
    ):
        read(classic(FIRST), reference="lab/three")
    assert paths(read(classic(FIRST), reference="lab/one:1")) == ["/first"]


def test_three_digits_are_not_an_id() -> None:
    with pytest.raises(LabError, match="does not contain the image"):
        read(classic(FIRST), reference=short(FIRST)[:3])


def test_image_with_two_names_is_one_image() -> None:
    again = image(*FIRST.layers, tags=("other:1",))
    found = read(docker25(FIRST, again))
    assert found.image.tags == ("lab/one:1", "lab/one:latest", "other:1")


def test_image_is_chosen_by_manifest_digest() -> None:
    members, _, descriptors = blobs_of(FIRST, SECOND)
    data = archive({**members, "index.json": index_of(descriptors)})
    assert paths(read(data, reference=descriptors[1]["digest"])) == ["/second"]


def test_error_lists_at_most_twenty_images() -> None:
    many = [image(layer(file(f"f{n}")), tags=(f"lab:{n}",)) for n in range(30)]
    with pytest.raises(LabError, match=r"contains 30 images; .*lab:19 \(\w{12}\), and 10 more$"):
        read(oci(*many))


def multi_platform(*architectures: str) -> bytes:
    """One name, an index with an image for each architecture."""
    members: Members = {}
    inner = []
    for architecture in architectures:
        made = image(layer(file(architecture)), tags=(), architecture=architecture)
        own, _, (descriptor,) = blobs_of(made)
        members |= own
        inner.append(descriptor)
    index = index_of(inner)
    members[f"blobs/sha256/{sha256(index)}"] = index
    notes = {"io.containerd.image.name": "docker.io/library/lab:1"}
    top = [{"digest": f"sha256:{sha256(index)}", "annotations": notes}]
    return archive({**members, "index.json": index_of(top), "manifest.json": dumped([])})


def test_this_machines_platform_is_read_and_noted() -> None:
    own = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    found = read(multi_platform("s390x", own))
    assert paths(found) == [f"/{own}"]
    assert found.image.notes == (
        f"the archive also contains the image for linux/s390x: linux/{own} was read, --platform"
        " reads another",
        "manifest.json lists no image: index.json was used",
    )
    assert found.image.problems == ()


def test_no_platform_is_guessed_without_this_machines() -> None:
    with pytest.raises(LabError, match="for linux/s390x, linux/ppc64le, and not for this machine"):
        read(multi_platform("s390x", "ppc64le"))
