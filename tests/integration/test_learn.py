"""Quiz and exercises on a real container, answered by a script: right, wrong, not at all."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container
from docker.models.images import Image

from scratchlab.classroom.exercise import KINDS, Exercise, check_exercise, draw_exercise
from scratchlab.collect.engines import EngineClient
from scratchlab.course import exercise_container
from scratchlab.lab import verification
from scratchlab.labels import LABEL
from scratchlab.report.build import build

from . import podman_service
from .conftest import Run

DOCKER_ONLY = ("engine-file-forged",)  # podman has no /.dockerenv
pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.fixture
def container(sleep_image: Image, run_container: Run) -> Container:
    return run_container(sleep_image)


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test is a student of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def scratchlab(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scratchlab", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def key(container: Container) -> dict[str, str]:
    """The right answers, from the instructor's key."""
    done = scratchlab("worksheet", str(container.name), "--seed", "anna", "--key")
    assert done.returncode == 0, done.stderr
    return {line.split()[0]: line.split()[1] for line in done.stdout.splitlines()}


def graded(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text())
    return found


@pytest.mark.parametrize(
    ("how", "points", "status"), [("right", 24, 0), ("wrong", 0, 1), ("not at all", 0, 1)]
)
def test_script_takes_the_quiz(
    container: Container, tmp_path: Path, how: str, points: int, status: int
) -> None:
    answers = {
        "right": key(container),
        "wrong": dict.fromkeys(key(container), "hook-or-tool"),
        "not at all": {},
    }[how]
    (tmp_path / "answers.json").write_text(json.dumps({"answers": answers}))
    keep = tmp_path / "quiz" / "graded.json"
    done = scratchlab(
        "quiz", str(container.name), "--seed", "anna",
        "--answers", str(tmp_path / "answers.json"), "--keep", str(keep),
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    assert done.stdout.splitlines()[-1] == f"{points} of 24 points"
    found = graded(keep)
    assert (found["points"], found["container"]) == (points, container.id)
    verdict = {"not at all": "unanswered"}.get(how, how)
    assert {one["verdict"] for one in found["answers"]} == {verdict}


def test_person_asks_for_a_hint_answers_by_number_and_gives_up(
    container: Container, tmp_path: Path
) -> None:
    keep = tmp_path / "graded.json"
    quiz = ("quiz", str(container.name), "--seed", "anna", "--keep", str(keep))
    done = scratchlab(*quiz, stdin="?\nnonsense\n16\nhook-or-tool\n")
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "to go on" in done.stdout
    first, *rest = graded(keep)["answers"]
    assert (len(first["tries"]), first["hint"], first["verdict"]) == (2, True, "wrong")
    assert {one["given"] for one in rest} == {""}
    again = scratchlab(*quiz, stdin="hook-or-tool\n")
    assert first["path"] not in again.stdout.split("leave it out.")[1], "it was answered before"
    assert len(graded(keep)["answers"][1]["tries"]) == 1


def test_second_run_of_a_script_counts_half_and_the_third_not(
    container: Container, tmp_path: Path
) -> None:
    right, keep = key(container), tmp_path / "graded.json"
    quiz = ("quiz", str(container.name), "--seed", "anna", "--keep", str(keep))
    file = tmp_path / "answers.json"
    points = []
    for answers in (dict.fromkeys(right, "hook-or-tool"), right, right):
        file.write_text(json.dumps({"answers": answers}))
        done = scratchlab(*quiz, "--answers", str(file))
        points.append(done.stdout.splitlines()[-1])
    assert points == ["0 of 24 points", "12 of 24 points", "12 of 24 points"]
    assert (graded(keep)["first"], graded(keep)["points"]) == (0, 12)


@pytest.fixture
def exercised(
    monkeypatch: pytest.MonkeyPatch, docker_client: docker.DockerClient, sleep_image: Image
) -> Iterator[str]:
    """A name for the exercise's container in this session; the container is removed at the end."""
    name = f"{sleep_image.tags[0].partition(':')[0]}-exercise"
    monkeypatch.setattr(exercise_container, "CONTAINER", name)
    yield name
    for left in docker_client.containers.list(
        all=True, ignore_removed=True, filters={"name": name}
    ):
        left.remove(force=True, v=True)


def check_exercise_as_drawn(engine: EngineClient, image: str, changed: str, kind: str) -> None:
    """Start an exercise, find the drawn change, and remove it completely."""
    path = KINDS[kind].at.replace("/dev/DEV", "/dev/helper12/node")
    path = path.replace("DIR", "/srv/notes12").replace("DEV", "/dev/helper12")
    drawn = Exercise("anna", kind, path)
    exercise_container.start(engine, image, drawn)
    assert exercise_container.running_level(engine) == drawn.level
    evidence, judgement = verification.verify(engine, changed)
    with evidence:
        made = build(evidence, judgement)
        outcome = check_exercise(drawn, made, ((path, str(drawn.origin)),))
    assert outcome.points == outcome.of, f"the machine shows {outcome.truth}"
    assert exercise_container.stop(engine)
    assert not exercise_container.stop(engine)
    left = engine.client.images.list(filters={"label": LABEL, "dangling": True})
    assert left == []


@pytest.mark.parametrize("kind", KINDS)
def test_exercise_shows_the_drawn_change_and_leaves_nothing_behind(
    engine: EngineClient, sleep_image: Image, exercised: str, kind: str
) -> None:
    check_exercise_as_drawn(engine, sleep_image.tags[0], exercised, kind)


@pytest.fixture(scope="module")
def podman() -> Iterator[EngineClient]:
    """A podman of the tests' own."""
    directory = Path(tempfile.mkdtemp(prefix="sl-test-"))
    with podman_service.serve(directory, "vfs") as (_, engine):
        yield engine


@pytest.fixture(scope="module")
def podmans_own(podman: EngineClient, sleep_image: Image) -> Container:
    """The lab's image and container in podman."""
    image = podman.client.images.load(b"".join(sleep_image.save(named=True)))[0]
    found: Container = podman.client.containers.create(image.tags[0], name="sl-test-usual")
    found.start()
    return found


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in DOCKER_ONLY])
def test_exercise_works_with_podman_too(
    podman: EngineClient, podmans_own: Container, exercised: str, kind: str
) -> None:
    check_exercise_as_drawn(podman, podmans_own.attrs["Config"]["Image"], exercised, kind)


def test_quiz_knows_the_origins_in_a_podman_container(
    podman: EngineClient, podmans_own: Container, tmp_path: Path
) -> None:
    here = (str(podmans_own.name), "--url", podman.url, "--seed", "anna")
    key = scratchlab("worksheet", *here, "--key")
    assert key.returncode == 0, key.stderr
    answers = {line.split()[0]: line.split()[1] for line in key.stdout.splitlines()}
    assert len(answers) == 12
    (tmp_path / "answers.json").write_text(json.dumps({"answers": answers}))
    more = ("--answers", str(tmp_path / "answers.json"), "--keep", str(tmp_path / "graded.json"))
    done = scratchlab("quiz", *here, *more)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "24 of 24 points"), done.stderr


def test_foreign_container_with_that_name_stays(
    engine: EngineClient, sleep_image: Image, run_container: Run, exercised: str
) -> None:
    stranger = run_container(sleep_image, name=exercised)
    with pytest.raises(Exception, match="not the lab's"):
        exercise_container.start(engine, sleep_image.tags[0], draw_exercise("anna"))
    stranger.reload()
    assert stranger.status == "running"
