"""What destroy says in its last lines: what stays, why, and the command that removes it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.scratchlab.lab.plugins.module_utils import lab_stayed

import show_stayed

SCRIPT = Path(show_stayed.__file__)
GONE = {
    "ours": True,
    "stays": False,
    "data_stays": False,
    "why": [],
    "needed": [],
    "needed_by": [],
    "start": "",
    "chosen": [],
    "found": [],
}
STAYS = GONE | {"stays": True, "data_stays": True, "why": ["it holds volume data"]}
DESTROY = "ansible-playbook scratchlab.lab.destroy"
ALL = f"{DESTROY} -e lab_destroy_data=true"
PURGE = f"apt-get purge mytool, then {DESTROY}"


@pytest.mark.parametrize(
    ("engine", "packages", "files", "lines", "remedies"),
    [
        (GONE, {}, [], [], []),
        (GONE | {"ours": False, "stays": True}, {}, [], [], []),
        (STAYS, {"docker.io:amd64": []}, [],
         ["the Docker engine with its packages, its group, its configuration and its data, "
          "because it holds volume data"], [ALL]),
        (STAYS | {"data_stays": False, "why": ["mytool needs docker.io"], "needed_by": ["mytool"]},
         {"docker.io:amd64": []}, [],
         ["the Docker engine with its packages and its group, because mytool needs docker.io"],
         [PURGE]),
        (STAYS | {"start": "systemctl restart docker", "why": ["it cannot be asked"]}, {}, [],
         ["the Docker engine with its packages, its group, its configuration and its data, "
          "because it cannot be asked"],
         [f"systemctl restart docker, then {DESTROY}, which asks the engine", ALL]),
        (GONE, {"golang-go:amd64": ["mytool"], "golang-src:all": ["mytool"]}, [],
         ["packages golang-go and golang-src: mytool needs them"], [PURGE]),
        (GONE, {"runc:amd64": ["apt-mark hold"]}, [],
         ["packages runc: held"], [f"apt-mark unhold runc, then {DESTROY}"]),
        (GONE, {}, ["/var/lib/scratchlab/notes.txt"], ["/var/lib/scratchlab/notes.txt"], [ALL]),
        (GONE | {"ours": False, "stays": True, "needed": ["image sleep, from which web runs"]},
         {}, [], ["image sleep, from which web runs"],
         [f"remove these containers, then {DESTROY}"]),
    ],
    ids=["nothing", "not ours", "data", "needed", "silent", "packages", "held", "files", "image"],
)  # fmt: skip
def test_described(engine: Any, packages: Any, files: Any, lines: Any, remedies: Any) -> None:
    assert lab_stayed.described(engine, packages, files) == (lines, remedies)


def shown(lab: Path, *options: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(lab), *options],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def test_last_lines_name_what_stays_and_the_commands(tmp_path: Path) -> None:
    place = tmp_path / ".cache" / "destroyed"
    place.mkdir(parents=True)
    for name in ("desk1", "desk2"):
        found = {"stays": [f"/notes of {name}"], "remedies": [ALL, PURGE], "changed": False}
        (place / f"{name}.json").write_text(json.dumps(found))
    assert shown(tmp_path, "-i", "inventory/a class.yml") == [
        "lab: on desk1 stays:",
        "lab:   /notes of desk1",
        "lab: on desk2 stays:",
        "lab:   /notes of desk2",
        "lab: to remove it: ./lab destroy -i 'inventory/a class.yml' -e lab_destroy_data=true",
        "lab: to remove it, on desk1, desk2: apt-get purge mytool; then here: "
        "./lab destroy -i 'inventory/a class.yml'",
    ]


def test_command_for_a_machine_of_a_room_says_so_and_one_for_this_machine_does_not(
    tmp_path: Path,
) -> None:
    place = tmp_path / ".cache" / "destroyed"
    place.mkdir(parents=True)
    remedies = ["rm /root/.local/state/scratchlab/learn.json", PURGE]
    for name in ("localhost", "desk2"):
        for file in place.iterdir():
            file.unlink()
        (place / f"{name}.json").write_text(json.dumps({"stays": ["/x"], "remedies": remedies}))
        own = name == "localhost"
        assert shown(tmp_path)[2:] == [
            f"lab: to remove it{'' if own else ', on desk2'}: {remedies[0]}",
            "lab: to remove it: apt-get purge mytool, then ./lab destroy"
            if own
            else "lab: to remove it, on desk2: apt-get purge mytool; then here: ./lab destroy",
        ]


def test_last_line_where_nothing_stays(tmp_path: Path) -> None:
    assert shown(tmp_path) == [f"lab: done; only this directory is left: {tmp_path}"]


def test_check_mode_claims_nothing_and_is_not_repeated(tmp_path: Path) -> None:
    assert shown(tmp_path, "--check") == ["lab: nothing was changed, and nothing would stay"]
    place = tmp_path / ".cache" / "destroyed"
    place.mkdir(parents=True)
    (place / "desk1.json").write_text(json.dumps({"stays": ["/notes"], "remedies": [ALL]}))
    assert shown(tmp_path, "-C", "--diff", "-l", "desk1") == [
        "lab: on desk1 would stay:",
        "lab:   /notes",
        "lab: to remove it: ./lab destroy -l desk1 -e lab_destroy_data=true",
    ]


def test_data_that_the_engine_keeps_elsewhere_is_named(tmp_path: Path) -> None:
    chosen, found, gone = (str(tmp_path / name) for name in ("data root", "docker", "gone"))
    for path in (chosen, found):
        Path(path).mkdir()
    engine = GONE | {"chosen": [chosen, gone], "found": [found, gone]}
    assert lab_stayed.data_of(engine) == (
        [
            f"{chosen}: the engine's configuration chose it for the data",
            f"{found}: it held something before the lab came",
        ],
        [f"rm -r '{chosen}'"],
    )
    assert lab_stayed.data_of(engine | {"ours": False}) == ([], [])
    assert lab_stayed.data_of(engine | {"data_stays": True}) == ([], [])
