"""What its path says of a change: each convention alone, for what no program and no package is."""

from __future__ import annotations

import pytest
from tests.unit.judge.test_weight import CAPABLE, weigh

from scratchlab.judge.weight import Scale, Weight
from scratchlab.model import Entry, Facts, Kind


@pytest.mark.parametrize(
    "directory",
    ["/dev/shm", "/run", "/tmp", "/var/cache", "/var/lock", "/var/log", "/var/run", "/var/spool",
     "/var/tmp"],
)  # fmt: skip
def test_what_is_there_for_a_while_is_passing(directory: str) -> None:
    assert weigh(directory, Kind.DIRECTORY) is Weight.PASSING
    assert weigh(f"{directory}/deep/x.conf") is Weight.PASSING
    assert weigh(f"{directory}x") is weigh(f"/srv{directory}/x") is Weight.DATA


@pytest.mark.parametrize("name", ["__pycache__", ".cache"])
def test_a_cache_is_passing_wherever_it_lies(name: str) -> None:
    assert weigh(f"/root/{name}", Kind.DIRECTORY) is Weight.PASSING
    assert weigh(f"/srv/{name}/x.conf") is Weight.PASSING
    assert weigh(f"/srv/x{name}/x") is Weight.DATA


@pytest.mark.parametrize("ending", [".lock", ".log", ".pid", ".pyc", ".swp", ".tmp", "~"])
def test_a_file_with_such_an_ending_is_passing(ending: str) -> None:
    assert weigh(f"/etc/x{ending}") is Weight.PASSING
    assert weigh(f"/srv/x{ending}x") is Weight.DATA
    assert weigh(f"/srv/x{ending}", Kind.DIRECTORY) is Weight.DATA


@pytest.mark.parametrize("kind", [Kind.SOCKET, Kind.FIFO])
def test_what_only_a_running_program_uses_is_passing(kind: Kind) -> None:
    assert weigh("/etc/x.conf", kind) is Weight.PASSING


@pytest.mark.parametrize("directory", ["/etc", "/usr/etc", "/usr/local/etc"])
def test_what_lies_in_etc_is_configuration(directory: str) -> None:
    assert weigh(directory, Kind.DIRECTORY) is Weight.CONFIGURATION
    assert weigh(f"{directory}/deep/x") is Weight.CONFIGURATION
    assert weigh(f"{directory}x/x") is weigh(f"/srv{directory}/x") is Weight.DATA


@pytest.mark.parametrize("ending", [".cfg", ".cnf", ".conf", ".ini"])
def test_what_has_such_an_ending_is_configuration(ending: str) -> None:
    assert weigh(f"/srv/x{ending}") is Weight.CONFIGURATION
    assert weigh(f"/srv/x{ending}x") is Weight.DATA


@pytest.mark.parametrize("home", ["/root", "/home", "/home/a"])
def test_what_is_hidden_in_a_home_is_configuration(home: str) -> None:
    assert weigh(f"{home}/.x/y") is weigh(f"{home}/x/.y") is Weight.CONFIGURATION
    assert weigh(f"{home}/x.y") is weigh(f"/srv{home}/.x") is weigh("/rooty/.x") is Weight.DATA


@pytest.mark.parametrize("above", ["", "/usr", "/usr/local"])
@pytest.mark.parametrize("name", ["bin", "sbin", "lib", "lib32", "lib64", "libx32", "libexec"])
def test_a_link_where_programs_are_is_one(above: str, name: str) -> None:
    for path in (f"{above}/{name}/x", f"{above}/{name}/deep/x.conf"):
        assert weigh(path, Kind.SYMLINK, 0o777) is Weight.PROGRAM
        assert weigh(path) is not Weight.PROGRAM
    assert weigh(f"{above}/{name}", Kind.SYMLINK, 0o777) is Weight.DATA
    assert weigh(f"{above}/{name}x/x", Kind.SYMLINK, 0o777) is Weight.DATA


@pytest.mark.parametrize("mode", [0o100, 0o010, 0o001])
def test_whoever_may_execute_a_file_it_is_a_program(mode: int) -> None:
    assert weigh("/srv/x", mode=0o644 | mode) is Weight.PROGRAM
    assert weigh("/srv/x", Kind.DIRECTORY, 0o644 | mode) is Weight.DATA


@pytest.mark.parametrize("mode", [0o4644, 0o2644])
def test_either_bit_that_changes_an_owner_is_a_privilege(mode: int) -> None:
    assert weigh("/tmp/x", mode=mode) is Weight.PRIVILEGE
    assert weigh("/srv/x", Kind.DIRECTORY, mode) is Weight.DATA
    assert weigh("/srv/x", mode=0o1644) is Weight.DATA


def test_of_the_attributes_capabilities_alone_are_a_privilege() -> None:
    assert weigh("/tmp/x", xattrs=CAPABLE) is Weight.PRIVILEGE
    assert weigh("/srv/x", Kind.DIRECTORY, xattrs=CAPABLE) is Weight.DATA
    assert weigh("/srv/x", xattrs=(("user.x", b"x"),)) is Weight.DATA


@pytest.mark.parametrize("kind", [Kind.CHAR, Kind.BLOCK])
def test_a_device_is_a_privilege_wherever_it_lies(kind: Kind) -> None:
    assert weigh("/tmp/x.log", kind) is Weight.PRIVILEGE


@pytest.mark.parametrize("content", ["ELF", "script"])
def test_a_package_makes_data_lighter_and_never_a_program(content: str) -> None:
    owner = "dpkg: x 1"
    assert weigh("/srv/x", content=content, packages=owner) is Weight.PROGRAM
    assert weigh("/srv/x", Kind.DIRECTORY, content=content) is Weight.DATA
    for path in ("/tmp/x", "/srv/x"):
        assert weigh(path, packages=owner) is Weight.PACKAGE


def test_what_was_removed_is_weighed_as_it_was_in_the_image() -> None:
    def gone(path: str, kind: Kind, mode: int = 0o755) -> Weight:
        return Scale(Facts()).weigh(path, None, Entry(path, kind, mode)).weight

    assert gone("/srv/x", Kind.FILE, 0o4755) is Weight.DATA
    assert gone("/srv/x", Kind.CHAR) is Weight.DATA
    assert gone("/srv/x", Kind.SOCKET) is Weight.PASSING
    assert gone("/srv/x.log", Kind.DIRECTORY) is Weight.DATA
    assert gone("/etc/x", Kind.FILE) is Weight.CONFIGURATION
