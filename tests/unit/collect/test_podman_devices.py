"""The devices that podman is asked for, by its command line and by containers.conf."""

from __future__ import annotations

from pathlib import Path

import pytest

from scratchlab.collect import podman_devices as module
from scratchlab.collect.podman_devices import podman_devices
from scratchlab.devices import HostDevice

NULL, ZERO = (1, 3), (1, 5)


@pytest.fixture(autouse=True)
def _no_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "_FILES", (str(tmp_path / "a.conf"), str(tmp_path / "b.conf")))
    monkeypatch.setattr(module, "_DIRECTORY", str(tmp_path / "b.conf.d"))


def asked(*command: object, home: str = "") -> tuple[HostDevice, ...]:
    return podman_devices({"Config": {"CreateCommand": list(command)}}, home)


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ((), []),
        (("run", "--device", "/dev/null"), [("/dev/null", NULL)]),
        (("run", "--device=/dev/null:/x"), [("/x", NULL)]),
        (("run", "--device", "/dev/null:/x:rwm"), [("/x", NULL)]),
        (("run", "--device", "/dev/null:rwm"), [("/dev/null", NULL)]),
        (("run", "--device", "/dev/null:/a", "--device", "/dev/zero:/b"),
         [("/a", NULL), ("/b", ZERO)]),
        (("run", "--device", "vendor.com/class=one"), []),
        (("run", "--device", "/dev/absent"), []),
        (("run", "--devices", "/dev/null", "--device"), []),
    ],
)  # fmt: skip
def test_devices_of_the_command_line(
    command: tuple[str, ...], found: list[tuple[str, tuple[int, int]]]
) -> None:
    assert asked(*command) == tuple(HostDevice(*each) for each in found)


def test_inspect_counts_only_without_a_command_line() -> None:
    host = {"Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/x"}]}
    command = {"CreateCommand": ["podman", "run", "image"]}
    assert podman_devices({"Config": command, "HostConfig": host}) == ()
    service = {"CreateCommand": ["podman", "system", "service", "--time", "0"]}
    for made in ({}, service):
        assert podman_devices({"Config": made, "HostConfig": host}) == (HostDevice("/dev/x", NULL),)
    assert podman_devices({"Config": {"CreateCommand": None}}) == ()


def test_a_link_of_the_hosts_is_followed_first(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/zero")
    assert asked("--device", f"{tmp_path}/link") == (HostDevice("/dev/zero", ZERO),)
    assert asked("--device", f"{tmp_path}/link:/z") == (HostDevice("/z", ZERO),)


def test_devices_of_every_container(tmp_path: Path) -> None:
    text = '[containers]\ndevices = ["/dev/null:/{}:rwm"]\n'
    (tmp_path / "home/.config/containers/containers.conf.d").mkdir(parents=True)
    (tmp_path / "b.conf.d").mkdir()
    files = {
        "b.conf": "b", "b.conf.d/c.conf": "c", "b.conf.d/d.txt": "d",
        "home/.config/containers/containers.conf": "e",
        "home/.config/containers/containers.conf.d/f.conf": "f",
    }  # fmt: skip
    for name, place in files.items():
        (tmp_path / name).write_text(text.format(place))
    of_root = [("/b", "b.conf"), ("/c", "b.conf.d/c.conf")]
    assert asked() == tuple(HostDevice(path, NULL, str(tmp_path / file)) for path, file in of_root)
    home = str(tmp_path / "home")
    assert {device.target for device in asked(home=home)} == {"/b", "/c", "/e", "/f"}


@pytest.mark.parametrize(
    "text",
    ["", "[", "containers = 7", "[containers]\ndevices = 7", "[engine]\n", "[containers]\n",
     "[containers]\ndevices = [7]"],
)  # fmt: skip
def test_a_file_that_asks_for_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text(text)
    assert asked() == ()
