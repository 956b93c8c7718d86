"""Several mounts that config.json lists on one path: each is found by what it shows."""

from __future__ import annotations

from tests.unit.judge.handmade import RUNTIME, bind, config, facts, listed, mount, origin, source


def test_second_one_is_found_where_the_first_is_gone() -> None:
    """Somebody unmounted the first, say: the second is no other mount for that."""
    both = config(bind("/dev/mqueue", "/src"), listed("/dev/mqueue", "mqueue"))
    found = facts(mount(9, "/dev/mqueue", "mqueue"), config=both, sources=(source("/src", 77),))
    assert origin(found, 9)[0] is RUNTIME
