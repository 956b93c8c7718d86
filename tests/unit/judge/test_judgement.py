"""The judgement as a whole: in tree order, the same each time, with what is only predicted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.judge.handmade import (
    MASKS,
    PROC,
    ROOT,
    SYS,
    bind,
    config,
    directory,
    facts,
    file,
    finding,
    judged,
    link,
    listed,
    mount,
)

from scratchlab.evidence import EvidenceSet
from scratchlab.judge import judge
from scratchlab.judge.prediction.predictions import PredictedMount, Prediction, Predictions
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Image, Origin, Status

ON_ROOT = ROOT.id


def predicted(*paths: str, has_entry: bool = True, **fields: Any) -> Predictions:
    """Predictions of the runtime's devices at ``paths``."""
    return Predictions({
        path: Prediction(path, Origin.RUNTIME_DEVICE, "oci-device", has_entry=has_entry, **fields)
        for path in paths
    }, problems=("of the prediction",))  # fmt: skip


LIVE = (directory("/a", ON_ROOT), file("/a/b", ON_ROOT), file("/a-b", ON_ROOT))


def evidence(*live: Entry, image: tuple[Entry, ...] = (), **changes: Any) -> EvidenceSet:
    return EvidenceSet(
        facts(**changes),
        Ledger(image),
        Ledger([directory("/", ON_ROOT), *live]),
        Ledger(),
        Ledger(),
    )


def test_what_is_missing_stands_in_tree_order_among_the_rest() -> None:
    """Parents before children, and a subtree without gaps: ``/a-b`` comes after ``/a/b``."""
    asked = predicted("/z", "/a-c", "/a/c", "/a/b")
    found = judge(evidence(*LIVE, image=(file("/a/d"),)), asked)
    shown = [(item.path, item.status is Status.MISSING) for item in found.findings]
    assert shown == [
        ("/", False), ("/a", False), ("/a/b", False), ("/a/c", True), ("/a/d", True),
        ("/a-b", False), ("/a-c", True), ("/z", True),
    ]  # fmt: skip
    missing = finding(found, "/a/c")
    assert (missing.origin, missing.rule, missing.live, missing.image) == (
        Origin.RUNTIME_DEVICE, "oci-device", None, None,
    )  # fmt: skip


def test_of_a_few_paths_only_they_are_missing() -> None:
    found = judge(evidence(*LIVE), predicted("/z", "/a-c", "/a/c"), {"/a-c", "/a/b"})
    missing = [item.path for item in found.findings if item.status is Status.MISSING]
    assert missing == ["/a-c"]
    assert found.checks == ()


@pytest.mark.parametrize(
    ("path", "has_entry", "missing"),
    [
        ("/a/b", True, False),
        ("/of/image", True, False),
        ("/gone", True, True),
        ("/proc/x", False, False),
        ("/proc/y", False, True),
        ("/a/b", False, True),  # an entry, but no mount is there
        ("/proc/x", True, True),  # a mount, but no entry is there
        ("/later", True, False),
        ("/later/x", True, False),  # covered since the start
    ],
)
def test_what_is_predicted_is_missing_where_nothing_has_it(
    path: str, has_entry: bool, missing: bool
) -> None:
    asked = facts(
        PROC, SYS, mount(9, "/proc/x", parent=PROC.id), *MASKS, mount(30, "/later"),
        config=config(listed("/proc", "proc"), listed("/sys", "sysfs"), listed("/proc/x"),
                      maskedPaths=["/proc/m"], readonlyPaths=["/sys/r"]),
        inspect={"HostConfig": {"Tmpfs": {"/proc/x": ""}}},
    )  # fmt: skip
    found = judged(asked, *LIVE, image=[file("/of/image")],
                   predictions=predicted(path, has_entry=has_entry))  # fmt: skip
    rules = [item.rule for item in found.findings if item.status is Status.MISSING]
    assert ("oci-device" in rules) is missing


def test_findings_and_ghosts_are_the_same_each_time() -> None:
    image = (file("/x/f"), directory("/x"), file("/same"))
    asked = facts(mount(9, "/x"), config=config(listed("/x")))
    given = (asked, directory("/x", 9), file("/same", ON_ROOT))
    found = judged(*given, image=image)
    assert list(found.ghosts) == list(found.ghosts)
    assert list(found.findings) == list(found.findings)
    with_ghosts_first = judge(
        EvidenceSet(asked, Ledger(image), Ledger([directory("/", ON_ROOT), *given[1:]]), Ledger(),
                    Ledger()),
        Predictions(),
    )  # fmt: skip
    assert list(with_ghosts_first.ghosts) == list(found.ghosts)
    assert [ghost.path for ghost in found.ghosts] == ["/x", "/x/f"]
    assert not list(judged(facts()).ghosts)


