"""Every verdict of every judge: what was really observed passes, each way to break it fails."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from scratchlab.experiments import EXPERIMENTS, Names
from scratchlab.experiments.e08_required_filesystems import Mounted
from scratchlab.experiments.runner import module
from scratchlab.experiments.table import check
from scratchlab.model import Verdict

from . import broken, broken_ladder, broken_limits, broken_namespaces
from .broken import STRANGER, Change, more
from .broken_limits import trial
from .conftest import BY_ID, OBSERVED, seen_on

_ALL = (broken, broken_limits, broken_namespaces, broken_ladder)
BROKEN = [row for part in _ALL for row in part.BROKEN]
TODAY = [row for part in _ALL for row in part.TODAY]
SKIPPED = [*broken_limits.SKIPPED, *broken_ladder.SKIPPED]
ELSEWHERE = [
    (path.stem, name)
    for path in sorted(OBSERVED.parent.glob("*.json"))
    for name in json.loads(path.read_text())
    if path != OBSERVED
]


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.id)
def test_what_was_really_observed_passes(experiment: Any, observed: dict[str, Any]) -> None:
    done = check(experiment, module(experiment).judge(observed[experiment.id]), Names())
    assert done.verdict is Verdict.PASS, done
    assert done.observed
    assert done.expected
    assert not done.help


@pytest.mark.parametrize(("where", "name"), ELSEWHERE)
def test_what_other_engines_showed_does_not_fail(where: str, name: str) -> None:
    done = check(BY_ID[name], module(BY_ID[name]).judge(seen_on(where, name)(None)), Names())
    skips = (where, name) == ("docker-28.5.2-cgroup2", "E13")
    assert done.verdict is (Verdict.SKIP if skips else Verdict.PASS), done


@pytest.mark.parametrize(
    ("name", "fault", "change"), BROKEN, ids=lambda v: v if type(v) is str else ""
)
def test_each_way_to_break_it_fails_with_its_cause_and_help(
    name: str, fault: str, change: Change, observed: dict[str, Any]
) -> None:
    outcome = module(BY_ID[name]).judge(change(observed[name]))
    assert outcome.fault == fault, outcome
    done = check(BY_ID[name], outcome, Names())
    assert done.verdict is Verdict.FAIL
    for text in (done.observed, done.cause, done.help):
        assert text
        assert not re.search(r"\$\{?[a-z]", text), f"a word was not filled in: {text}"


@pytest.mark.parametrize(
    ("name", "key", "change"), TODAY, ids=lambda v: v if type(v) is str else ""
)
def test_an_answer_other_than_in_2017_passes_and_says_why(
    name: str, key: str, change: Change, observed: dict[str, Any]
) -> None:
    outcome = module(BY_ID[name]).judge(change(observed[name]))
    assert outcome.fault is None, outcome
    assert key in outcome.today
    done = check(BY_ID[name], outcome, Names())
    assert done.cause
    assert not re.search(r"\$\{?[a-z]", done.cause)


@pytest.mark.parametrize(
    ("name", "key", "change"), SKIPPED, ids=lambda v: v if type(v) is str else ""
)
def test_what_a_machine_cannot_answer_is_skipped_with_the_reason(
    name: str, key: str, change: Change, observed: dict[str, Any]
) -> None:
    outcome = module(BY_ID[name]).judge(change(observed[name]))
    assert (outcome.fault, outcome.skip) == (None, key)
    done = check(BY_ID[name], outcome, Names())
    assert done.verdict is Verdict.SKIP
    for text in (done.observed, done.cause, done.help):
        assert text
        assert not re.search(r"\$\{?[a-z]", text), f"a word was not filled in: {text}"


def test_a_limit_that_does_not_hold_is_no_skip_because_another_cannot_be_set(
    observed: dict[str, Any],
) -> None:
    seen = trial("pids", said="")(replace(observed["E13"], lacking=("cpu",)))
    assert module(BY_ID["E13"]).judge(seen).fault == "not-refused"


def test_every_text_of_the_table_is_reached_by_a_test() -> None:
    faults = {(e.id, key) for e in EXPERIMENTS for key in e.fault}
    assert faults == {(name, fault) for name, fault, _ in BROKEN}
    today = {(e.id, key) for e in EXPERIMENTS for key in e.today}
    assert today == {(name, key) for name, key, _ in TODAY}
    skip = {(e.id, key) for e in EXPERIMENTS for key in e.skip}
    assert skip == {(name, key) for name, key, _ in SKIPPED}


def test_the_containerd_store_excuses_a_size_but_no_content(observed: dict[str, Any]) -> None:
    seen = replace(observed["E02"], containerd_store=True, size=4411, content=1)
    assert module(BY_ID["E02"]).judge(seen).fault == "content"


def test_an_engine_that_refuses_the_shell_says_the_same_as_one_that_tries(
    observed: dict[str, Any],
) -> None:
    assert module(BY_ID["E06"]).judge(replace(observed["E06"], shell_exit=None)).fault is None


def test_a_missing_flag_is_told_and_does_not_fail(observed: dict[str, Any]) -> None:
    seen = observed["E08"]
    assert Mounted("/dev", "tmpfs", ("rw", "nosuid"), ()) in [
        replace(mount, super_options=()) for mount in seen.mounts
    ]
    done = check(BY_ID["E08"], module(BY_ID["E08"]).judge(seen), Names())
    assert "/dev has no noexec" in done.cause


def test_an_owner_is_compared_as_the_container_sees_it(observed: dict[str, Any]) -> None:
    # userns-remap: the host sees 100000, and 0 where nothing was remapped (mtab).
    seen = observed["E10"]
    host = tuple(
        line
        if line.path == "/etc/mtab"
        else replace(line, uid=line.uid + 100000, gid=line.gid + 100000)
        for line in seen.host
    )
    debug = tuple(
        replace(line, uid=65534, gid=65534) if line.path == "/etc/mtab" else line
        for line in seen.debug
    )
    remapped = replace(seen, uid_map=((0, 100000, 65536),), host=host, debug=debug)
    assert module(BY_ID["E10"]).judge(remapped).fault is None
    assert module(BY_ID["E10"]).judge(replace(remapped, debug=seen.debug)).fault == "differs"


def test_hostile_names_never_reach_a_check_raw(observed: dict[str, Any]) -> None:
    evil = "/\x1b[31mred\nline\udcff"
    for name, field, item in (
        ("E03", "entries", replace(STRANGER, path=evil)),
        ("E07", "top", replace(STRANGER, path=evil)),
        ("E09", "entries", replace(STRANGER, path=f"/etc{evil}", target=evil)),
        ("E10", "debug", replace(STRANGER, path=evil)),
    ):
        done = check(
            BY_ID[name], module(BY_ID[name]).judge(more(field, item)(observed[name])), Names()
        )
        assert done.verdict is Verdict.FAIL
        for text in (done.observed, done.cause, done.help):
            assert "\x1b" not in text
            assert "\udcff" not in text
            assert "red\n" not in text
