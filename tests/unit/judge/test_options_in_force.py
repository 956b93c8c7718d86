"""Options of a mount that were asked for and are not in force: the doubt shows those that are."""

from __future__ import annotations

from tests.unit.judge.handmade import causes, config, facts, listed, mount


def test_doubt_shows_the_options_as_mountinfo_does() -> None:
    found = facts(
        mount(9, "/x", options=("rw", "nosuid", "relatime")),
        config=config(listed("/x", "tmpfs", "tmpfs", "ro", "nosuid", "noexec")),
        inspect={"HostConfig": {"Tmpfs": {"/x": "ro,noexec"}}},
    )
    assert causes(found)[9].doubt == (
        "oci-config asks for noexec, ro, and mountinfo shows rw,nosuid,relatime"
    )
