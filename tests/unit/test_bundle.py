"""``./lab --offline`` refuses a damaged or foreign bundle; apt reads the packages of a good one."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

import bundle as make_bundle
import offline

Change = dict[str, Any]


def deb(directory: Path, name: str, version: str) -> Path:
    """A real, empty package."""
    tree = directory / f"tree-{name}"
    (tree / "DEBIAN").mkdir(parents=True)
    control = (
        f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: x\nDescription: x\n"
    )
    (tree / "DEBIAN/control").write_text(control)
    file = directory / f"{name}_{version.replace(':', '%3a')}_all.deb"
    subprocess.run(["dpkg-deb", "--build", str(tree), str(file)], check=True, capture_output=True)
    return file


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A small bundle that this machine can use."""
    directory = tmp_path / "a bundle"
    (directory / "wheels").mkdir(parents=True)
    (directory / "wheels/one.whl").write_bytes(b"wheel")
    release = offline.codename()
    make_bundle.repository(
        directory / "packages.tar", [deb(tmp_path, "one", "1:2.0"), deb(tmp_path, "two", "3")]
    )
    described = {release: {"packages": "packages.tar", "python": offline.python_version()}}
    make_bundle.describe(directory, described)
    return directory


def change(bundle: Path, **fields: Any) -> None:
    path = bundle / offline.MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_an_undamaged_bundle_is_accepted(bundle: Path) -> None:
    assert offline.check(bundle)["machine"] == platform.machine()


@pytest.mark.parametrize("name", ["wheels/one.whl", "packages.tar"])
def test_a_missing_file_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(offline.BundleError, match=rf"{name} is missing: .*\./lab bundle"):
        offline.check(bundle)


@pytest.mark.parametrize("name", ["wheels/one.whl", "packages.tar"])
def test_one_flipped_bit_is_named_as_damage(bundle: Path, name: str) -> None:
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / name).write_bytes(content)
    with pytest.raises(offline.BundleError, match=rf"{name} is damaged: .*\./lab bundle"):
        offline.check(bundle)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"machine": "s390x"}, "is for s390x, this machine is"),
        ({"locks": {"lab.txt": "0"}}, "another version of the lab"),
        ({"releases": {"lenny": {"packages": "p.tar", "python": "2.5"}}}, "wheels for Python 2.5"),
        ({"schema": 99}, "format 99"),
    ],
)
def test_a_bundle_for_something_else_is_refused(bundle: Path, fields: Change, message: str) -> None:
    change(bundle, **fields)
    with pytest.raises(offline.BundleError, match=message) as caught:
        offline.check(bundle)
    assert "./lab bundle" in str(caught.value)


def test_packages_of_another_release_are_refused(bundle: Path, tmp_path: Path) -> None:
    change(bundle, releases={"lenny": {"packages": "packages.tar", "python": "2.5"}})
    with pytest.raises(offline.BundleError, match=r"packages for lenny, .* \./lab bundle"):
        offline.unpack(bundle, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", "{"])
def test_a_damaged_manifest_is_an_error(bundle: Path, text: str) -> None:
    (bundle / offline.MANIFEST).write_text(text)
    with pytest.raises(offline.BundleError, match=r"bundle\.json is damaged"):
        offline.check(bundle)


def test_a_missing_bundle_is_one_line_on_the_command_line(tmp_path: Path) -> None:
    program = Path(offline.__file__)
    done = subprocess.run(
        ["python3", str(program), "check", str(tmp_path / "nowhere")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("lab: no bundle at ")
    assert done.stderr.count("\n") == 1


def test_lab_refuses_a_damaged_bundle_before_it_installs_anything(bundle: Path) -> None:
    (bundle / "packages.tar").unlink()
    done = subprocess.run(
        [str(offline.ROOT / "lab"), "--offline", str(bundle), "--check"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "SUDO_ASKPASS": "/bin/false"},
    )
    assert done.returncode == 2
    assert "packages.tar is missing" in done.stderr
    assert "TASK" not in done.stdout


def test_the_same_packages_are_the_same_bytes(tmp_path: Path) -> None:
    debs = [deb(tmp_path, "one", "1:2.0"), deb(tmp_path, "two", "3")]
    for name in ("a.tar", "b.tar"):
        make_bundle.repository(tmp_path / name, debs)
        os.utime(debs[0], (1, 1))
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_apt_reads_the_repository_and_checks_it(bundle: Path, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    offline.unpack(bundle, repository)
    with tarfile.open(bundle / "packages.tar") as archive:
        assert sorted(archive.getnames()) == sorted(path.name for path in repository.iterdir())
    apt = make_bundle.Apt(tmp_path / "apt", offline.codename(), "")
    (tmp_path / "sources").write_text(f"deb [trusted=yes] file:{repository} ./\n")
    apt.options += [f"Dir::Etc::sourcelist={tmp_path}/sources", "Dir::Etc::sourceparts=/dev/null"]
    assert [path.name for path in apt.download((["one"], ["two", "three"]))] == []  # used in place
    (repository / "one_1%3a2.0_all.deb").write_bytes(b"something else")
    with pytest.raises(offline.BundleError, match="apt could not fetch"):
        apt.download((["one"], ["two"]))


def test_a_directory_that_is_not_a_bundle_is_never_replaced(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "letter").write_text("dear")
    with pytest.raises(offline.BundleError, match="is not a bundle and is left alone"):
        make_bundle.bundle(home, [offline.codename()], make_bundle.MIRROR)
    assert (home / "letter").read_text() == "dear"


def test_a_failed_download_leaves_the_older_bundle(bundle: Path) -> None:
    before = (bundle / offline.MANIFEST).read_bytes()
    with pytest.raises(offline.BundleError, match=r"packages for lenny: .*--mirror"):
        make_bundle.bundle(bundle, ["lenny"], f"file:{bundle}/nowhere")
    assert (bundle / offline.MANIFEST).read_bytes() == before
    assert [path.name for path in bundle.parent.glob("a bundle*")] in (
        ["a bundle", "a bundle.lock"],
        ["a bundle.lock", "a bundle"],
    )


def test_a_bundle_has_the_packages_that_the_roles_install() -> None:
    needed, optional = make_bundle.wanted_packages()
    assert {"docker.io", "iptables", "golang-go", "python3-venv", "busybox-static"} <= set(needed)
    assert "docker-cli" in optional
