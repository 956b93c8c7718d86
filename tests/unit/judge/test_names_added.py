"""Names that a file of the image was given where no copy-up parts them (native, btrfs)."""

from __future__ import annotations

from tests.unit.judge.handmade import ROOT, facts, file, finding, judged

from scratchlab.model import Entry, Evidence, Origin


def test_file_that_was_given_a_name_is_still_the_images() -> None:
    live = [file(path, ROOT.id, links="/x") for path in ("/x", "/y")]
    found = finding(judged(facts(), *live, image=[file("/x")], writable=[live[1]]), "/x")
    assert (found.origin, found.rule) == (Origin.IMAGE_LAYER, "overlay-hard-links")
    assert found.evidence == (Evidence("writable-layer", "it was given the names /y"),)


def test_removed_and_given_names_must_all_be_in_the_writable_layer() -> None:
    image = [file(path, links="/w") for path in ("/w", "/x")]
    live = [file(path, ROOT.id, links="/x") for path in ("/x", "/y")]
    for writable, origin in (
        ([live[1], Entry.whiteout("/w")], Origin.IMAGE_LAYER),
        ([live[1]], Origin.UNEXPLAINED),
        ([Entry.whiteout("/w")], Origin.UNEXPLAINED),
    ):
        judgement = judged(facts(), *live, image=image, writable=writable)
        assert finding(judgement, "/x").origin is origin


def test_of_many_names_three_are_told() -> None:
    names = [f"/{name}" for name in "abcd"]
    for count, told in ((3, "/a, /b, /c"), (4, "/a, /b, /c, ...")):
        live = [file(path, ROOT.id, links="/a") for path in (*names[:count], "/x")]
        judgement = judged(facts(), *live, image=[file("/x")], writable=live[:count])
        (proof,) = finding(judgement, "/x").evidence
        assert proof.detail == f"it was given the names {told}"


def test_a_set_of_the_image_and_one_of_the_root_are_two_also_where_both_begin_alike() -> None:
    first = {"a": "/a", "b": "/a", "bb": "/a", "c": "/c", "d": "/c"}
    now = {"a": "/a", "b": "/b", "bb": "/b", "c": "/b", "d": "/a"}
    image = [file(f"/{name}", links=links, layer=0) for name, links in first.items()]
    live = [file(f"/{name}", ROOT.id, links=links) for name, links in now.items()]
    found = finding(judged(facts(), *live, image=image, writable=[live[0], live[3]]), "/d")
    assert found.evidence == (Evidence("writable-layer", "it was given the names /a"),)
