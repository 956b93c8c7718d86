"""What `why` looks up, and what it says of a path that nothing has: on hand-made evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.judge.handmade import (
    BIND,
    DEV,
    PROC,
    ROOT,
    bind,
    config,
    directory,
    facts,
    file,
    link,
    listed,
    mount,
)

from scratchlab.errors import LabError
from scratchlab.evidence import EvidenceSet
from scratchlab.judge import judge
from scratchlab.judge.explain import Explanation, explain
from scratchlab.judge.prediction.predictions import Predictions
from scratchlab.judge.rules import RULES
from scratchlab.judge.rules.permalink import permalink
from scratchlab.ledger import LayerChange, LayerStep, Ledger
from scratchlab.model import Entry, Facts, Host, Origin, Status
from scratchlab.reading import UserData, UserDataRead, UserMount

ON_ROOT = ROOT.id
LISTED = config(listed("/proc", "proc"), listed("/dev"))
PLAIN = facts(PROC, DEV, config=LISTED)


def looked_up(
    path: str, *live: Entry, image: list[Entry], asked: Facts = PLAIN,
    writable: list[Entry] | None = None, history: dict[str, LayerChange] | None = None,
) -> Explanation:  # fmt: skip
    """The explanation of ``path``; ``history`` says what the image's second layer did."""
    ledger = Ledger(image)
    ledger.put_histories([
        (name, (LayerStep(0, LayerChange.MADE), LayerStep(1, change)))
        for name, change in (history or {}).items()
    ])  # fmt: skip
    evidence = EvidenceSet(
        asked, ledger, Ledger([directory("/", ON_ROOT), *live]), Ledger(), Ledger(writable or [])
    )
    return explain(evidence, judge(evidence, Predictions()), path)


def named(asked: Facts, name: str = "web") -> Facts:
    return replace(asked, container=replace(asked.container, name=name))


# Links:


def test_a_link_of_the_container_is_explained_itself() -> None:
    found = looked_up("//l/.", link("/l", "t", ON_ROOT), file("/t", ON_ROOT),
                      image=[file("/t", layer=3)], writable=[link("/l", "t")])  # fmt: skip
    assert found.finding is not None
    assert (found.path, found.finding.path, found.finding.status) == ("/l", "/l", Status.ONLY_LIVE)
    assert found.note == "it is a link to /t: image-layer, layer 3 of the image has it"


def test_a_link_of_the_image_that_was_removed_is_explained_itself() -> None:
    found = looked_up("/l", file("/t", ON_ROOT), image=[link("/l", "t"), file("/t")],
                      writable=[Entry.whiteout("/l")])  # fmt: skip
    assert (found.path, found.finding, found.mounts, found.rule) == ("/l", None, (), None)
    assert found.ghost is not None
    assert (found.ghost.path, found.ghost.kind) == ("/l", Status.DELETED)


def test_what_a_layer_removed_is_found_by_its_old_name_where_a_link_leads_elsewhere_now() -> None:
    found = looked_up("/a/b", link("/a", "c", ON_ROOT), file("/c", ON_ROOT),
                      image=[link("/a", "c"), file("/c")],
                      history={"/a/b": LayerChange.REMOVED})  # fmt: skip
    assert found.path == "/a/b"
    assert found.blame is not None
    assert [step.change for step in found.blame.history] == [LayerChange.MADE, LayerChange.REMOVED]


def test_an_unknown_name_is_looked_up_where_links_lead() -> None:
    found = looked_up("/l/f", link("/l", "d", ON_ROOT), directory("/d", ON_ROOT),
                      file("/d/f", ON_ROOT), image=[link("/l", "d"), directory("/d"),
                                                    file("/d/f")])  # fmt: skip
    assert found.finding is not None
    assert (found.path, found.finding.path) == ("/d/f", "/d/f")
    assert found.note == "/l/f leads to /d/f by links"


