"""The archive that an engine saves is that of the container's image: by its id and its layers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scratchlab.collect.image.from_engine import _checked, container_image_id
from scratchlab.errors import LabError
from scratchlab.model import Engine, Image, Json

A, B = "a" * 64, "b" * 64
IMAGE = Image(id=f"sha256:{A}", tags=("old:1",), diff_ids=("sha256:1", "sha256:2"))
DOCKER = Engine("docker")


def reported(image_id: str = f"sha256:{A}", *layers: str, **more: object) -> Json:
    return {"Id": image_id, "RootFS": {"Layers": list(layers or IMAGE.diff_ids)}, **more}


def test_the_image_that_the_engine_reports_is_accepted_with_its_tags() -> None:
    assert _checked(IMAGE, reported(RepoTags=["new:1"]), DOCKER) == replace(IMAGE, tags=("new:1",))
    assert _checked(IMAGE, reported(A), DOCKER) == IMAGE


def refused(reported: Json, engine: Engine = DOCKER) -> str:
    with pytest.raises(LabError) as raised:
        _checked(IMAGE, reported, engine)
    return str(raised.value)


def test_an_archive_of_another_image_is_refused() -> None:
    assert refused(reported(f"sha256:{B}")) == (
        f"docker saved an archive of image sha256:{A} instead of {B}; try again"
    )


def test_in_the_containerd_store_an_image_is_named_by_its_index() -> None:
    store = replace(DOCKER, containerd_store=True)
    assert _checked(IMAGE, reported(f"sha256:{B}"), store).id == f"sha256:{B}"


@pytest.mark.parametrize("layers", [("sha256:1",), ("sha256:2", "sha256:1"), ("x", "y", "z")])
@pytest.mark.parametrize("store", [True, False])
def test_an_archive_with_other_layers_is_refused(layers: tuple[str, ...], store: bool) -> None:
    engine = replace(DOCKER, containerd_store=store)
    assert refused(reported(f"sha256:{A}", *layers), engine) == (
        f"the archive of image sha256:{A} has other layers than docker reports (2 against "
        f"{len(layers)}); check whether the image was replaced meanwhile, and try again"
    )


@pytest.mark.parametrize("root", [None, {}, {"Layers": None}])
def test_an_image_without_layers_is_not_one_with_layers(root: Json | None) -> None:
    assert "(2 against 0)" in refused({"Id": A, "RootFS": root})


@pytest.mark.parametrize(("name", "shown"), [("/x", "x"), ("Xx", "Xx")])
@pytest.mark.parametrize("image", ["", None])
def test_a_container_without_an_image_is_refused(name: str, shown: str, image: str | None) -> None:
    assert container_image_id({"Image": "sha256:x"}) == "sha256:x"
    with pytest.raises(LabError) as raised:
        container_image_id({"Name": name, "Image": image})
    assert str(raised.value) == (
        f"container {shown} has no image: it was made from a directory (--rootfs)"
    )
