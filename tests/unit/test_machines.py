"""Base systems and system containers: their keys, and the arguments of docker."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from tests.machines import base, container


@pytest.fixture
def no_apt(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without apt, whose commands take tenths of a second."""
    monkeypatch.setattr(base, "output", lambda *_: "")


@pytest.mark.usefixtures("no_apt")
@pytest.mark.parametrize("part", ["PACKAGES", "OPTIONS", "SETUP"])
def test_key_changes_with_its_parts(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    release = base.RELEASES["bookworm"]
    before = base.key(release)
    monkeypatch.setattr(base, part, (*getattr(base, part), "more"))
    assert base.key(release) != before


@pytest.mark.usefixtures("no_apt")
def test_key_differs_from_release_to_release() -> None:
    assert len({base.key(release) for release in base.RELEASES.values()}) == len(base.RELEASES)


def test_old_base_system_is_stale(tmp_path: Path) -> None:
    file = tmp_path / "bookworm.tar"
    assert not base.fresh(file)
    file.touch()
    assert base.fresh(file)
    old = time.time() - base.MAX_AGE - 1
    os.utime(file, (old, old))
    assert not base.fresh(file)


def test_mirror_of_this_machine_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "output", lambda *_: "http://mirror.example/debian/\n")
    assert (
        base.sources(base.RELEASES["trixie"])[0] == "deb http://mirror.example/debian trixie main"
    )


def test_default_mirror_is_debians(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "output", lambda *_: "")
    assert base.sources(base.RELEASES["sid"]) == ["deb http://deb.debian.org/debian sid main"]
    assert len(base.sources(base.RELEASES["bookworm"])) == 3


def test_only_proxy_and_cache_settings_of_apt_are_copied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dump = (
        'Acquire::http::Proxy "http://proxy:3142";\nAcquire::Check-Valid-Until "false";\n'
        'APT::Install-Recommends "0";\nAcquire::cdrom::mount "/media/cdrom/";\n'
    )
    monkeypatch.setattr(base, "output", lambda *_: dump)
    assert base.apt_options() == dump.splitlines()[:2]


def test_container_gets_only_the_capabilities_of_this_process() -> None:
    command = container.run_command("m", "m", "image", base.RELEASES["sid"])
    added = {word.partition("=")[2] for word in command if word.startswith("--cap-add=")}
    assert added == set(container.effective_capabilities())
    assert "--privileged" not in command
    assert "--env=UNIFIED=1" in command