def test_an_entry_that_replaces_the_images_hides_it() -> None:
    """Unless nothing is known to hide it: then both are shown, and what differs."""
    image = [link("/f", "x")]
    hidden = judged(facts(), file("/f", ON_ROOT), image=image, writable=[file("/f")])
    found = finding(hidden, "/f")
    assert (found.status, found.image, found.differences) == (Status.ONLY_LIVE, None, ())
    assert [(ghost.path, ghost.image) for ghost in hidden.ghosts] == [("/f", image[0])]
    on_unknown = judged(facts(), file("/f", 77), image=image)
    found = finding(on_unknown, "/f")
    assert (found.origin, found.image) == (Origin.UNEXPLAINED, image[0])
    assert "kind" in found.differences
    assert list(on_unknown.ghosts) == []


def test_problems_and_notes_are_told_once_and_in_their_order() -> None:
    asked = facts(
        mount(9, "/x"), config=config(listed("/x")), problems=("of the facts",),
        image=Image(problems=("a contradiction",), notes=("of the image",)),
    )  # fmt: skip
    found = judged(asked, directory("/x", 9), writable=[file("/x/f", size=1)],
                   predictions=predicted())  # fmt: skip
    assert found.problems == ("a contradiction",)
    assert found.notes == (
        "of the image", "of the facts", "of the prediction",
        "the tmpfs on /x hides 1 file of the writable layer: /x/f",
    )  # fmt: skip


def test_a_mount_has_an_entry_where_the_live_root_shows_it() -> None:
    over = mount(10, "/x", parent=9)
    asked = facts(mount(9, "/x"), over, mount(11, "/y"),
                  config=config(listed("/x"), listed("/x"), listed("/y")),
                  inspect={"HostConfig": {"Tmpfs": {"/x": "", "/y": ""}}})  # fmt: skip
    wanted = PredictedMount("tmpfs", frozenset({"ro"}))
    found = judged(asked, directory("/x", 10), predictions=predicted("/x", mount=wanted))
    shown = {line.mount.id: (line.entry, line.origin) for line in found.mounts}
    users = Origin.USER_MOUNT
    assert shown[9] == (False, users)
    assert shown[10] == (True, users)
    assert shown[11] == (False, users)
    assert shown[ROOT.id] == (True, Origin.STORAGE_DRIVER)


# Who asked for a volume:


@pytest.mark.parametrize(
    ("declared", "host_config", "told"),
    [
        ({}, {}, "volume v on /data is asked for"),
        ({"/data": {}}, {}, "volume v on /data: the image declares VOLUME /data"),
        ({"/data/": {}}, {}, "volume v on /data: the image declares VOLUME /data"),
        *(({"/data": {}}, {"Binds": [option]},
           "volume v on /data is asked for, where the image declares VOLUME")
          for option in ("v:/data", "v:/data/:ro", "v:/data:ro,z")),
        *(({"/data": {}}, {"Binds": [option]},
           "volume v on /data: the image declares VOLUME /data")
          for option in ("v:/data2", "v2:/data", "v", "/data:v", "x:v:/data")),
        *(({"/data": {}}, {"Mounts": [{"Target": target}]},
           "volume v on /data is asked for, where the image declares VOLUME")
          for target in ("/data", "/data/")),
        ({"/data": {}}, {"Mounts": [{"Target": "/other"}, {}], "Binds": None},
         "volume v on /data: the image declares VOLUME /data"),
    ],
)  # fmt: skip
def test_an_option_or_the_image_asks_for_a_volume(
    declared: dict[str, Any], host_config: dict[str, Any], told: str
) -> None:
    volume = {"Type": "volume", "Name": "v", "Source": "/v/_data", "Destination": "/data"}
    data = mount(10, "/data", "ext4", root="/v/_data", device=(8, 1))
    asked = facts(
        data, config=config(bind("/data", "/v/_data")),
        inspect={"Mounts": [volume], "HostConfig": host_config},
        image=Image(config={"config": {"Volumes": declared}}),
    )  # fmt: skip
    shown = judged(asked, directory("/data", 10)).mounts[1]
    assert shown.evidence[0].detail == told
    nameless = replace(asked, container=replace(asked.container, inspect={"Mounts": [
        {"Type": "volume", "Source": "/v/_data", "Destination": "/data"}]}))  # fmt: skip
    first = judged(nameless, directory("/data", 10)).mounts[1].evidence[0].detail
    assert first.startswith("volume /v/_data on /data")
