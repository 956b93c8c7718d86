"""./lab reproduce makes its machines, compares, and removes them; once more against a report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.e2e import lab_command
from tests.e2e.lab_command import EXPERIMENTS

from machines.docker_engine import docker
from machines.place import Place

PLACE = Place(state=Place().cache / "reproduce")  # where the command keeps its machines
SAME = "the same answer, byte for byte"


class Run:
    """One run of the command, and the files that it wrote."""

    def __init__(self, directory: Path, *options: str) -> None:
        done = lab_command.run(
            "reproduce", "--kind", "container", "--output", str(directory), *options
        )
        self.status, self.text = done.returncode, done.stdout
        self.directory = directory

    def answer(self) -> dict[str, Any]:
        """The JSON file."""
        content: dict[str, Any] = json.loads((self.directory / "reproduction.json").read_text())
        return content

    def report(self, name: str) -> Path:
        """The report of a machine."""
        return self.directory / "reports" / name / "report.json"

    def versions(self) -> dict[str, tuple[str, str]]:
        """The versions that differ, by what they are of."""
        listed = self.answer()["versions"]
        return {v["place"]: (v["one"], v["other"]) for v in listed if v["one"] != v["other"]}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two fresh machines, compared."""
    return Run(tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def earlier(two: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the first of them, where no later run replaces it."""
    file = tmp_path_factory.mktemp("earlier") / "report.json"
    shutil.copy(two.report("fresh1"), file)
    return file


def nothing_is_left(run: Run) -> bool:
    """Whether the run's machines and all that was made for them are gone."""
    containers = docker("ps", "--all", "--format", "{{.Names}}").split()
    machines = [name for name in containers if name.endswith(PLACE.digest)]
    files = [PLACE.state, run.directory / "machines.yml"]
    return not machines and not any(file.exists() for file in files)


def test_two_fresh_machines_give_one_answer(two: Run) -> None:
    assert two.status == 0, two.text[-3000:]
    assert f"fresh1 and fresh2 give {SAME}" in two.text
    answer = two.answer()
    assert answer["same"] is True
    assert answer["differences"] == []
    assert len(set(answer["digests"])) == len(set(answer["ledgers"])) == 1


def test_whole_lab_ran_on_both(two: Run) -> None:
    for name in ("fresh1", "fresh2"):
        checks = json.loads(two.report(name).read_text())["checks"]
        assert {check["id"] for check in checks} >= set(EXPERIMENTS)
        assert {check["verdict"] for check in checks} == {"pass"}


def test_page_shows_both(two: Run) -> None:
    page = (two.directory / "index.html").read_text()
    assert SAME in page
    for run in two.answer()["runs"]:
        assert run["verdict"] in page


def test_machines_are_removed(two: Run) -> None:
    assert nothing_is_left(two)


def test_later_machine_gives_the_answer_of_the_earlier_report(
    earlier: Path, tmp_path: Path
) -> None:
    later = Run(tmp_path, "--against", str(earlier))
    assert later.status == 0, later.text[-3000:]
    assert f"{earlier} and fresh1 give {SAME}" in later.text
    assert later.answer()["runs"][0]["report"] == str(earlier)
    assert nothing_is_left(later)


def test_another_release_is_told_by_its_versions(earlier: Path, tmp_path: Path) -> None:
    """Debian 12 against Debian 13: each brings an engine and a runtime of its own."""
    other = Run(tmp_path, "--against", str(earlier), "--release", "bookworm")
    assert other.status == 1, other.text[-3000:]
    versions = other.versions()
    assert versions["engine version"][0].startswith("26.1.")
    assert versions["engine version"][1].startswith("20.10.")
    assert versions["runtime version"][0].startswith("1.1.15")
    answer = other.answer()
    assert answer["same"] is False
    # Another Go compiler makes another program, and so another image.
    places = {one["place"]: one["by"] for one in answer["differences"]}
    assert places["entries[/sleep].image.sha256"] == "from the image: another one"
    for place, (one, another) in versions.items():
        assert f"  {place}: {one} and {another}" in other.text
    assert f"{earlier} and fresh1 differ in {len(answer['differences'])} places" in other.text
    assert nothing_is_left(other)
