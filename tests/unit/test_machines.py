"""Base systems and system containers: what goes into a key, and what is asked of the engine."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from tests.machines import base, container


@pytest.mark.parametrize("part", ["PACKAGES", "OPTIONS", "SETUP"])
def test_the_key_changes_with_what_goes_in(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    release = base.RELEASES["bookworm"]
    before = base.key(release)
    monkeypatch.setattr(base, part, (*getattr(base, part), "more"))
    assert base.key(release) != before


def test_the_key_differs_from_release_to_release() -> None:
    assert len({base.key(release) for release in base.RELEASES.values()}) == len(base.RELEASES)


def test_an_old_base_system_is_stale(tmp_path: Path) -> None:
    file = tmp_path / "bookworm.tar"
    assert not base.fresh(file)
    file.touch()
    assert base.fresh(file)
    old = time.time() - base.MAX_AGE - 1
    os.utime(file, (old, old))
    assert not base.fresh(file)


def test_the_mirror_of_this_machine_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "output", lambda *_: "http://mirror.example/debian/\n")
    assert (
        base.sources(base.RELEASES["trixie"])[0] == "deb http://mirror.example/debian trixie main"
    )


def test_without_a_known_mirror_it_is_debians_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "output", lambda *_: "")
    assert base.sources(base.RELEASES["sid"]) == ["deb http://deb.debian.org/debian sid main"]
    assert len(base.sources(base.RELEASES["bookworm"])) == 3


def test_only_the_way_to_the_archive_is_taken_from_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dump = (
        'Acquire::http::Proxy "http://proxy:3142";\nAcquire::Check-Valid-Until "false";\n'
        'APT::Install-Recommends "0";\nAcquire::cdrom::mount "/media/cdrom/";\n'
    )
    monkeypatch.setattr(base, "output", lambda *_: dump)
    assert base.apt_options() == dump.splitlines()[:2]


def test_no_capability_is_asked_for_that_root_lacks() -> None:
    command = container.run_command("m", "m", "image", base.RELEASES["sid"])
    asked = {word.partition("=")[2] for word in command if word.startswith("--cap-add=")}
    assert asked == set(container.effective_capabilities())
    assert "--privileged" not in command
    assert "--env=UNIFIED=1" in command
