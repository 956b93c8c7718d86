"""Several images in one archive: chosen by a name or an id, or a clear error that lists them."""

from __future__ import annotations

import platform

import pytest

from scratchlab.errors import LabError

from .build import (
    FORMATS,
    Made,
    Members,
    archive,
    blobs_of,
    classic,
    docker25,
    dumped,
    file,
    image,
    index_of,
    layer,
    oci,
    sha256,
)  # fmt: skip
from .reading import paths, read

FIRST = image(layer(file("first")), tags=("lab/one:1", "lab/one:latest"))
SECOND = image(layer(file("second")), tags=("registry.example:5000/two:v2",))
NAMELESS = image(layer(file("nameless")), tags=())


def short(made: Made) -> str:
    return made.id.removeprefix("sha256:")[:12]


@pytest.mark.parametrize("name", ["classic", "docker25", "containerd", "podman", "crane", "oci"])
def test_an_image_is_chosen_by_its_name_in_every_format(name: str) -> None:
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
def test_a_name_may_be_short_or_full_and_an_id_begun(reference: str) -> None:
    assert paths(read(classic(FIRST, SECOND, NAMELESS), reference=reference)) == ["/first"]


def test_without_a_name_the_images_are_listed() -> None:
    with pytest.raises(LabError) as caught:
        read(classic(FIRST, SECOND, NAMELESS))
    assert str(caught.value) == (
        f"the archive holds 3 images; say which one by its name: lab/one:1 ({short(FIRST)}), "
        f"registry.example:5000/two:v2 ({short(SECOND)}), {short(NAMELESS)}"
    )


def test_a_name_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(LabError) as caught:
        read(docker25(FIRST, NAMELESS), reference="lab/three\x1b[31m")
    assert str(caught.value) == (
        "the archive holds no image lab/three\\x1b[31m; it holds "
        f"lab/one:1 ({short(FIRST)}), {short(NAMELESS)}"
    )


def test_a_name_must_fit_even_if_there_is_but_one_image() -> None:
    with pytest.raises(LabError, match="holds no image lab/three; it holds lab/one:1"):
        read(classic(FIRST), reference="lab/three")
    assert paths(read(classic(FIRST), reference="lab/one:1")) == ["/first"]


def test_three_digits_are_no_id() -> None:
    with pytest.raises(LabError, match="holds no image"):
        read(classic(FIRST), reference=short(FIRST)[:3])


def test_one_image_under_two_names_is_one_image() -> None:
    again = image(*FIRST.layers, tags=("other:1",))
    found = read(docker25(FIRST, again))
    assert found.image.tags == ("lab/one:1", "lab/one:latest", "other:1")


def test_an_image_is_chosen_by_its_manifest_s_digest() -> None:
    members, _, descriptors = blobs_of(FIRST, SECOND)
    data = archive({**members, "index.json": index_of(descriptors)})
    assert paths(read(data, reference=descriptors[1]["digest"])) == ["/second"]


def test_many_images_are_not_all_listed() -> None:
    many = [image(layer(file(f"f{n}")), tags=(f"lab:{n}",)) for n in range(30)]
    with pytest.raises(LabError, match=r"holds 30 images; .*lab:19 \(\w{12}\), and 10 more$"):
        read(oci(*many))


def multi_platform(*architectures: str) -> bytes:
    """One name, an index with an image for each architecture."""
    members: Members = {}
    inner = []
    for one in architectures:
        made = image(layer(file(one)), tags=(), architecture=one)
        own, _, (descriptor,) = blobs_of(made)
        members |= own
        inner.append(descriptor)
    index = index_of(inner)
    members[f"blobs/sha256/{sha256(index)}"] = index
    notes = {"io.containerd.image.name": "docker.io/library/lab:1"}
    top = [{"digest": f"sha256:{sha256(index)}", "annotations": notes}]
    return archive({**members, "index.json": index_of(top), "manifest.json": dumped([])})


def test_of_several_platforms_this_machine_s_is_read_and_that_is_said() -> None:
    own = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    found = read(multi_platform("s390x", own))
    assert paths(found) == [f"/{own}"]
    remark = "the archive holds the image for linux/s390x too: this machine's was read"
    assert remark in found.image.problems


def test_of_several_platforms_without_this_machine_s_none_is_guessed() -> None:
    with pytest.raises(LabError, match="holds 2 images; say which one"):
        read(multi_platform("s390x", "ppc64le"))
