"""A directory that a runtime makes for a mount in a filesystem that was empty before."""

from __future__ import annotations

from tests.unit.judge.handmade import config, directory, facts, finding, judged, listed, mount

from scratchlab.model import Evidence, Origin

ASKED = facts(
    mount(9, "/run"),
    mount(10, "/run/a/b", parent=9),
    config=config(listed("/run"), listed("/run/a/b"), listed("/run/gone")),
    inspect={"HostConfig": {"Tmpfs": {"/run": "", "/run/a/b": "", "/run/gone": ""}}},
)


def test_the_mount_that_needs_it_is_told() -> None:
    """Also one that was unmounted since, which leaves its directory."""
    live = [directory(path, 9) for path in ("/run", "/run/a", "/run/gone")]
    judgement = judged(ASKED, *live, directory("/run/a/b", 10))
    above, gone = finding(judgement, "/run/a"), finding(judgement, "/run/gone")
    assert above.origin is gone.origin is Origin.RUNTIME_MOUNTPOINT
    assert above.evidence[0] == Evidence("mountinfo", "/run/a/b needs it")
    assert gone.evidence[0] == Evidence("oci-config", "tmpfs tmpfs on /run/gone needs it")
