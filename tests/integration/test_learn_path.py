"""The guided path on the real engine: by its solutions, and by the mistakes that people make."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import docker
import docker.errors
import fastjsonschema
import pytest

from scratchlab.classroom.exercise import draw_exercise
from scratchlab.learn.steps import fill, load_steps
from scratchlab.report.file import schema

from .learn_path import Learner

pytestmark = [pytest.mark.engine, pytest.mark.root]
STEPS = {step.id: step for step in load_steps()}
LATER = ("quiz", "vanish", "limits", "tampered")  # below: they need more than their solution


@pytest.fixture(scope="module")
def learner(
    tmp_path_factory: pytest.TempPathFactory, docker_client: docker.DockerClient
) -> Iterator[Learner]:
    """A student who goes the whole path: the tests of this file build on each other."""
    word = f"sl-test-{os.getpid()}-l"
    earlier = _nameless(docker_client)
    made = Learner.make(tmp_path_factory.mktemp("home"), word)
    yield made
    _clear(docker_client, word, earlier)


def _nameless(client: docker.DockerClient) -> set[str]:
    return {str(image.id) for image in client.images.list(filters={"dangling": True})}


def _clear(client: docker.DockerClient, word: str, earlier: set[str]) -> None:
    """Remove what the student made: a second build of a name leaves the first without one."""
    for name in ("sleep", "limits", "other", "exercise"):
        full = "exercise" if name == "exercise" else f"{word}-{name}"
        with suppress(docker.errors.NotFound):
            container = client.containers.get(full)
            if name != "exercise" or container.attrs["Config"]["Image"].startswith(word):
                container.remove(force=True, v=True)
    for name in ("empty", "sleep"):
        with suppress(docker.errors.ImageNotFound):
            client.images.remove(f"{word}-{name}", force=True)
    for image in _nameless(client) - earlier:
        with suppress(docker.errors.APIError):  # somebody else's, in use
            client.images.remove(image)


def solve(learner: Learner, step: str) -> dict[str, object]:
    values = {
        "docker": "docker", "scratchlab": "scratchlab", "sudo": "", "word": learner.word,
        "dir": f"{learner.home}/learn",
    }  # fmt: skip
    done = learner.type("set -e", *(fill(line, values) for line in STEPS[step].solution.commands))
    assert done.returncode == 0, done.stdout + done.stderr
    answer = fill(STEPS[step].solution.answer, values)
    judged = learner.type(f"scratchlab learn check {step} {answer} --format json")
    assert judged.returncode == 0, judged.stdout + judged.stderr
    found: dict[str, object] = json.loads(judged.stdout)
    return found


def said(learner: Learner, *words: str) -> list[str]:
    """The keys of what a check says is wrong."""
    return [item["key"] for item in learner.check(*words)["said"] if not item["right"]]


@pytest.mark.parametrize(
    "step", [name for name in STEPS if name not in (*LATER, "vanish", "limits")]
)
def test_solution_of_each_step_solves_it(learner: Learner, step: str) -> None:
    found = solve(learner, step)
    assert (found["state"], found["best"]) == ("done", STEPS[step].points)


def test_prediction_is_compared_when_one_looks(learner: Learner) -> None:
    text = learner.learn("check", "look", ".dockerenv", "dev", "etc", "proc", "sys").stdout
    assert "of your prediction came true: .dockerenv, dev, etc, proc, sleep, sys" in text


def test_quiz_is_a_step_of_the_path(learner: Learner, tmp_path: Path) -> None:
    name = f"{learner.word}-sleep"
    key = learner.type(f"scratchlab worksheet {name} --key")
    answers = {line.split()[0]: line.split()[1] for line in key.stdout.splitlines()}
    (tmp_path / "answers.json").write_text(json.dumps({"answers": answers}))
    command = f"scratchlab quiz {name} --answers {tmp_path}/answers.json --keep {tmp_path}/kept"
    assert learner.type(command).returncode == 0
    step = learner.check("quiz")
    assert (step["state"], step["best"], step["of"]) == ("done", 24, 24)


def test_what_ran_vanishes(learner: Learner) -> None:
    assert said(learner, "vanish") == ["still-running"]
    assert solve(learner, "vanish")["state"] == "done"


def test_limits_and_namespaces(learner: Learner) -> None:
    assert said(learner, "limits", "67108864", "net") == ["no-container"]
    name = f"{learner.word}-limits"
    learner.type(f"docker run -d --rm --name {name} --network host {learner.word}-sleep")
    assert said(learner, "limits", "67108864", "net") == ["no-limit"]
    learner.type(f"docker rm -f {name}")
    assert solve(learner, "limits")["best"] == 10


def test_exercise_is_a_step_of_the_path(learner: Learner, tmp_path: Path) -> None:
    command = f"scratchlab exercise start --image {learner.word}-sleep --seed anna"
    assert learner.type(command).returncode == 0
    drawn = draw_exercise("anna", "easy")
    check = f"scratchlab exercise check --seed anna --keep {tmp_path}/kept"
    wrong = learner.type(f"{check} /nothere user-mount")
    assert wrong.returncode == 1
    assert drawn.path not in wrong.stdout
    assert str(drawn.origin) not in wrong.stdout
    right = learner.type(f"{check} {drawn.path} {drawn.origin}")
    assert (right.returncode, right.stdout.splitlines()[-1]) == (0, "2 of 4 points")
    assert learner.type(f"{check} /nothere user-mount").stdout.splitlines()[-1] == "2 of 4 points"
    assert learner.type("scratchlab exercise stop").returncode == 0
    none = learner.type(f"{check} /srv kernel")
    assert (none.returncode, none.stderr) == (
        2, "scratchlab: no exercise runs; scratchlab exercise start\n",
    )  # fmt: skip


def test_store_is_as_its_schema_says_and_reset_leaves_nothing(learner: Learner) -> None:
    record = learner.record()
    fastjsonschema.compile(schema("scratchlab-learn-1"))(record)
    assert record["points"] == sum(entry["best"] for entry in record["steps"].values())
    assert "steps, " in learner.learn("status").stdout
    assert learner.learn("reset", "--yes").returncode == 0
    assert not (learner.home / ".local/state/scratchlab").exists()
    again = learner.learn("status")
    assert (again.returncode, again.stderr) == (
        2, "scratchlab: the path was not begun; scratchlab learn\n",
    )  # fmt: skip


# What people do wrong, with the keys of what they are told.


@pytest.fixture
def beginner(tmp_path: Path, docker_client: docker.DockerClient) -> Iterator[Learner]:
    word = f"sl-test-{os.getpid()}-b"
    earlier = _nameless(docker_client)
    yield Learner.make(tmp_path / "home", word)
    _clear(docker_client, word, earlier)


GOOD = r"printf 'FROM scratch\nCOPY test .\n' > Dockerfile"
EMPTY = ": > test; chmod 644 test"
HERE = "mkdir -p learn/empty; cd learn/empty"


@pytest.mark.parametrize(
    ("lines", "keys"),
    [
        ([], ["no-directory"]),
        ([HERE], ["no-dockerfile"]),
        ([HERE, r"printf 'FROM alpine\nCOPY test .\n' > Dockerfile", EMPTY], ["wrong-base"]),
        ([HERE, "echo FROM scratch > Dockerfile", EMPTY], ["no-copy"]),
        ([HERE, GOOD], ["no-file"]),
        ([HERE, GOOD, "echo > test"], ["not-empty"]),
        ([HERE, GOOD, EMPTY, "chmod 600 test"], ["mode"]),
    ],
)
def test_mistakes_with_the_dockerfile(beginner: Learner, lines: list[str], keys: list[str]) -> None:
    beginner.type(*lines)
    assert said(beginner, "dockerfile") == keys


def test_wrong_base_image_is_seen_in_the_image(beginner: Learner) -> None:
    assert said(beginner, "build") == ["no-image"]
    place = beginner.home / "learn/empty"
    place.mkdir(parents=True)
    (place / "test").touch(0o644)
    (place / "Dockerfile").write_text("FROM scratch\nCOPY test .\nCOPY Dockerfile /\n")
    assert beginner.type(f"docker build -q -t {beginner.word}-empty learn/empty").returncode == 0
    assert said(beginner, "build") == ["entries"]
    assert said(beginner, "archive") == ["no-archive"]
    beginner.type(f"docker save {beginner.word}-empty | head -c 2000 > learn/empty.tar")
    assert said(beginner, "archive") == ["not-an-archive"]


def dynamic_program() -> str:
    """A dynamic program of this machine."""
    return next(path for path in ("/usr/bin/sleep", "/bin/sleep") if Path(path).exists())


def test_dynamic_program_without_chmod_in_a_container_of_another_name(beginner: Learner) -> None:
    place = beginner.home / "learn/sleep"
    place.mkdir(parents=True)
    assert said(beginner, "program") == ["no-source"]
    (place / "main.go").write_text("package main\n")
    assert said(beginner, "program") == ["no-program"]
    (place / "sleep").write_text("#!/bin/sh\n")
    assert said(beginner, "program") == ["no-elf"]
    shutil.copyfile(dynamic_program(), place / "sleep")
    (place / "sleep").chmod(0o644)
    assert said(beginner, "program") == ["no-exec"]
    assert said(beginner, "linking", "static") == ["wrong"]
    assert said(beginner, "linking", "dynamic") == ["dynamic"]
    (place / "Dockerfile").write_text('FROM scratch\nCOPY sleep /\nENTRYPOINT ["/sleep"]\n')
    name = f"{beginner.word}-sleep"
    assert said(beginner, "run") == ["no-image"]
    beginner.type(f"docker build -q -t {name} learn/sleep")
    assert said(beginner, "run") == ["mode"]
    (place / "sleep").chmod(0o755)
    beginner.type(f"docker build -q -t {name} learn/sleep")
    assert said(beginner, "run") == ["no-container"]
    beginner.type(f"docker run -d --name {name} {name}")
    assert said(beginner, "run") == ["stopped"]
    text = beginner.learn("check", "run").stdout
    assert "no such file or directory" in text
    assert said(beginner, "process", "1") == ["stopped"]
    assert beginner.record()["steps"]["process"]["tries"] == [], "it is no answer to the question"


def test_container_of_another_name(beginner: Learner, docker_client: docker.DockerClient) -> None:
    place = beginner.home / "learn/sleep"
    place.mkdir(parents=True)
    shutil.copyfile("/bin/busybox", place / "sleep")
    (place / "sleep").chmod(0o755)
    (place / "Dockerfile").write_text('FROM scratch\nCOPY sleep /\nENTRYPOINT ["/sleep", "3600"]\n')
    word = beginner.word
    beginner.type(
        f"docker build -q -t {word}-sleep learn/sleep",
        f"docker run -d --name {word}-other {word}-sleep",
    )
    text = beginner.learn("check", "run").stdout
    assert f"its name is {word}-other, not {word}-sleep" in text
    assert f"docker rename {word}-other {word}-sleep" in text
    beginner.type(f"docker rename {word}-other {word}-sleep")
    assert beginner.check("run")["state"] == "done"
    assert said(beginner, "process", "1") == ["inside"]
    assert said(beginner, "look", "dev", "bin") == ["not-there", "missing"]
    told = beginner.learn("check", "look", "dev").stdout
    assert "The answer: .dockerenv dev etc proc sys" in told
    beginner.type(f"docker stop -t 0 {word}-sleep")
    assert said(beginner, "vanish") == ["still-there"]


def test_interrupted_path_goes_on(beginner: Learner) -> None:
    assert beginner.learn("hint").returncode == 0
    assert beginner.learn("next").returncode == 0
    assert "Step 2 of 16" in beginner.learn().stdout
    record = beginner.record()
    assert (record["current"], record["steps"]["scratch"]["hints"]) == ("dockerfile", 1)
    assert beginner.check("scratch", "reserved")["best"] == 9
