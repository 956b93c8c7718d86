"""Every verdict of every judge: real observations pass, each change to them fails."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from scratchlab.experiments.e08_required_filesystems import VisibleMount
from scratchlab.experiments.runner import load_module
from scratchlab.experiments.table import EXPERIMENTS, ExperimentOutcome, check_of_outcome
from scratchlab.labels import Names
from scratchlab.model import Check, Verdict

from . import broken, broken_ladder, broken_limits, broken_namespaces
from .broken import STRANGER, Change, more
from .broken_limits import trial
from .conftest import BY_ID, OBSERVED, observed_on

_ALL = (broken, broken_limits, broken_namespaces, broken_ladder)
BROKEN = [row for part in _ALL for row in part.BROKEN]
TODAY = [row for part in _ALL for row in part.TODAY]
SKIPPED = [*broken_limits.SKIPPED, *broken_namespaces.SKIPPED, *broken_ladder.SKIPPED]
OTHER_ENGINES = [
    (path.stem, name)
    for path in sorted(OBSERVED.parent.glob("*.json"))
    for name in json.loads(path.read_text())
    if path != OBSERVED
]


def judged(name: str, observation: Any) -> ExperimentOutcome:
    return load_module(BY_ID[name]).judge(observation)


def checked(name: str, observation: Any) -> Check:
    return check_of_outcome(BY_ID[name], judged(name, observation), Names())


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.id)
def test_real_observation_passes(experiment: Any, observed: dict[str, Any]) -> None:
    done = checked(experiment.id, observed[experiment.id])
    assert done.verdict is Verdict.PASS, done
    assert done.observed
    assert done.expected
    assert not done.help


@pytest.mark.parametrize(("engine", "name"), OTHER_ENGINES)
def test_observation_of_another_engine_does_not_fail(engine: str, name: str) -> None:
    done = checked(name, observed_on(engine, name)(None))
    skips = (engine, name) == ("docker-28.5.2-cgroup2", "E13")
    assert done.verdict is (Verdict.SKIP if skips else Verdict.PASS), done


@pytest.mark.parametrize(
    ("name", "fault", "change"), BROKEN, ids=lambda v: v if type(v) is str else ""
)
def test_each_broken_observation_fails_with_its_cause_and_help(
    name: str, fault: str, change: Change, observed: dict[str, Any]
) -> None:
    outcome = judged(name, change(observed[name]))
    assert outcome.fault == fault, outcome
    done = check_of_outcome(BY_ID[name], outcome, Names())
    assert done.verdict is Verdict.FAIL
    for text in (done.observed, done.cause, done.help):
        assert text
        assert not re.search(r"\$\{?[a-z]", text), f"a placeholder was not filled in: {text}"


@pytest.mark.parametrize(
    ("name", "key", "change"), TODAY, ids=lambda v: v if type(v) is str else ""
)
def test_answer_unlike_2017_passes_with_an_explanation(
    name: str, key: str, change: Change, observed: dict[str, Any]
) -> None:
    outcome = judged(name, change(observed[name]))
    assert outcome.fault is None, outcome
    assert key in outcome.today
    done = check_of_outcome(BY_ID[name], outcome, Names())
    assert done.cause
    assert not re.search(r"\$\{?[a-z]", done.cause)


@pytest.mark.parametrize(
    ("name", "key", "change"), SKIPPED, ids=lambda v: v if type(v) is str else ""
)
def test_unanswerable_experiment_is_skipped_with_the_reason(
    name: str, key: str, change: Change, observed: dict[str, Any]
) -> None:
    outcome = judged(name, change(observed[name]))
    assert (outcome.fault, outcome.skip) == (None, key)
    done = check_of_outcome(BY_ID[name], outcome, Names())
    assert done.verdict is Verdict.SKIP
    for text in (done.observed, done.cause, done.help):
        assert text
        assert not re.search(r"\$\{?[a-z]", text), f"a placeholder was not filled in: {text}"


def test_limit_not_in_force_fails_even_if_another_cannot_be_set(
    observed: dict[str, Any],
) -> None:
    observation = trial("pids", said="")(replace(observed["E13"], lacking=("cpu",)))
    assert judged("E13", observation).fault == "not-refused"


def test_every_explanation_of_the_table_has_a_test() -> None:
    faults = {(e.id, key) for e in EXPERIMENTS for key in e.fault}
    assert faults == {(name, fault) for name, fault, _ in BROKEN}
    today = {(e.id, key) for e in EXPERIMENTS for key in e.today}
    assert today == {(name, key) for name, key, _ in TODAY}
    skip = {(e.id, key) for e in EXPERIMENTS for key in e.skip}
    assert skip == {(name, key) for name, key, _ in SKIPPED}


def test_fault_names_all_that_the_container_was_run_with(observed: dict[str, Any]) -> None:
    change = broken_namespaces.on_hosts_network("--pid host")
    done = checked("E14", broken_namespaces.shares("--pid host", "ipc")(change(observed["E14"])))
    assert done.cause.startswith("docker run --pid host --network host shares ipc with")
    assert "docker run --pid host --network host: shared ipc pid" in done.observed


def test_containerd_store_explains_a_size_but_not_content(observed: dict[str, Any]) -> None:
    observation = replace(observed["E02"], containerd_store=True, size=4411, content=1)
    assert judged("E02", observation).fault == "content"


def test_engine_may_refuse_the_shell_before_starting_it(
    observed: dict[str, Any],
) -> None:
    assert judged("E06", replace(observed["E06"], shell_exit=None)).fault is None


def test_missing_mount_flag_is_reported_and_passes(observed: dict[str, Any]) -> None:
    observation = observed["E08"]
    assert VisibleMount("/dev", "tmpfs", ("rw", "nosuid"), ()) in [
        replace(mount, super_options=()) for mount in observation.mounts
    ]
    done = checked("E08", observation)
    assert "/dev has no noexec" in done.cause


def test_owners_are_compared_as_ids_of_the_container(observed: dict[str, Any]) -> None:
    # userns-remap: on the host the owner is 100000, and 0 for mtab, which is not remapped.
    observation = observed["E10"]
    host = tuple(
        line
        if line.path == "/etc/mtab"
        else replace(line, uid=line.uid + 100000, gid=line.gid + 100000)
        for line in observation.host
    )
    debug = tuple(
        replace(line, uid=65534, gid=65534) if line.path == "/etc/mtab" else line
        for line in observation.debug
    )
    remapped = replace(observation, uid_map=((0, 100000, 65536),), host=host, debug=debug)
    assert judged("E10", remapped).fault is None
    assert judged("E10", replace(remapped, debug=observation.debug)).fault == "differs"


def test_hostile_names_are_escaped_in_a_check(observed: dict[str, Any]) -> None:
    evil = "/\x1b[31mred\nline\udcff"
    for name, field, item in (
        ("E03", "entries", replace(STRANGER, path=evil)),
        ("E07", "top", replace(STRANGER, path=evil)),
        ("E09", "entries", replace(STRANGER, path=f"/etc{evil}", target=evil)),
        ("E10", "debug", replace(STRANGER, path=evil)),
    ):
        done = checked(name, more(field, item)(observed[name]))
        assert done.verdict is Verdict.FAIL
        for text in (done.observed, done.cause, done.help):
            assert "\x1b" not in text
            assert "\udcff" not in text
            assert "red\n" not in text