def test_two_dots_lead_up_from_where_a_link_led() -> None:
    image = [link("/l", "d/e"), *map(directory, ("/d", "/d/e")), file("/d/f"), file("/f")]
    live = [entry._replace(mount=ON_ROOT) for entry in image]
    found = looked_up("/l/../f", *live, image=image)
    assert (found.path, found.note) == ("/d/f", "/l/../f leads to /d/f by links")


# Mounts:


def test_the_rule_of_a_ghost_is_that_of_the_mount_that_hides_it() -> None:
    """Another mount is nearer, and hidden itself."""
    asked = facts(
        mount(8, "/dev/b"), mount(9, "/dev"),
        config=config(listed("/dev/b"), listed("/dev")),
        inspect={"HostConfig": {"Tmpfs": {"/dev/b": ""}}},
    )  # fmt: skip
    image = [directory("/dev"), directory("/dev/b"), file("/dev/b/f")]
    found = looked_up("/dev/b/f", directory("/dev", 9), image=image, asked=asked)
    assert found.ghost is not None
    assert (found.ghost.actor, found.ghost.origin) == (
        "the tmpfs on /dev", Origin.RUNTIME_FILESYSTEM,
    )  # fmt: skip
    assert found.rule is RULES["engine-filesystem"]


def test_what_the_kernel_shows_is_explained_by_its_mount() -> None:
    found = looked_up("/proc/1/status", directory("/proc", PROC.id), image=[], asked=PLAIN)
    rule = RULES["kernel-filesystem"]
    (shown,) = found.mounts
    assert shown.mount == PROC
    assert found == Explanation(
        "/proc/1/status", None, None, (shown,), rule, permalink(rule, PLAIN),
        note="it is in the proc that is mounted on /proc",
    )  # fmt: skip


def test_a_mask_over_what_this_kernel_does_not_have_is_absent() -> None:
    asked = facts(
        PROC, config=LISTED, inspect={"HostConfig": {"MaskedPaths": ["/proc/x", "/proc/y"]}},
        host=Host(existing=frozenset({"/proc/y"})),
    )  # fmt: skip
    rule = RULES["masked-path"]
    assert looked_up("/proc/x", image=[], asked=asked) == Explanation(
        "/proc/x", None, None, (), rule, permalink(rule, asked),
        note="the engine asks for a mask over it, and this kernel has no such path", absent=True,
    )  # fmt: skip
    other = looked_up("/proc/y", image=[], asked=asked)
    assert (other.absent, other.rule) == (False, RULES["kernel-filesystem"])


# What nothing has:


def user_data(complete: bool) -> dict[str, Any]:
    users = UserMount("/data", 10, members=(10,), complete=complete)
    outer = UserMount("/data/in", 11, members=(11,), complete=True)
    return {"user_data": UserDataRead(UserData.LIST, 10, (users, outer))}


NEITHER = "{} is neither in the image nor in the container; list what there is: scratchlab live {}"
UNSEARCHED = (
    "{} lies on /data, which the user mounted; it was not searched so far; read all of it: "
    "scratchlab verify --user-data hash {}"
)


@pytest.mark.parametrize(("name", "shown"), [("web", "web"), ("", "CONTAINER")])
@pytest.mark.parametrize(
    ("path", "complete", "sentence"),
    [
        ("/none", True, NEITHER), ("/none", False, NEITHER), ("/data/x", True, NEITHER),
        ("/data/x", False, UNSEARCHED), ("/data/in/x", False, NEITHER), ("/dev/x", True, NEITHER),
    ],
)  # fmt: skip
def test_an_unknown_path_is_refused_with_what_finds_it(
    path: str, complete: bool, sentence: str, name: str, shown: str
) -> None:
    asked = named(facts(DEV, config=config(listed("/dev"), bind("/data", "/src")),
                        inspect={"Mounts": [BIND]}, **user_data(complete)), name)  # fmt: skip
    with pytest.raises(LabError) as refused:
        looked_up(path, image=[], asked=asked)
    assert str(refused.value) == sentence.format(path, shown)
