"""Where two things contradict the evidence, both are told."""

from __future__ import annotations

import pytest
from tests.unit.judge.handmade import file, mount

from scratchlab.judge import agreement
from scratchlab.judge.cause import Cause
from scratchlab.judge.prediction.predictions import PredictedMount, Prediction, Predictions
from scratchlab.model import Origin

MASK = mount(9, "/proc/kcore")
CAUSE = Cause(Origin.RUNTIME_MASK, "masked-path", (), "it is writable")
COMPLETE = Predictions(complete=True)


def test_a_mask_that_is_in_doubt_and_that_nothing_predicts() -> None:
    told = "it is writable; not predicted: the engine's lists do not have this path"
    assert agreement.of_mount(COMPLETE, MASK, CAUSE) == told


def test_an_entry_that_is_in_doubt_and_that_nothing_predicts() -> None:
    told = "it is writable; not predicted: no rule expects runtime-mask at this path"
    assert agreement.of_entry(COMPLETE, file("/x"), None, CAUSE) == told


@pytest.mark.parametrize("has_entry", [True, False])
def test_what_is_in_doubt_and_another_one_than_predicted(has_entry: bool) -> None:
    other = Prediction("/proc/kcore", Origin.USER_MOUNT, "r", has_entry=has_entry,
                       mount=PredictedMount("ext4"))  # fmt: skip
    predictions = Predictions({other.path: other})
    told = (
        "it is writable; predicted as user-mount, found as runtime-mask; "
        "predicted a mount of ext4, found tmpfs"
    )
    if has_entry:
        assert agreement.of_entry(predictions, file(other.path), MASK, CAUSE) == told
    else:
        assert agreement.of_mount(predictions, MASK, CAUSE) == told
