"""A tmpfs whose top was changed since the start is still the mount that was predicted."""

from __future__ import annotations

from tests.unit.judge.handmade import config, directory, facts, finding, judged, listed, mount

from scratchlab.judge.prediction import predict
from scratchlab.ledger import Ledger
from scratchlab.model import Origin


def test_change_of_its_mode_does_not_contradict_the_prediction_of_the_mount() -> None:
    found = facts(
        mount(9, "/run", super_options=("rw", "mode=755")),
        config=config(listed("/run")),
        inspect={"HostConfig": {"Tmpfs": {"/run": ""}}},
    )
    live = directory("/run", 9, mode=0o711)
    shown = finding(judged(found, live, predictions=predict(found, Ledger())), "/run")
    assert (shown.origin, shown.prediction) == (Origin.WRITTEN_LATER, "agrees")
