"""Images and a container that the facts show as wanted need no module; whatever differs does."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.scratchlab.lab.plugins.action import scratch_image
from ansible_collections.scratchlab.lab.plugins.module_utils import context_files
from ansible_collections.scratchlab.lab.plugins.modules import lab_machine
from tests import ansible_environment

ROOT = Path(__file__).resolve().parents[3]
GO = "1.19.8"
ID, OTHER = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A build context as scratch_image leaves it."""
    made = tmp_path / "sleep"
    (made / "bin").mkdir(parents=True)
    (made / "Dockerfile").write_text("FROM scratch\n")
    (made / "bin/busybox").write_text("a program")
    (made / "bin/sh").symlink_to("busybox")
    return made


def content(context: Path) -> None:
    status = (context / "Dockerfile").stat()
    (context / "Dockerfile").write_text("FROM bitnami\n")
    os.utime(context / "Dockerfile", ns=(status.st_atime_ns, status.st_mtime_ns))


def mode(context: Path) -> None:
    (context / "bin/busybox").chmod(0o755)


def time(context: Path) -> None:
    os.utime(context / "Dockerfile", (0, 0))


def target(context: Path) -> None:
    (context / "bin/sh").unlink()
    (context / "bin/sh").symlink_to("busybux")


def new(context: Path) -> None:
    (context / "bin/new").touch()


def gone(context: Path) -> None:
    (context / "Dockerfile").unlink()


@pytest.mark.parametrize("change", [content, mode, time, target, new, gone])
def test_every_change_of_a_context_is_another_state(
    context: Path, change: Callable[[Path], None]
) -> None:
    before = context_files.state(context, GO)
    assert context_files.state(context, GO) == before
    change(context)
    assert context_files.state(context, GO) != before


def known(made: Path, monkeypatch: pytest.MonkeyPatch, **fields: object) -> dict[str, Any]:
    """What the facts tell of the image ``sleep``, whose receipt has these fields as well."""
    receipt = made.parent / "images.json"
    state = context_files.state(made, GO)
    entry = {"id": ID, "content": "", "context": str(made), "state": state, "asked": "it"}
    receipt.write_text(json.dumps({"sleep": {**entry, **fields}}))
    monkeypatch.setattr(lab_machine, "IMAGES", receipt)
    monkeypatch.setattr(lab_machine, "ask_engine", lambda _: {"Id": ID})
    found: dict[str, Any] = lab_machine.images(GO)
    return found


def test_image_and_context_as_they_were_left_are_known(
    context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert known(context, monkeypatch) == {"sleep": {"id": ID, "asked": "it"}}
    assert lab_machine.images("1.24") == {}, "another Go makes another program"


@pytest.mark.parametrize("fields", [{"id": OTHER}, {"state": "another"}, {"context": "/nowhere"}])
def test_an_image_that_differs_is_not_known(
    context: Path, monkeypatch: pytest.MonkeyPatch, fields: dict[str, object]
) -> None:
    assert known(context, monkeypatch, **fields) == {}


def test_a_receipt_of_an_earlier_version_is_not_enough(
    context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = context.parent / "images.json"
    receipt.write_text(json.dumps({"sleep": {"id": ID, "content": ""}}))
    monkeypatch.setattr(lab_machine, "IMAGES", receipt)
    monkeypatch.setattr(lab_machine, "ask_engine", lambda _: {"Id": ID})
    assert lab_machine.images(GO) == {}


def test_the_digest_of_what_is_asked_knows_arguments_and_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: dict[str, Any] = {"files": {"/x": "FROM scratch"}, "epoch": 1, "repository": ""}
    before = scratch_image.digest(given)
    assert scratch_image.digest({**given, "repository": "/bundle"}) == before
    assert scratch_image.digest({**given, "epoch": 2}) != before
    monkeypatch.setattr(scratch_image, "MAKERS", scratch_image.MAKERS[:1])
    assert scratch_image.digest(given) != before


# The facts, and whether the container runs already as the role would run it.
RUNS = {"sleep": {"image": ID, "running": True}}
CASES: dict[str, tuple[dict[str, Any], bool]] = {
    "as-wanted": ({"lab_containers": RUNS, "lab_images": {"sleep": {"id": ID}}}, True),
    "stopped": (
        {
            "lab_containers": {"sleep": {"image": ID, "running": False}},
            "lab_images": {"sleep": {"id": ID}},
        },
        False,
    ),
    "another-image": ({"lab_containers": RUNS, "lab_images": {"sleep": {"id": OTHER}}}, False),
    "image-not-known": ({"lab_containers": RUNS, "lab_images": {}}, False),
    "no-container": ({"lab_containers": {}, "lab_images": {"sleep": {"id": ID}}}, False),
    "nothing-known": ({"lab_containers": {}, "lab_images": {}}, False),
    "second-use-in-one-run": ({"lab_containers": RUNS, "lab_images": {"sleep": {"id": ID}}}, False),
}


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What Ansible prints: for each case, a host that shows what the role's variable comes to."""
    hosts: dict[str, Any] = {name: {"found": found} for name, (found, _) in CASES.items()}
    hosts["second-use-in-one-run"]["__sleep_container_started"] = {"changed": False}
    role = ROOT / "roles" / "sleep_container"
    return ansible_environment.show_of_each(
        tmp_path_factory.mktemp("known"),
        hosts,
        "{{ __sleep_container_runs }}",
        {name: f"{{{{ found.{name} }}}}" for name in ("lab_containers", "lab_images")},
        vars_files=[f"{role}/{kind}/main.yml" for kind in ("defaults", "vars")],
    )


@pytest.mark.parametrize("case", CASES)
def test_the_container_is_left_alone_only_where_it_runs_as_wanted(case: str, output: str) -> None:
    assert f"{case}={CASES[case][1]}\n" in output, output
