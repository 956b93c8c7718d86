"""Prediction against evidence: what agrees, and the sentence where it does not."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.judge.handmade import (
    DEV,
    bind,
    bound,
    config,
    directory,
    facts,
    file,
    finding,
    judged,
    link,
    listed,
    mount,
    source,
)  # fmt: skip

from scratchlab.judge import agreement, is_doubtful
from scratchlab.judge.cause import Cause
from scratchlab.judge.prediction.predictions import PredictedMount, Prediction, Predictions
from scratchlab.model import Entry, Finding, Kind, Mount, Origin, Status
from scratchlab.reading import SecondLook, Sight

MOUNT = Mount(9, 1, (0, 9), "/", "/x", ("rw",), (), "tmpfs", "tmpfs", ("ro",))


@pytest.mark.parametrize(
    ("fields", "live", "phrases"),
    [
        ({}, file("/x"), []),
        ({"kind": Kind.FILE}, file("/x"), []),
        ({"kind": Kind.DIRECTORY}, file("/x"), ["kind: predicted directory, found file"]),
        ({"uid": 0, "gid": 0}, file("/x", uid=1, gid=2),
         ["uid: predicted 0, found 1", "gid: predicted 0, found 2"]),
        ({"size": 0}, file("/x", size=3), ["size: predicted 0, found 3"]),
        ({"target": "/a"}, link("/x", "/b"), ["target: predicted /a, found /b"]),
        ({"device": (1, 3)}, file("/x"), ["device: predicted 1:3, found none"]),
        ({"mode": (0o755, 0o700)}, file("/x", mode=0o700), []),
        ({"mode": (0o755, 0o700)}, file("/x", mode=0o4755),
         ["mode: predicted 0755 or 0700, found 4755"]),
    ],
)  # fmt: skip
def test_only_what_a_rule_fixes_is_held_against_an_entry(
    fields: dict[str, Any], live: Entry, phrases: list[str]
) -> None:
    prediction = Prediction("/x", Origin.USER_MOUNT, "rule", **fields)
    assert prediction.contradictions(live, None) == phrases


@pytest.mark.parametrize(
    ("predicted", "mount", "phrases"),
    [
        (None, None, []),
        (PredictedMount(), MOUNT, []),
        (PredictedMount(), None, ["predicted a mount point, found none"]),
        (PredictedMount("tmpfs", frozenset({"rw", "ro"})), MOUNT, []),
        (PredictedMount("proc"), MOUNT, ["predicted a mount of proc, found tmpfs"]),
        (PredictedMount(None, frozenset({"nodev", "noexec"})), MOUNT,
         ["predicted mount option nodev, noexec, but missing"]),
    ],
)  # fmt: skip
def test_only_what_a_rule_fixes_is_held_against_a_mount(
    predicted: PredictedMount | None, mount: Mount | None, phrases: list[str]
) -> None:
    prediction = Prediction("/x", Origin.USER_MOUNT, "rule", mount=predicted)
    assert prediction.mount_contradictions(mount) == phrases
    elsewhere = Prediction("/y", Origin.USER_MOUNT, "rule", mount=predicted)
    expected = [] if predicted is None else ["predicted a mount point, found none"]
    assert elsewhere.mount_contradictions(mount) == expected


USERS, INSIDE, MASK = Origin.USER_MOUNT, Origin.MOUNTED_INSIDE, Origin.RUNTIME_MASK
FILESYSTEM, WRITTEN, DEVICE = Origin.RUNTIME_FILESYSTEM, Origin.WRITTEN_LATER, Origin.RUNTIME_DEVICE
ON_ROOT = mount(1, "/", "overlay", parent=0)


def cause(origin: Origin, doubt: str = "", place: Origin | None = None) -> Cause:
    return Cause(origin, None, (), doubt, place)


def predictions(*items: Prediction, complete: bool = True, below: Any = None) -> Predictions:
    return Predictions({item.path: item for item in items}, below or {}, complete)


def prediction(path: str, origin: Origin, **fields: Any) -> Prediction:
    return Prediction(path, origin, "rule", **fields)


def of_entry(
    path: str,
    origin: Origin,
    *items: Prediction,
    at: Mount = ON_ROOT,
    origins: tuple[Origin, ...] = (),
    complete: bool = True,
    **changes: Any,
) -> str:
    return agreement.of_entry(
        predictions(*items, complete=complete), file(path), at, cause(origin, **changes), origins
    )


def test_an_entry_as_predicted_agrees() -> None:
    assert of_entry("/x", DEVICE, prediction("/x", DEVICE)) == "agrees"
    assert of_entry("/x", DEVICE, prediction("/x", DEVICE), doubt="a doubt") == "a doubt"
    two = of_entry("/x", DEVICE, prediction("/x", DEVICE, mode=(0o600,)), doubt="a doubt")
    assert two == "a doubt; mode: predicted 0600, found 0644"


def test_another_origin_is_a_sentence_but_a_change_of_the_engines_file_is_not() -> None:
    expected = prediction("/x", Origin.ENGINE_MOUNT)
    assert of_entry("/x", WRITTEN, expected) == (
        "predicted as engine-mount, found as written-later"
    )
    assert of_entry("/x", WRITTEN, expected, place=Origin.ENGINE_MOUNT) == "agrees"


@pytest.mark.parametrize(
    ("origin", "predictable"),
    [
        (Origin.IMAGE_LAYER, False), (Origin.STORAGE_DRIVER, True),
        (Origin.ENGINE_INIT_LAYER, True), (Origin.ENGINE_CREATE, True),
        (Origin.RUNTIME_MOUNTPOINT, True), (Origin.ENGINE_MOUNT, True), (USERS, True),
        (FILESYSTEM, True), (DEVICE, True), (Origin.KERNEL, False), (MASK, True),
        (Origin.USER_DATA, False), (Origin.VOLUME_COPY, False), (INSIDE, False),
        (Origin.HOST_MOUNT, False), (Origin.HOOK_OR_TOOL, False), (WRITTEN, False),
        (Origin.UNEXPLAINED, False),
    ],
)  # fmt: skip
def test_a_complete_prediction_names_what_can_be_predicted(
    origin: Origin, predictable: bool
) -> None:
    sentence = f"not predicted: no rule expects {origin} at this path"
    assert of_entry("/x", origin) == (sentence if predictable else "none")
    assert of_entry("/x", origin, complete=False) == "none"
    assert of_entry("/x", origin, doubt="a doubt", complete=False) == "a doubt"
    if predictable:
        assert of_entry("/x", origin, doubt="a doubt") == f"a doubt; {sentence}"


def test_inside_a_mount_of_somebodys_nothing_is_predicted() -> None:
    none = "none"
    volume = mount(9, "/data")
    users = prediction("/data", USERS)
    assert of_entry("/data/x", DEVICE, users, at=volume) == none
    assert of_entry("/data/x", DEVICE, at=volume) == none
    assert of_entry("/data", DEVICE, at=volume) != none
    assert of_entry("/data/in", USERS, users, at=mount(9, "/data/in")) == none
    assert of_entry("/dev/x", DEVICE, at=DEV) != none
    assert of_entry("/dev/x", DEVICE, prediction("/dev", USERS), at=DEV) == none
    assert of_entry("/x", DEVICE, prediction("/dev", USERS)) == none
    assert agreement.of_entry(predictions(), file("/x"), None, cause(DEVICE)) != none


def test_a_mount_over_a_predicted_one_is_drift() -> None:
    predicted = prediction("/x", FILESYSTEM, mount=PredictedMount())
    at = mount(9, "/x")
    assert of_entry("/x", INSIDE, predicted, at=at, origins=(FILESYSTEM, INSIDE)) == "none"
    assert of_entry("/x", INSIDE, predicted, at=at, origins=(INSIDE,)) == (
        "predicted as runtime-filesystem, found as mounted-inside"
    )
    assert of_entry("/x", Origin.HOST_MOUNT, prediction("/x", DEVICE), at=at) == "none"
    assert of_entry("/x", INSIDE, prediction("/x", DEVICE), at=at, doubt="a doubt") == "a doubt"


def of_mount(origin: Origin, *items: Prediction, origins: tuple[Origin, ...] = (),
             complete: bool = True, below: Any = None, doubt: str = "") -> str:  # fmt: skip
    asked = predictions(*items, complete=complete, below=below)
    return agreement.of_mount(asked, MOUNT, cause(origin, doubt), origins)


def test_a_mount_without_an_entry_is_held_against_its_own_prediction() -> None:
    inside = prediction("/x", MASK, has_entry=False, mount=PredictedMount("tmpfs"))
    assert of_mount(MASK, inside) == "agrees"
    assert of_mount(MASK, inside, doubt="a doubt") == "a doubt"
    two = of_mount(USERS, inside, doubt="a doubt")
    assert two == "a doubt; predicted as runtime-mask, found as user-mount"
    assert of_mount(USERS, inside) == "predicted as runtime-mask, found as user-mount"
    proc = prediction("/x", MASK, has_entry=False, mount=PredictedMount("proc"))
    assert of_mount(MASK, proc) == "predicted a mount of proc, found tmpfs"
    assert of_mount(INSIDE, inside, origins=(MASK, INSIDE)) == "none"
    assert of_mount(INSIDE, inside, origins=(MASK,), doubt="a doubt") == "a doubt"
    assert of_mount(INSIDE, inside) == "predicted as runtime-mask, found as mounted-inside"
    # With an entry, the prediction at the target is the entry's.
    assert of_mount(USERS, prediction("/x", MASK)) == "none"


def test_an_unpredicted_mask_is_a_sentence_where_the_lists_are_known() -> None:
    sentence = "not predicted: the engine's lists do not have this path"
    assert of_mount(MASK) == sentence
    assert of_mount(MASK, complete=False) == "none"
    assert of_mount(USERS) == "none"
    assert of_mount(MASK, doubt="a doubt") == f"a doubt; {sentence}"


def test_of_several_predictions_at_a_target_the_one_of_this_origin_counts() -> None:
    lower = prediction("/x", USERS, mount=PredictedMount("proc"))
    upper = prediction("/x", MASK, has_entry=False, mount=PredictedMount("tmpfs"))
    below = {"/x": (lower,)}
    assert of_mount(MASK, upper, below=below) == "agrees"
    assert of_mount(USERS, upper, below=below) == "predicted a mount of proc, found tmpfs"
    assert of_mount(DEVICE, upper, below=below).startswith("predicted as user-mount, found")


# The same in a judgement:


def found(
    *live: Entry,
    path: str,
    at: tuple[Mount, ...] = (),
    asked: Any = None,
    items: tuple[Prediction, ...] = (),
    image: tuple[Entry, ...] = (),
    **more: Any,
) -> Finding:
    judgement = judged(
        facts(*at, config=asked or config(), **more), *live, image=image,
        predictions=predictions(*items, complete=False),
    )  # fmt: skip
    return finding(judgement, path)


def test_an_entry_as_in_the_image_agrees_where_anything_is_predicted() -> None:
    live, image = (file("/f", 1),), (file("/f"),)
    assert found(*live, path="/f", image=image).prediction == "none"
    items = (prediction("/other", DEVICE),)
    assert found(*live, path="/f", image=image, items=items).prediction == "agrees"


def test_an_entry_of_the_image_in_the_place_of_a_predicted_one_is_told() -> None:
    items = (prediction("/f", DEVICE),)
    assert found(file("/f", 1), path="/f", image=(file("/f"),), items=items).prediction == (
        "predicted as runtime-device, found as image-layer"
    )


def test_what_is_predicted_and_nowhere_is_missing() -> None:
    missing = found(path="/f", items=(prediction("/f", DEVICE),))
    assert (missing.status, missing.origin, missing.rule) == (Status.MISSING, DEVICE, "rule")
    assert missing.prediction == "predicted runtime-device, but missing"
    assert missing.evidence == ()


@pytest.mark.parametrize(
    ("path", "has_entry", "missing"),
    [("/f", True, False), ("/i", True, False), ("/m", False, False), ("/f", False, True),
     ("/m", True, True), ("/x", False, True), ("/covered/x", True, False),
     ("/covered/x", False, False)],
)  # fmt: skip
def test_what_is_predicted_is_looked_for_where_it_can_be(
    path: str, has_entry: bool, missing: bool
) -> None:
    judgement = judged(
        facts(mount(9, "/m"), mount(8, "/covered"), config=config(listed("/m"))), file("/f", 1),
        image=[file("/i")], predictions=predictions(prediction(path, DEVICE, has_entry=has_entry)),
    )  # fmt: skip
    assert (
        path
        in [item.path for item in judgement.findings if item.prediction.endswith("but missing")]
    ) is missing


def test_below_a_mount_that_was_made_later_nothing_is_predicted() -> None:
    live = (directory("/etc", 9), link("/etc/mtab", "/x", 9))
    items = (prediction("/etc/mtab", Origin.ENGINE_INIT_LAYER, target="/proc/mounts"),)
    mtab = found(*live, path="/etc/mtab", at=(mount(9, "/etc"),), items=items)
    assert (mtab.origin, mtab.prediction) == (WRITTEN, "none")
    users = {"HostConfig": {"Tmpfs": {"/etc": ""}}}
    sound = found(*live, path="/etc/mtab", at=(mount(9, "/etc"),), items=items,
                  asked=config(listed("/etc")), inspect=users)  # fmt: skip
    assert sound.prediction.startswith("predicted as engine-init-layer, found as written-later")


def test_an_entry_and_its_mount_are_judged_alike() -> None:
    at = bound(9, "/data", options=("rw",))
    judgement = judged(
        facts(at, config=config(bind("/data", "/s", "rbind", "ro")), sources=(source("/s", 9),),
              inspect={"Mounts": [{"Destination": "/data"}]}),
        directory("/data", 9), predictions=predictions(prediction("/data", USERS)),
    )  # fmt: skip
    entry = finding(judgement, "/data")
    shown = judgement.mounts[1]
    assert (
        entry.prediction == shown.prediction == ("oci-config asks for ro, and mountinfo shows rw")
    )
    assert (shown.entry, judgement.mounts[0].entry) == (True, True)


@pytest.mark.parametrize(
    ("sight", "origin", "note", "detail"),
    [
        (Sight.GONE, WRITTEN, "changed while read", "it was gone when it was looked at again"),
        (Sight.CHANGED, WRITTEN, "changed while read",
         "it was changed when it was looked at again"),
        (Sight.SAME, Origin.UNEXPLAINED, None, None),
    ],
)  # fmt: skip
def test_what_comes_out_wrong_is_looked_at_again(
    sight: Sight, origin: Origin, note: str | None, detail: str | None
) -> None:
    again = (SecondLook("/f", sight), SecondLook("/gone", sight))
    judgement = judged(facts(second_look=again), file("/f", 1), image=[file("/gone")])
    live, missing = finding(judgement, "/f"), finding(judgement, "/gone")
    assert live.origin is missing.origin is origin
    assert live.live is not None
    assert live.live.note == note
    assert live.status is Status.ONLY_LIVE
    assert missing.live is None
    assert missing.status is (Status.MISSING if detail is None else Status.CHANGED)
    if detail is not None:
        assert live.evidence[0].detail == missing.evidence[0].detail == detail


def test_what_is_explained_is_not_looked_at_again() -> None:
    judgement = judged(
        facts(second_look=(SecondLook("/f", Sight.GONE),)), file("/f", 1), image=[file("/f")]
    )
    assert finding(judgement, "/f").origin is Origin.IMAGE_LAYER


# What the engine made, and something else replaced since the start:


STARTED = {"State": {"StartedAt": "2026-01-01T00:00:00Z"}}
START = 1_767_225_600_000_000_000
MTAB = link("/etc/mtab", "../proc/self/mounts", 1)


def replaced(
    changed: int | None, live: Entry = MTAB, inspect: Any = STARTED, **predicted: Any
) -> Finding:
    item = prediction(live.path, Origin.ENGINE_INIT_LAYER, **{"kind": Kind.SYMLINK, **predicted})
    looks = (SecondLook(live.path, Sight.SAME, changed),)
    judgement = judged(
        facts(second_look=looks, inspect=inspect), live, writable=[live],
        predictions=predictions(item),
    )  # fmt: skip
    return finding(judgement, live.path)


def test_what_replaced_the_engines_entry_after_the_start_is_drift() -> None:
    seen = replaced(START + 1, target="/proc/mounts")
    assert (seen.origin, seen.prediction) == (WRITTEN, agreement.NONE)
    assert seen.evidence[-1].detail == (
        "it was made or changed at 2026-01-01T00:00:00.000000001Z, after the start at "
        "2026-01-01T00:00:00.000000000Z; predicted here was engine-init-layer (rule)"
    )
    assert not is_doubtful(seen)


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        (START, {}),
        (None, {}),
        (START + 1, {"inspect": {}}),
        (START + 1, {"live": directory("/etc/mtab", 1)}),
        (START + 1, {"mount": PredictedMount()}),
    ],
)
def test_what_nothing_proves_to_be_later_is_held_against_the_prediction(
    changed: int | None, fields: dict[str, Any]
) -> None:
    seen = replaced(changed, **{"target": "/proc/mounts", **fields})
    assert (seen.origin, len(seen.evidence)) == (WRITTEN, 1)
    assert seen.prediction.startswith("predicted as engine-init-layer, found as written-later")
    assert is_doubtful(seen)


def test_what_was_written_where_nothing_was_predicted_needs_no_proof_of_time() -> None:
    looks = (SecondLook("/f", Sight.SAME, START + 1),)
    new = file("/f", 1)
    asked = facts(second_look=looks, inspect=STARTED)
    seen = finding(judged(asked, new, writable=[new], predictions=predictions()), "/f")
    assert (seen.origin, seen.prediction, len(seen.evidence)) == (WRITTEN, agreement.NONE, 1)
    assert not is_doubtful(seen)


@pytest.mark.parametrize(
    ("status", "origin", "agreed", "doubtful"),
    [
        (Status.MISSING, Origin.ENGINE_MOUNT, "a sentence", True),
        (Status.ONLY_LIVE, Origin.UNEXPLAINED, agreement.NONE, True),
        (Status.ONLY_LIVE, WRITTEN, "a sentence", True),
        (Status.ONLY_LIVE, WRITTEN, agreement.NONE, False),
        (Status.ONLY_LIVE, WRITTEN, agreement.AGREES, False),
        (Status.ONLY_LIVE, Origin.RUNTIME_DEVICE, "a sentence", False),
    ],
)
def test_what_a_container_that_writes_may_have_made_wrong_is_doubtful(
    status: Status, origin: Origin, agreed: str, doubtful: bool
) -> None:
    assert is_doubtful(Finding("/f", status, origin, prediction=agreed)) is doubtful
