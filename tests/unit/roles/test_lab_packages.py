"""Which packages of the lab go and which stay, by a dpkg and an apt-get of the test's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.scratchlab.lab.plugins.module_utils import (
    dpkg_database,
    lab_packages,
    receipt_files,
)

# As `dpkg-query -W` printed it on Debian 12, shortened; mytool and tinybox are a user's.
LISTING = """\
docker.io\t\tadduser, containerd (>= 1.6), iptables, runc (>= 1.1), libc6
containerd\t\t, runc, libc6 (>= 2.34)
runc\t\t, libc6 (>= 2.34), libseccomp2 (>= 2.5.0)
iptables\t\t, libxtables12 (= 1.8.9-2), libc6
libxtables12\t\t, libc6
golang-go\t\t, golang-1.19-go, golang-src (>> 2:1.19~)
golang-1.19-go\tgo-compiler, go-toolchain\t, golang-1.19-src
golang-1.19-src\t\t,\40
golang-src\t\t, golang-1.19-src
mytool\t\t, docker.io:any (>= 20) | docker-ce
tinybox\t\tgo-compiler, libc6
libc6\tlibc6-virtual (= 2.36)\t,\40
"""
OURS = ("docker.io", "containerd", "runc", "iptables", "libxtables12", "golang-go",
        "golang-1.19-go", "golang-1.19-src", "golang-src")  # fmt: skip
ENGINE = {"docker.io", "containerd", "runc", "iptables", "libxtables12"}


class Machine(lab_packages.Packages):  # type: ignore[misc]  # the collection is untyped here
    """A machine whose apt would remove ``theirs``, each with the package of the lab it needs."""

    def __init__(self, state: Path, theirs: dict[str, str]) -> None:
        super().__init__(state)
        self.theirs = theirs
        receipt_files.write_json(self.receipt, {f"{name}:amd64": "purge" for name in OURS})

    def _foreign(self, names: list[str]) -> set[str]:
        plain = {dpkg_database.plain(name) for name in names}
        needs = dpkg_database.parse_dependencies(LISTING)
        gone = set(plain)
        while more := {name for name in [*OURS, *self.theirs] if needs[name] & gone} - gone:
            gone |= more
        return gone - plain


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def made(theirs: dict[str, str], keep: Any = (), held: str = "") -> tuple[set[str], Any]:
        present = {f"{name}:amd64": "hi" if name == held else "ii" for name in [*OURS, *theirs]}
        monkeypatch.setattr(lab_packages, "states", lambda: present)
        needs = dpkg_database.parse_dependencies(LISTING)
        monkeypatch.setattr(lab_packages, "dependencies", lambda: needs)
        going, kept = Machine(tmp_path, theirs).plan(keep)
        return {dpkg_database.plain(name) for name in going}, {
            dpkg_database.plain(name): by for name, by in kept.items()
        }

    return made


def test_dependencies_are_taken_apart() -> None:
    needs = dpkg_database.parse_dependencies(LISTING)
    assert needs["runc"] == {"libc6", "libseccomp2"}
    assert needs["mytool"] == {"docker.io", "docker-ce"}
    assert needs["tinybox"] == {"go-compiler", "golang-1.19-go", "libc6"}
    assert needs["libc6"] == set()


def test_everything_goes_where_nothing_needs_it(plan: Any) -> None:
    assert plan({}) == (set(OURS), {})


def test_what_a_package_of_the_users_needs_stays_with_its_dependencies(plan: Any) -> None:
    going, kept = plan({"mytool": "docker.io"})
    assert set(kept) == ENGINE
    assert all(by == ["mytool"] for by in kept.values())
    assert going == set(OURS) - ENGINE


def test_virtual_package_counts(plan: Any) -> None:
    going, kept = plan({"tinybox": "golang-1.19-go"})
    assert set(kept) == {"golang-1.19-go", "golang-1.19-src"}
    assert "golang-go" in going


def test_packages_to_keep_stay_with_their_dependencies_for_nobody(plan: Any) -> None:
    going, kept = plan({"tinybox": "golang-1.19-go"}, keep=["docker.io"])
    assert {name for name, by in kept.items() if not by} == ENGINE
    assert kept["golang-1.19-go"] == ["tinybox"]
    assert going == {"golang-go", "golang-src"}


def test_held_package_stays(plan: Any) -> None:
    _, kept = plan({}, held="runc")
    assert kept == {"runc": ["apt-mark hold"]}
