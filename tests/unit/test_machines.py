"""Base systems, system containers, records, plans and the inventory, without any machine."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from machines import debian as base
from machines import docker_engine as container
from machines import inventory, lifecycle
from machines.__main__ import main
from machines.backends import backend, choose
from machines.capacity import shortages
from machines.model import Connection, Kind, Limits, Machine, MachineError
from machines.place import Place


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


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A place of its own."""
    return Place(tmp_path / "cache", tmp_path / "cache" / "state")


def machine(place: Place, name: str = "fresh1") -> Machine:
    """A machine that nobody made."""
    return Machine(name, place.instance(name), "docker", Kind.CONTAINER, "trixie")


def test_two_places_have_different_machines(tmp_path: Path) -> None:
    one, other = (Place(state=tmp_path / name) for name in ("one", "other"))
    assert one.instance("fresh1") != other.instance("fresh1")
    assert one.instance("fresh1") == Place(state=tmp_path / "one").instance("fresh1")


def test_record_is_read_again_and_is_not_ready(place: Place) -> None:
    wanted = replace(machine(place), limits=Limits(memory_mib=512, cpus=1))
    place.record(wanted)
    assert place.machines() == [wanted]
    assert not place.ready(wanted)
    place.mark_ready(wanted)
    assert place.ready(wanted)
    place.record(wanted)  # it is about to be made anew
    assert not place.ready(wanted)


def test_known_hosts_has_the_key_that_the_machine_will_show(place: Place) -> None:
    directory = place.record(machine(place))
    known = (directory / "known_hosts").read_text()
    assert known == f"{place.instance('fresh1')} {(directory / 'host_key.pub').read_text()}"
    assert (directory / "host_key").stat().st_mode & 0o777 == 0o600


def test_key_that_a_killed_run_left_half_is_made_again(place: Place) -> None:
    directory = place.directory("fresh1")
    directory.mkdir(parents=True)
    (directory / "host_key").write_text("half")
    (directory / ".host_key.new").write_text("half")
    place.record(machine(place))
    done = subprocess.run(["ssh-keygen", "-y", "-f", directory / "host_key"], check=False)
    assert done.returncode == 0


def test_forgotten_machine_leaves_nothing_and_what_links_lead_to_stays(place: Place) -> None:
    directory = place.record(machine(place))
    kept = place.cache / "disk" / "root.ext4"
    kept.parent.mkdir()
    kept.touch()
    (directory / "base").symlink_to(kept.parent)
    place.forget(machine(place))
    assert not directory.exists()
    assert kept.exists()


def test_damaged_record_is_named(place: Place) -> None:
    directory = place.directory("fresh1")
    directory.mkdir(parents=True)
    (directory / "machine.json").write_text('{"name": "fresh1"')
    with pytest.raises(MachineError, match=f"damaged record {directory}.*rm -r {directory}"):
        place.machines()


def test_unfinished_machine_is_made_anew(place: Place) -> None:
    place.record(machine(place))
    assert lifecycle.plan(place, [machine(place)]).make == (machine(place),)


@pytest.mark.parametrize(
    "other",
    [{"release": "sid"}, {"limits": Limits(cpus=1)}, {"on": "qemu", "kind": Kind.VM}],
    ids=["release", "limits", "backend"],
)
def test_machine_of_another_kind_is_never_replaced(place: Place, other: dict[str, str]) -> None:
    place.record(machine(place))
    place.mark_ready(machine(place))
    wanted = replace(machine(place), **other)  # type: ignore[arg-type]
    with pytest.raises(MachineError, match=r"fresh1 is there already.*./lab machines down fresh1"):
        lifecycle.plan(place, [wanted])


def test_too_much_memory_and_disk_are_refused_together(place: Place) -> None:
    wanted = [replace(machine(place), limits=Limits(memory_mib=10**9))]
    (found,) = shortages(place, wanted)
    assert "take 1000000000 MiB of memory" in found
    room = shutil.disk_usage("/").free // 2**20 // 2048 + 1
    both = shortages(place, wanted * (room + 1))
    assert len(both) == 2
    assert "MiB of disk" in both[1]


def test_qemu_makes_no_containers(place: Place) -> None:
    with pytest.raises(MachineError, match="qemu makes no machine of the kind container"):
        choose("qemu", "container", place)
    assert choose("", "container", place)[0].name == "docker"
    assert choose("", "", place)[0].name == "qemu"


