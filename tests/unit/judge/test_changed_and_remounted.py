"""A tmpfs whose top was changed, and that was mounted again with other options."""

from __future__ import annotations

from tests.unit.judge.handmade import config, directory, facts, finding, judged, listed, mount

from scratchlab.model import Origin


def test_both_are_told() -> None:
    found = facts(
        mount(9, "/run"), config=config(listed("/run", "tmpfs", "tmpfs", "ro")),
        inspect={"HostConfig": {"Tmpfs": {"/run": "ro"}}},
    )  # fmt: skip
    shown = finding(judged(found, directory("/run", 9, mode=0o711)), "/run")
    assert shown.origin is Origin.WRITTEN_LATER
    assert shown.prediction == "oci-config asks for ro, and mountinfo shows rw"
