"""What an engine made in the root, and somebody removed since the start: drift, if shown."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.judge.handmade import (
    DEV,
    DOCKER,
    PODMAN,
    ROOT,
    config,
    directory,
    facts,
    file,
    finding,
    judged,
    listed,
    mount,
)

from scratchlab.judge.opaque import opaque
from scratchlab.judge.prediction.predictions import PredictedMount, Prediction, Predictions
from scratchlab.model import Entry, Facts, Finding, Layers, Origin, Status
from scratchlab.reading import SecondLook, Sight

STARTED = {"State": {"StartedAt": "2026-01-01T00:00:00Z"}}
START = 1_767_225_600_000_000_000
LAYERS = Layers("overlay2", (), "/l/init", "/l/upper")
REMOVED = (Status.DELETED, Origin.WRITTEN_LATER)
MISSING = (Status.MISSING, Origin.ENGINE_INIT_LAYER)
NOTHING = Entry.whiteout("/etc/mtab")


def of(found: Facts, *writable: Entry, known: bool = True, **predicted: Any) -> Finding:
    """The finding for /etc/mtab, which the engine made and the container lacks."""
    item = Prediction("/etc/mtab", Origin.ENGINE_INIT_LAYER, "docker-mtab", **predicted)
    judgement = judged(
        found, directory("/etc", ROOT.id), image=[directory("/etc")],
        writable=writable if known else None, predictions=Predictions({"/etc/mtab": item}),
    )  # fmt: skip
    return finding(judgement, "/etc/mtab")


def shown(*arguments: Any, **more: Any) -> tuple[Status, Origin]:
    found = of(*arguments, **more)
    return found.status, found.origin


@pytest.mark.parametrize(
    ("writable", "detail"),
    [
        (NOTHING, "whiteout /l/upper/etc/mtab"),
        (Entry.whiteout("/etc"), "whiteout /l/upper/etc"),
        (opaque(directory("/etc")), "opaque directory /l/upper/etc"),
    ],
)
def test_a_whiteout_of_the_writable_layer_shows_it(writable: Entry, detail: str) -> None:
    found = of(facts(layers=LAYERS), writable)
    assert (found.status, found.origin, found.rule, found.live) == (*REMOVED, None, None)
    assert found.prediction == "none"
    assert [(item.kind, item.detail) for item in found.evidence] == [
        ("writable-layer", detail),
        ("stat", "predicted here was engine-init-layer (docker-mtab)"),
    ]


@pytest.mark.parametrize(
    "writable", [[], [directory("/etc")], [opaque(directory("/etc/mtab"))], [file("/etc/other")]]
)
def test_otherwise_it_is_missing(writable: list[Entry]) -> None:
    found = of(facts(layers=LAYERS), *writable)
    assert (found.status, found.origin, found.rule) == (*MISSING, "docker-mtab")
    assert found.prediction == "predicted engine-init-layer, but missing"
    assert shown(facts(), known=False) == MISSING


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"/etc/mtab": "deleted"}, REMOVED),
        ({"/etc": "deleted"}, REMOVED),
        ({"/etc": "changed"}, MISSING),
        ({"/etc/mtab2": "deleted"}, MISSING),
    ],
)
def test_the_engines_own_list_shows_it(
    changes: dict[str, str], expected: tuple[Status, Origin]
) -> None:
    found = of(facts(changes=changes, engine=DOCKER), known=False)
    assert (found.status, found.origin) == expected
    if expected == REMOVED:
        path = next(iter(changes))
        assert found.evidence[0].detail == f"the engine lists {path} as deleted"


@pytest.mark.parametrize(
    ("above", "inspect", "expected"),
    [
        (START + 1, STARTED, REMOVED),
        (START, STARTED, MISSING),
        (START + 1, {}, MISSING),
        (None, STARTED, MISSING),
    ],
)
def test_a_change_of_the_directory_above_shows_it(
    above: int | None, inspect: Any, expected: tuple[Status, Origin]
) -> None:
    """podman makes it in the writable layer itself, where no whiteout is left of it."""
    looks = (SecondLook("/etc/mtab", Sight.SAME, None, above),)
    found = of(facts(second_look=looks, inspect=inspect, engine=PODMAN))
    assert (found.status, found.origin) == expected
    if expected == REMOVED:
        assert found.evidence[0].detail == (
            "it is gone, and the directory above it was made or changed at "
            "2026-01-01T00:00:00.000000001Z, after the start at 2026-01-01T00:00:00.000000000Z"
        )


LOOKED = (SecondLook("/etc/mtab", Sight.SAME, None, START + 1),)


def test_a_mount_that_is_gone_is_missing() -> None:
    found = facts(layers=LAYERS, second_look=LOOKED, inspect=STARTED)
    assert shown(found, NOTHING, mount=PredictedMount()) == MISSING


def test_what_lay_on_another_mount_is_missing() -> None:
    """The specification wants it there: /dev/random, say."""
    asked = config(listed("/etc"))
    found = facts(
        DEV, mount(9, "/etc"), config=asked, layers=LAYERS, second_look=LOOKED, inspect=STARTED
    )
    assert shown(found, NOTHING) == MISSING