def test_docker_limits_no_disk(place: Place) -> None:
    if not shutil.which("docker"):
        pytest.skip("no docker here")
    wanted = replace(machine(place), limits=Limits(disk_gib=4))
    lacking = backend("docker", place).lacks([wanted])
    assert any("--disk" in text or "engine answers" in text for text in lacking)


def test_ssh_reads_the_options_as_they_were_meant(tmp_path: Path) -> None:
    known = tmp_path / "a directory" / "known_hosts"
    connection = Connection("host", "alias", "/key", str(known), proxy=("sh", "-c", "echo 'a b'"))
    command = [*connection.command("true")]
    command.insert(1, "-G")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    settings = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    assert settings["userknownhostsfile"] == str(known)
    assert settings["proxycommand"] == shlex.join(connection.proxy)
    assert settings["hostkeyalias"] == "alias"
    assert settings["stricthostkeychecking"] in ("true", "yes")


def test_inventory_says_what_it_was_given(tmp_path: Path) -> None:
    import yaml  # noqa: PLC0415

    hosts = {"fresh1": {"ansible_host": 'it\'s: "quoted"', "ansible_port": 22}, "fresh2": {}}
    file = tmp_path / "inventory" / "machines.yml"
    inventory.update(file, hosts | {"fresh2": {"ansible_user": "student"}})
    read = yaml.safe_load(file.read_text())
    assert read["all"]["hosts"]["fresh1"] == hosts["fresh1"]
    inventory.update(file, {})
    assert not file.exists()


def test_inventory_of_a_person_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "machines.yml"
    file.write_text("all:\n")
    with pytest.raises(MachineError, match=r"was not written by ./lab machines"):
        inventory.update(file, {})
    assert file.read_text() == "all:\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["up", "--memory", "x"], "argument --memory: 'x' is not a whole number above 0"),
        (["fly"], "invalid choice: 'fly'"),
        ([], "VERB"),
    ],
)
def test_bad_usage_is_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["up", "0"], "0 machines"),
        (["up", "2", "--name", "a"], "exclude each other"),
        (["up", "--name", "Ä"], "is no name for a machine"),
        (["up", "--name", "a:potato"], "no release is called potato"),
        (["up", "--on", "docker", "--kind", "vm"], "docker makes no machine of the kind vm"),
        (["up", "--on", "docker", "--privileged"], "leave --privileged out"),
        (["up", "--on", "incus", "--kind", "vm"], "incus makes no machine of the kind vm"),
        (["ssh", "nobody"], "no machine is called nobody"),
        (["down", "nobody"], "no machine is called nobody"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([f"--cache={tmp_path}", "--inventory=-", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_image_that_another_checkout_removes_meanwhile_is_imported_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be produced on purpose: the image goes between two commands of docker."""
    imported, ran = [], []

    def image(_: Place, suite: str) -> str:
        imported.append(suite)
        return "scratchlab-machine:x"

    def docker(*arguments: str, check: bool = True, stdin: bytes | None = None) -> str:
        if arguments[0] == "run":
            ran.append(arguments)
            if len(ran) == 1:
                raise MachineError("docker run: No such image: scratchlab-machine:x")
        return ""

    monkeypatch.setattr(container, "docker", docker)
    monkeypatch.setattr(container, "image", image)
    container.DockerEngine(place).create(machine(place))
    assert len(ran) == len(imported) == 2


@pytest.mark.parametrize("ends", [True, False])
def test_removal_that_a_killed_run_asked_for_is_waited_for(
    place: Place, monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    """Docker refuses a second request while it works on the first."""
    listed = iter(["x", "x", ""] if ends else iter(lambda: "x", ""))

    def docker(*arguments: str, check: bool = True, stdin: bytes | None = None) -> str:
        if arguments[0] == "rm":
            raise MachineError("docker rm: removal of container x is already in progress")
        return next(listed)

    monkeypatch.setattr(container, "docker", docker)
    monkeypatch.setattr(container, "REMOVAL_SECONDS", 0.3)
    if ends:
        container.DockerEngine(place).remove(machine(place))
        assert next(listed, "all asked") == "all asked"
    else:
        with pytest.raises(MachineError, match=r"still removes.*\./lab machines down"):
            container.DockerEngine(place).remove(machine(place))
