"""The lab's container drifts: experiments, report, page and replay show it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from docker.models.containers import Container
from docker.models.images import Image

from scratchlab.collect.engines import EngineClient
from scratchlab.experiments import e07_more_than_image as e07
from scratchlab.experiments import e12_two_things as e12
from scratchlab.lab.session import Laboratory
from scratchlab.labels import LABEL as LAB_LABEL
from scratchlab.labels import Names
from scratchlab.report import read
from tests.integration.conftest import BUSYBOX, LABEL, SESSION, Run
from tests.integration.live_roots import root

from .verdict_containers import scratchlab, write_file

pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.fixture
def drifting(sleep_image: Image, run_container: Run, tmp_path: Path) -> tuple[Names, Container]:
    """The lab's container under another name, and the names of the lab."""
    binary = tmp_path / "sleep"
    binary.write_bytes(BUSYBOX.read_bytes())
    name = f"{SESSION}-drifting"
    container = run_container(sleep_image, name=name, labels={LAB_LABEL: "1", LABEL: SESSION})
    return Names(container=name, image=sleep_image.tags[0], binary=str(binary)), container


def test_experiments_of_a_drifted_container_in_every_output(
    drifting: tuple[Names, Container], tmp_path: Path
) -> None:
    names, container = drifting
    write_file(container)
    common = ("experiments", "--container", names.container, "--image", names.image,
              "--binary", names.binary)  # fmt: skip
    report, saved = tmp_path / "report.json", tmp_path / "evidence"
    done = scratchlab(
        *common, "--only", "E07", "--json", str(report), "--save-evidence", str(saved)
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "1 check failed (E07); also 1 written since the start"
    verdicts = {check["id"]: check["verdict"] for check in json.loads(report.read_text())["checks"]}
    assert verdicts["E07"] == "fail"
    again = scratchlab("report", str(report))
    assert again.returncode == 1
    assert " ".join(again.stdout.split()).endswith(read(str(report)).head["verdict"]["sentence"])
    page = scratchlab("report", str(report), "--html", str(tmp_path / "index.html"))
    assert page.returncode == 1
    assert '<p class="verdict alarm">' in (tmp_path / "index.html").read_text("utf-8")
    # Without the experiments' checks, the evidence shows drift and nothing else.
    replayed = scratchlab("replay", str(saved), "--json", str(tmp_path / "again.json"))
    assert replayed.returncode == 3
    last = "1 written since the start, all explained: /written (written)"
    assert replayed.stdout.splitlines()[-1] == last
    page = scratchlab("report", str(tmp_path / "again.json"), "--html", str(tmp_path / "3.html"))
    assert page.returncode == 3
    assert '<p class="verdict drifted">' in (tmp_path / "3.html").read_text("utf-8")
    # Experiments that verify nothing do not claim that nothing changed.
    done = scratchlab(*common, "--only", "E08", "--json", str(report))
    assert done.returncode == 0, done.stdout
    sentence = read(str(report)).head["verdict"]["sentence"]
    assert sentence == "no check failed; no container was verified"


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda root_: (root_ / "written").write_text("x"), "/written"),
        (lambda root_: (root_ / "sleep").unlink(), "/sleep"),
        (lambda root_: (root_ / "sleep").chmod(0o700), "/sleep"),
    ],
    ids=["written", "deleted", "altered"],
)
def test_e07_and_e12_fail_on_any_drift(
    change: Callable[[Path], object],
    names: str,
    drifting: tuple[Names, Container],
    engine: EngineClient,
) -> None:
    lab_names, container = drifting
    change(root(container))
    lab = Laboratory(engine, lab_names)
    outcome = e07.judge(e07.probe(lab))
    assert (outcome.fault, outcome.placeholders) == ("written", {"paths": names})
    assert e12.judge(e12.probe(lab)).fault == "drift"
