"""Platforms: named as containerd names them, and chosen by the user."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchlab.collect.image.platforms import Platform, parse, this_machine
from scratchlab.errors import LabError

from .archives import Members, archive, blobs_of, image, index_of
from .build import dumped, file, layer, sha256
from .reading import paths, read

Described = dict[str, str]
LINUX = [
    {"os": "linux", "architecture": "arm64", "variant": "v8"},
    {"os": "linux", "architecture": "arm", "variant": "v6"},
    {"os": "linux", "architecture": "arm", "variant": "v7"},
]


def layout(platforms: list[Described], *, listed: int | None = None, nested: bool = True) -> bytes:
    """An image for each of ``platforms``, which the configurations do not tell in full; the one of
    number ``listed`` is in manifest.json."""
    members: Members = {}
    inner, images = [], []
    for platform in platforms:
        architecture = platform["architecture"]
        name = "-".join(platform.values()).replace("/", "-")
        made = image(layer(file(name)), architecture=architecture, os=platform["os"])
        own, its_list, (descriptor,) = blobs_of(made)
        members |= own
        images += its_list
        descriptor.pop("annotations")
        inner.append({**descriptor, "platform": platform})
    notes = {"io.containerd.image.name": "docker.io/library/lab:1"}
    if nested:
        index = index_of(inner)
        members[f"blobs/sha256/{sha256(index)}"] = index
        inner = [{"digest": f"sha256:{sha256(index)}", "annotations": notes}]
    members["index.json"] = index_of(inner)
    if listed is not None:
        members["manifest.json"] = dumped([images[listed]])
    return archive(members)


def chosen(data: bytes, platform: str) -> str:
    (path,) = paths(read(data, platform=parse(platform)))
    return path


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize(
    ("platform", "path"),
    [
        ("linux/arm64/v8", "/linux-arm64-v8"),
        ("linux/arm64", "/linux-arm64-v8"),
        ("arm64", "/linux-arm64-v8"),
        ("aarch64", "/linux-arm64-v8"),
        ("linux/aarch64/8", "/linux-arm64-v8"),
        ("linux/arm/v6", "/linux-arm-v6"),
        ("armel", "/linux-arm-v6"),
        ("linux/arm", "/linux-arm-v7"),
        ("armhf", "/linux-arm-v7"),
        ("Linux/ARM/V7", "/linux-arm-v7"),
    ],
)
def test_platform_is_chosen(platform: str, path: str, nested: bool) -> None:
    assert chosen(layout(LINUX, nested=nested), platform) == path


def test_any_variant_will_do_where_none_is_named_and_there_is_one() -> None:
    assert chosen(layout(LINUX[:2]), "linux/arm") == "/linux-arm-v6"
    with pytest.raises(LabError, match="does not contain the image for linux/arm/v7"):
        chosen(layout(LINUX[:2]), "linux/arm/v7")


def test_platforms_are_listed_by_their_names() -> None:
    with pytest.raises(LabError) as caught:
        read(layout(LINUX))
    assert str(caught.value) == (
        "the archive contains the image for linux/arm64/v8, linux/arm/v6, linux/arm/v7, and not "
        f"for this machine, {this_machine()}; choose one: --platform linux/arm64/v8"
    )
    with pytest.raises(LabError) as caught:
        chosen(layout(LINUX), "riscv64")
    assert str(caught.value) == (
        "the archive does not contain the image for linux/riscv64; it contains it for "
        "linux/arm64/v8, linux/arm/v6, linux/arm/v7"
    )


@pytest.mark.parametrize("listed", [None, 0, 3])
def test_several_platforms_are_no_problem(listed: int | None) -> None:
    own = {"os": "linux", "architecture": this_machine().architecture}
    data = layout([own, *LINUX[1:], {"os": "linux", "architecture": "s390x"}], listed=listed)
    for platform in (None, "s390x", "linux/arm/v7"):
        found = read(data, platform=None if platform is None else parse(platform))
        assert found.image.problems == ()
        assert bool(found.image.notes) is (platform is None)
        assert not any("lists no image" in note for note in found.image.notes)


def test_layers_that_an_engine_reports_choose_before_the_platform() -> None:
    """A container may run another platform's image than this machine's."""
    own = {"os": "linux", "architecture": this_machine().architecture}
    data = layout([own, *LINUX[1:]])
    other = read(data, platform=parse("linux/arm/v7")).image
    found = read(data, diff_ids=other.diff_ids)
    assert (found.image.id, found.image.notes) == (other.id, ())
    assert read(data, diff_ids=("sha256:none",)).image.id == read(data).image.id


def test_windows_is_named_with_its_version() -> None:
    versions = ["10.0.17763.1", "10.0.20348.1"]
    windows = [
        {"os": "windows", "architecture": "amd64", "os.version": version} for version in versions
    ]
    with pytest.raises(LabError, match=r"for windows\(10.0.17763.1\)/amd64, windows\(10.0.20348.1"):
        read(layout(windows))
    found = read(layout(windows), platform=parse("windows(10.0.20348.1)/amd64"))
    assert paths(found) == ["/windows-amd64-10.0.20348.1"]
    assert found.image.notes[0].startswith("this is a Windows image: below /Files is its drive C:")
    assert read(layout(windows[:1])).image.problems == ()


@pytest.mark.parametrize("text", ["", "/", "linux/", "a/b/c/d", "linux amd64", "lin\nux", "(1)/x"])
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(LabError, match="is not a platform; write it as linux/amd64"):
        parse(text)


@given(st.text(max_size=30) | st.from_regex(r"[a-z0-9()./_-]{1,20}", fullmatch=True))
def test_any_text_is_a_platform_or_refused(text: str) -> None:
    with suppress(LabError):
        found = parse(text)
        assert found.equals(found)
        assert str(found)


def test_a_platform_is_its_own_normal_form() -> None:
    assert Platform("linux", "arm64").equals(Platform("linux", "aarch64", "v8"))
    assert Platform("darwin", "amd64").matches(parse("macos/x86_64"))
    assert not Platform("linux", "amd64", "v3").equals(Platform("linux", "amd64"))
    assert Platform("linux", "amd64", "v3").matches(Platform("linux", "amd64"))
