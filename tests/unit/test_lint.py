"""The hooks for git and the stage ``lint`` run the same linters in the versions that are pinned."""

from __future__ import annotations

import re
from importlib.metadata import version

import pytest
import yaml
from tests import lint, run

HOOKS = yaml.safe_load((lint.ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]


def recorded(monkeypatch: pytest.MonkeyPatch, failing: str) -> list[str]:
    """Which linters are started from now on; ``failing`` fails."""
    ran: list[str] = []

    def passes(name: str) -> bool:
        ran.append(name)
        return name != failing

    monkeypatch.setattr(lint, "passes", passes)
    return ran


def test_the_hooks_are_the_linters_of_the_stage() -> None:
    (repository,) = HOOKS
    assert repository["repo"] == "local", "another repository has versions of its own"
    assert [hook["id"] for hook in repository["hooks"]] == list(lint.LINTERS)
    for hook in repository["hooks"]:
        assert hook["entry"] == f".cache/test-venv/bin/python -m tests.lint {hook['id']}"
        assert hook["language"] == "system"
        assert hook["pass_filenames"] is False


def test_the_hooks_use_the_environment_of_the_lab() -> None:
    made = re.findall(r'make_venv "\$here/(\S+)" "\$here/(\S+)"', (lint.ROOT / "lab").read_text())
    directory = HOOKS[0]["hooks"][0]["entry"].split("/bin/")[0]
    assert (directory, str(lint.LOCK.relative_to(lint.ROOT))) in made


def test_the_stage_runs_each_linter_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = recorded(monkeypatch, failing="mypy")
    count = run.lint()
    assert ran == list(lint.LINTERS)
    assert (count.passed, count.failed) == (len(ran) - 1, 1)


def test_every_linter_named_runs_and_one_failure_is_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran = recorded(monkeypatch, failing="ruff")
    assert lint.main(["mypy"]) == 0
    assert lint.main(["ruff", "yamllint"]) == 1
    assert ran == ["mypy", "ruff", "yamllint"]


@pytest.mark.parametrize("names", [[], ["ruf"]])
def test_a_linter_that_does_not_exist_is_bad_usage(
    names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert lint.main(names) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "ruff, ruff-format" in line


def test_an_environment_older_than_its_lock_lints_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = lint.LOCK.read_text("utf-8")
    ruff = version("ruff")
    assert list(lint.outdated(lock)) == []
    newer = lock.replace(f"ruff=={ruff} ", "ruff==999 ")
    assert list(lint.outdated(newer)) == [f"ruff {ruff}, not 999"]
    monkeypatch.setattr(lint, "outdated", lambda _: iter([f"ruff {ruff}, not 999"]))
    monkeypatch.setattr(lint, "passes", lambda name: pytest.fail(f"{name} was run"))
    assert lint.main(["ruff"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("; to renew it: ./lab test lint")
