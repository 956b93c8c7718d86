"""`scratchlab verify` of several containers: one line each, whatever happens to some of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container
from docker.models.images import Image

from scratchlab.collect.engines import EngineClient, connect, sdk
from scratchlab.lab.many import Outcome, named, running, verify_each
from tests.integration.conftest import BUSYBOX, SESSION, Build, Run
from tests.integration.engine_proxy import EngineProxy

pytestmark = [pytest.mark.engine, pytest.mark.root]

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {"PYTHONPATH": str(ROOT / "scripts"), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
LABEL = f"scratchlab.many={SESSION}"


@pytest.fixture(scope="module")
def images(build_image: Build) -> list[Image]:
    """Two images with a shell."""
    return [
        build_image(
            f"FROM scratch\nCOPY busybox /bin/sh\nCOPY busybox /bin/f{number}\n"
            'CMD ["/bin/sh", "-c", "exec sleep 3600"]\n',
            {"busybox": BUSYBOX.read_bytes()},
            tag=f"many{number}",
        )
        for number in range(2)
    ]


@pytest.fixture
def containers(images: list[Image], run_container: Run) -> list[Container]:
    """Four containers, of the two images in turn; /drift was written in the second."""
    key, _, value = LABEL.partition("=")
    labels = {"scratchlab.test": SESSION, key: value, "com.docker.compose.project": SESSION}
    started = [
        run_container(images[number % 2], name=f"{SESSION}-many{number}", labels=labels)
        for number in range(4)
    ]
    assert started[1].exec_run(["/bin/sh", "-c", "echo > /drift"]).exit_code == 0
    return started


def names(*numbers: int) -> list[str]:
    return [f"{SESSION}-many{number}" for number in numbers]


def scratchlab(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scratchlab", "verify", *arguments],
        env=ENVIRONMENT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def words(output: str) -> dict[str, str]:
    """The word of each line, by the container."""
    lines = (line.split() for line in output.splitlines())
    return {line[1]: line[0] for line in lines if line[1] != "containers:"}


EXPECTED = dict(zip(names(0, 2, 1, 3), ["explained", "explained", "drifted", "explained"],
                    strict=True))  # fmt: skip


@pytest.mark.parametrize(
    "selection", [names(0, 1, 2, 3), ["--label", LABEL], ["--project", SESSION]]
)
def test_one_line_each_by_image_and_the_worst_status(
    containers: list[Container], selection: list[str]
) -> None:
    done = scratchlab(*selection)
    assert list(words(done.stdout).items()) == list(EXPECTED.items())
    assert "1 written since the start, all explained: /drift (written)" in done.stdout
    assert done.stdout.splitlines()[-1] == "4 containers: 3 explained, 1 drifted"
    assert done.returncode == 3


def test_all_has_them_among_others(containers: list[Container]) -> None:
    done = scratchlab("--all")
    assert EXPECTED.items() <= words(done.stdout).items()


def test_a_json_object_a_line_and_a_report_each(
    containers: list[Container], tmp_path: Path
) -> None:
    directory = tmp_path / "reports" / "new"
    done = scratchlab("--label", LABEL, "--format", "json", "--json-dir", str(directory))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["container"]: line["word"] for line in lines} == EXPECTED
    for line in lines:
        whole = json.loads(Path(line["report"]).read_text())
        assert whole["verdict"]["counts"] == line["counts"]
        assert whole["summary"] == line["summary"]
        assert Path(line["report"]) == directory / f"{line['container']}.json"


def test_a_name_twice_or_unknown(containers: list[Container]) -> None:
    first = str(containers[0].id)
    done = scratchlab(*names(0), first, first[:12], "nobody")
    assert words(done.stdout) == {names(0)[0]: "explained", "nobody": "unanswered"}
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name a container"),
        (["x", "--all"], "not both"),
        (["--all", "--project", "x"], "--all is every container"),
        (["--project", ""], "need a value"),
        (["x", "y", "--json", "f"], "--json-dir"),
        (["x", "y", "--format", "tap"], "for one container"),
        (["--project", "nobody"], "no running container of project nobody"),
        (["--label", "nobody=1", "--label", "b"], "of label nobody=1 and label b"),
        (["--all", "--json-dir", "/proc/nowhere"], "cannot make /proc/nowhere"),
    ],
)
def test_what_cannot_be_asked_is_one_line(arguments: list[str], says: str) -> None:
    done = scratchlab(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


class Counting:
    """The engine's client, which counts how often an image is saved."""

    def __init__(self, client: EngineClient) -> None:
        self._client = client
        self.saved = 0

    def __getattr__(self, name: str) -> Any:
        if name == "save":
            self.saved += 1
        return getattr(self._client, name)


def test_the_ledger_of_an_image_is_read_once(
    engine: EngineClient, containers: list[Container]
) -> None:
    counting: Any = Counting(engine)
    outcomes = list(verify_each(counting, named(engine, names(0, 1, 2, 3))))
    assert [outcome.word for outcome in outcomes] == list(EXPECTED.values())
    assert counting.saved == 2
    for outcome in outcomes:  # what is shared is the same as what each would have read
        assert outcome.head is not None
        assert outcome.head["image"]["source"] == "archive"
    digests = [outcome.head["image"]["ledger_digest"] for outcome in outcomes if outcome.head]
    assert digests[0] == digests[1] != digests[2] == digests[3]


def test_a_container_that_goes_meanwhile_is_a_line(
    engine: EngineClient, containers: list[Container]
) -> None:
    subjects = running(engine, [LABEL])
    containers[2].remove(force=True)
    outcomes = list(verify_each(engine, subjects))
    found = {outcome.subject.name: outcome.word for outcome in outcomes}
    assert found == {**EXPECTED, names(2)[0]: "unanswered"}
    assert "no such container" in outcomes[1].sentence


@contextmanager
def proxied(tmp_path: Path) -> Any:
    proxy = EngineProxy(tmp_path / "engine.sock")
    with connect("docker", proxy.url) as client:
        yield proxy, client
    proxy.die()


@pytest.mark.parametrize("end", [EngineProxy.die, EngineProxy.hang])
def test_an_engine_that_ends_half_way_ends_nothing_else(
    containers: list[Container],
    tmp_path: Path,
    end: Callable[[EngineProxy], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sdk, "ANSWER_SECONDS", 3.0)
    with proxied(tmp_path) as (proxy, client):
        subjects = named(client, names(0, 1, 2, 3))
        outcomes: list[Outcome] = []
        for outcome in verify_each(client, subjects):
            outcomes.append(outcome)
            if len(outcomes) == 2:
                end(proxy)
                ended = time.monotonic()
        assert time.monotonic() - ended < 20
    assert [outcome.status for outcome in outcomes] == [0, 0, 2, 2]
    assert outcomes[3].sentence.startswith("not verified: the docker engine no longer answers")


def test_ctrl_c_ends_with_what_is_known(containers: list[Container]) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "scratchlab", "verify", *names(0, 1, 2, 3)],
        env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout
    first = child.stdout.readline()
    os.kill(child.pid, signal.SIGINT)
    rest, error = child.communicate(timeout=60)
    assert first.split()[:2] == ["explained", names(0)[0]]
    assert child.returncode == 130
    assert error.startswith("scratchlab: interrupted; not verified: ")
    left = error.strip().rpartition(": ")[2].split(", ")
    assert sorted([*words(first + rest), *left]) == names(0, 1, 2, 3)
