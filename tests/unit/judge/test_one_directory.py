"""Roots without layers (vfs, native, btrfs): what was changed later is told by its time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.judge.handmade import DOCKER, ROOT, directory, facts, file, finding, judged, mount

from scratchlab.judge import agreement, is_doubtful
from scratchlab.judge.prediction.predictions import Prediction, Predictions
from scratchlab.model import Entry, Finding, Origin, Status
from scratchlab.reading import SecondLook, Sight

START = 1_767_225_600_000_000_000
STARTED = {"State": {"StartedAt": "2026-01-01T00:00:00Z"}}
LATER = Origin.WRITTEN_LATER
SENTENCE = (
    "it was made or changed at 2026-01-01T00:00:00.000000001Z, after the start at "
    "2026-01-01T00:00:00.000000000Z, in a root that is this container's alone"
)


def looked_at(
    live: Entry, changed: int | None = START + 1, sight: Sight = Sight.SAME,
    driver: str = "native", image: tuple[Entry, ...] = (), changes: Any = None,
) -> Finding:  # fmt: skip
    """The finding for ``live``, which was looked at again and was last changed then."""
    rule = "docker-dockerenv"
    predicted = Prediction("/.dockerenv", Origin.ENGINE_INIT_LAYER, rule, size=0)
    found = facts(
        mount(9, "/run"), engine=replace(DOCKER, storage_driver=driver), changes=changes or {},
        second_look=(SecondLook(live.path, sight, changed),), inspect=STARTED,
    )  # fmt: skip
    predictions = Predictions({"/.dockerenv": predicted})
    judgement = judged(found, live, image=image, predictions=predictions, writable=None)
    return finding(judgement, live.path)


FORGED = file("/.dockerenv", ROOT.id, size=5)
ALTERED = file("/f", ROOT.id, xattrs=(("user.x", b""),))
SHIPPED = (file("/f"),)


@pytest.mark.parametrize("driver", ["vfs", "native", "btrfs"])
def test_what_the_engines_list_leaves_out_is_told_by_its_time(driver: str) -> None:
    """Docker does not list a change of extended attributes."""
    found = looked_at(ALTERED, driver=driver, image=SHIPPED)
    assert (found.origin, found.status, found.differences) == (LATER, Status.ALTERED, ("xattrs",))
    assert [(proof.kind, proof.detail) for proof in found.evidence] == [("stat", SENTENCE)]


def test_what_the_init_layer_would_have_to_have_made_otherwise_was_written_later() -> None:
    found = looked_at(FORGED)
    assert (found.origin, found.rule, found.prediction) == (LATER, None, agreement.NONE)
    was = "predicted here was engine-init-layer (docker-dockerenv)"
    assert [(proof.kind, proof.detail) for proof in found.evidence] == [
        ("stat", f"{SENTENCE}; {was}")
    ]


@pytest.mark.parametrize(
    "how", [{"changed": START}, {"changed": None}, {"driver": "overlay2"}, {"driver": ""}], ids=str
)
def test_without_that_proof_nothing_is_drift(how: dict[str, Any]) -> None:
    assert looked_at(ALTERED, image=SHIPPED, **how).origin is Origin.UNEXPLAINED
    found = looked_at(FORGED, **how)
    assert (found.origin, found.rule) == (Origin.ENGINE_INIT_LAYER, "docker-dockerenv")
    assert found.prediction == "size: predicted 0, found 5"


def test_the_time_of_a_directory_proves_nothing() -> None:
    live = directory("/d", ROOT.id, xattrs=(("user.x", b""),))
    assert looked_at(live, image=(directory("/d"),)).origin is Origin.UNEXPLAINED


def test_what_lies_on_another_mount_is_not_in_that_root() -> None:
    assert looked_at(ALTERED._replace(mount=8), image=SHIPPED).origin is Origin.UNEXPLAINED


def test_what_moved_while_it_was_read_is_told_as_that() -> None:
    found = looked_at(ALTERED, sight=Sight.CHANGED, image=SHIPPED)
    assert found.evidence[0].detail == "it was changed when it was looked at again"


@pytest.mark.parametrize(("agreed", "doubtful"), [("a sentence", True), (agreement.AGREES, False)])
def test_what_the_init_layer_made_otherwise_is_worth_a_second_look(
    agreed: str, doubtful: bool
) -> None:
    found = Finding("/.dockerenv", Status.ONLY_LIVE, Origin.ENGINE_INIT_LAYER, prediction=agreed)
    assert is_doubtful(found) is doubtful
