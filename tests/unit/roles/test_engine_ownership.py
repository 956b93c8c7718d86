"""Whose an engine's objects are, by what two real engines listed and by small listings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.scratchlab.lab.plugins.module_utils import engine_ownership as ownership

LISTINGS = Path(__file__).parent / "listings"
NAMES = ("scratchtest", "sleep", "scratchlab-debug", "scratchlab-limits")
LAB, IMAGE = {ownership.LABEL: "1"}, {ownership.IMAGE_LABEL: "1"}
A_VOLUME = "a" * 64
STEP = '/bin/sh -c #(nop) ENTRYPOINT ["/sleep"]'
# Both engines had the lab; what a user had made there with molecule/userdata/theirs.sh:
THEIRS = {
    "container web",
    "image mine/derived",
    "image mine/own",
    "image mine/shell:1",
    "volume data",
    "network backend",
}
engines = pytest.mark.parametrize("engine", ["docker-20.10.24", "docker-26.1.5"])


def load(name: str) -> tuple[Any, Any]:
    found = json.loads((LISTINGS / f"{name}.json").read_text())
    knows = ownership.known(found.pop("receipt"), NAMES)
    return ownership.Listing(**found), knows


def image(image_id: str, *tags: str, parent: str = "", labels: Any = None) -> dict[str, Any]:
    return {"Id": image_id, "ParentId": parent, "RepoTags": list(tags), "Labels": labels}


def container(name: str, of: str, labels: Any = None, *volumes: str) -> dict[str, Any]:
    mounts = [{"Type": "volume", "Name": volume} for volume in volumes]
    return {"Id": f"{name}-id", "Names": [f"/{name}"], "ImageID": of, "Labels": labels,
            "Mounts": mounts}  # fmt: skip


def judge(*ids: str, **lists: Any) -> Any:
    """The judgement of a listing; ``ids`` of images are in the receipt."""
    knows = ownership.Known(frozenset(NAMES), frozenset(ids))
    return ownership.judge(ownership.Listing(**lists), knows)


@engines
def test_engine_of_the_lab_alone_holds_nothing_of_the_users(engine: str) -> None:
    found = ownership.judge(*load(f"{engine}-lab"))
    assert found.theirs == ()
    assert found.needed == ()
    assert set(found.images) == set(NAMES)
    assert [name for _, name in found.containers] == ["sleep"]


@engines
def test_what_a_user_made_is_theirs_and_the_rest_is_not(engine: str) -> None:
    listing, knows = load(f"{engine}-user")
    found = ownership.judge(listing, knows)
    named = {name for name in found.theirs if "without a name" not in name}
    assert named == THEIRS
    assert len(found.theirs) == len(THEIRS) + 1
    assert set(found.images) == set(NAMES)
    assert [name for _, name in found.containers] == ["sleep"]


@engines
def test_without_receipts_the_labels_tell(engine: str) -> None:
    listing, _ = load(f"{engine}-lab")
    found = ownership.judge(listing, ownership.known({}, NAMES))
    assert found.theirs == ()
    assert set(found.images) == set(NAMES)


@pytest.mark.parametrize(
    ("lists", "theirs"),
    [
        ({"images": [image("a", "mine:1")]}, ("image mine:1",)),
        ({"images": [image("sha256:" + "a" * 64)]}, ("image aaaaaaaaaaaa (without a name)",)),
        ({"images": [image("a", "<none>:<none>")]}, ("image a (without a name)",)),
        ({"images": [image("a") | {"RepoDigests": ["x@sha256:1"]}]}, ("image x@sha256:1",)),
        ({"images": [image("a", "sleep:latest")]}, ("image sleep",)),
        ({"images": [image("a", "sleep:mine", labels=IMAGE)]}, ("image sleep:mine",)),
        ({"volumes": [{"Name": "data", "Labels": None}]}, ("volume data",)),
        ({"volumes": [{"Name": A_VOLUME}]}, (f"volume {A_VOLUME}",)),
        ({"networks": [{"Name": "n", "Id": "1", "Labels": {}}]}, ("network n",)),
        ({"plugins": [{"Name": "vieux/sshfs:latest"}]}, ("plugin vieux/sshfs:latest",)),
        ({"info": {"Swarm": {"LocalNodeState": "active"}}}, ("swarm (active)",)),
        ({"info": {"Swarm": {"LocalNodeState": "locked"}}}, ("swarm (locked)",)),
        ({"namespaces": ["default", "moby"]}, ("containerd namespace default",)),
        ({"cache": [{"ID": "x", "Type": ownership.CACHE_MOUNT}]}, ("cache of RUN --mount (x)",)),
        ({"stores": ["volumes in /var/lib/docker/1.1"]}, ("volumes in /var/lib/docker/1.1",)),
    ],
    ids=lambda value: "" if isinstance(value, tuple) else next(iter(value)),
)  # fmt: skip
def test_theirs(lists: Any, theirs: Any) -> None:
    found = judge(**lists)
    assert found.theirs == theirs
    assert (found.images, found.volumes, found.networks) == ((), (), ())


@pytest.mark.parametrize(
    "lists",
    [
        {"networks": [{"Name": name, "Id": name} for name in ownership.DEFAULT_NETWORKS]},
        {"cache": [{"ID": "x", "Type": "regular"}, {"ID": "y", "Type": "source.local"}]},
        {"info": {"Swarm": {"LocalNodeState": "inactive"}}},
        {"info": {}},
        {"namespaces": ["moby", "plugins.moby", "scratchlab-ladder-1"]},
        {"namespaces": ["mine"], "info": {"Containerd": {"Namespaces": {"Containers": "mine"}}}},
        {"images": [image("a", "scratchlab-agent:0123", labels=IMAGE)]},
        {"images": [image("a", labels=IMAGE)]},
        {"images": [image("a", "localhost/sleep:latest", labels=IMAGE)]},
        {"images": [image("a", "docker.io/library/sleep:latest", labels=IMAGE)]},
        {"images": [image("a", labels=LAB)], "containers": [container("exercise", "a", LAB)]},
        {"volumes": [{"Name": "v", "Labels": LAB}]},
        {"containers": [container("step", "a") | {"State": "created", "Command": STEP}]},
        {"networks": [{"Name": "n", "Id": "1", "Labels": LAB}]},
        {"containers": [container("c", "a", LAB, A_VOLUME)], "volumes": [{"Name": A_VOLUME}]},
    ],
    ids=str,
)
def test_not_theirs(lists: Any) -> None:
    assert judge(**lists).theirs == ()


def test_tag_of_the_users_on_an_image_of_the_lab_is_theirs() -> None:
    found = judge("a", images=[image("a", "sleep:latest", "mine:1", labels=IMAGE)])
    assert (found.images, found.theirs) == (("sleep",), ("image mine:1",))


def test_anonymous_volume_that_the_user_borrows_is_theirs() -> None:
    both = [container("c", "a", LAB, A_VOLUME), container("web", "b", None, A_VOLUME)]
    found = judge(containers=both, volumes=[{"Name": A_VOLUME}])
    assert f"volume {A_VOLUME}" in found.theirs
    assert found.volumes == ()


def test_untagged_parents_belong_to_their_children() -> None:
    chain = [
        image("p"),
        image("q", parent="p"),
        image("a", "sleep:latest", parent="q", labels=IMAGE),
    ]
    assert judge("a", images=chain).theirs == ()
    shared = [*chain, image("m", "mine:1", parent="q")]
    assert judge("a", images=shared).theirs == ("image mine:1",)
    foreign = [image("p"), image("m", parent="p")]
    assert judge(images=foreign).theirs == ("image m (without a name)",)


@pytest.mark.parametrize("tag", [(), ("sleep:latest",), ("mine:1",)])
def test_label_inherited_by_the_classic_builder_does_not_count(tag: tuple[str, ...]) -> None:
    base = image("a", "scratchlab-debug:latest", labels=IMAGE)
    built = image("m", *tag, parent="a", labels=IMAGE)
    found = judge("a", images=[base, built])
    assert len(found.theirs) == 1
    assert found.images == ("scratchlab-debug",)


@pytest.mark.parametrize("layers", [["1", "2"], ["1"]], ids=["more", "the same"])
def test_label_inherited_by_buildkit_does_not_count(layers: list[str]) -> None:
    images = [image("a", "sleep:latest", labels=IMAGE), image("m", labels=IMAGE)]
    found = judge("a", images=images, layers={"a": ["1"], "m": layers})
    assert found.theirs == ("image m (without a name)",)
    assert found.images == ("sleep",)


@pytest.mark.parametrize("parent", ["a", ""], ids=["classic builder", "BuildKit"])
def test_image_that_an_exercise_committed_is_the_labs_and_so_is_its_container(parent: str) -> None:
    exercise = {**LAB, ownership.IMAGE_LABEL: "exercise"}
    images = [
        image("a", "sleep:latest", labels=IMAGE),
        image("e", parent=parent, labels=exercise),
        image("m", parent="e", labels=exercise),
    ]
    layers = {"a": ["1"], "e": ["1", "2"], "m": ["1", "2"]}
    found = judge("a", images=images[:2], containers=[container("x", "e", exercise)], layers=layers)
    assert (found.theirs, found.images) == ((), ("sleep", "e"))
    assert [name for _, name in found.containers] == ["x"]
    committed = judge("a", images=images, layers=layers)  # by a user, from the exercise
    assert committed.theirs == ("image m (without a name)",)


def test_earlier_build_is_the_labs() -> None:
    knows = ownership.known({"sleep": {"content": "", "id": "b", "earlier": ["a"]}})
    images = [image("b", "sleep:latest", labels=IMAGE), image("a", labels=IMAGE)]
    listing = ownership.Listing(images=images, layers={"a": ["1"], "b": ["1"]})
    found = ownership.judge(listing, knows)
    assert (found.images, found.theirs) == (("sleep", "a"), ())


def test_container_from_an_image_that_the_user_made_of_the_labs_is_theirs() -> None:
    committed = image("m", "mine:1", labels=LAB)  # docker commit keeps a container's labels
    found = judge(images=[committed], containers=[container("web", "m", LAB)])
    assert found.containers == ()
    assert found.theirs == ("container web", "image mine:1")


def test_image_that_a_container_of_the_users_needs_stays() -> None:
    images = [image("a", "sleep:latest", labels=IMAGE)]
    found = judge("a", images=images, containers=[container("web", "a", IMAGE)])
    assert found.images == ()
    assert found.needed == ("image sleep, from which container web runs",)
    assert found.theirs == ("container web",)


OURS = ownership.Engine(ours=True, package="docker.io")


@pytest.mark.parametrize(
    ("engine", "destroy_data", "stays", "data_stays"),
    [
        (OURS, False, False, False),
        (OURS, True, False, False),
        (replace(OURS, theirs=("volume data",)), False, True, True),
        (replace(OURS, theirs=("volume data",)), True, False, False),
        (replace(OURS, silence="it cannot be asked"), False, True, True),
        (replace(OURS, silence="it cannot be asked"), True, False, False),
        (replace(OURS, needed_by=("mytool",)), False, True, True),
        (replace(OURS, needed_by=("mytool",)), True, True, False),
        (ownership.Engine(ours=False, theirs=("volume data",)), True, True, True),
    ],
    ids=str,
)
def test_fate_of_the_engine(engine: Any, destroy_data: bool, stays: bool, data_stays: bool) -> None:
    fate = ownership.decide(engine, destroy_data)
    assert (fate.engine, fate.data) == (stays, data_stays)
    assert bool(fate.why) == (stays and engine.ours)
