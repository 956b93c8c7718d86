"""`scratchlab verify` of several containers: one line each, or one JSON object a line."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from scratchlab.cli.options import connect_engine
from scratchlab.cli.selection import Selection
from scratchlab.errors import LabError
from scratchlab.lab.many import Outcome, Subject, named, running, verify_each
from scratchlab.progress import Progress
from scratchlab.render.terminal.many import render
from scratchlab.report.verdict import ExitStatus, worst

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient
    from scratchlab.report.policy.file import Policy


def verify_many(
    selection: Selection,
    engine: str | None,
    url: str | None,
    form: str,
    *,
    policy: Policy | None,
    json_dir: str | None,
    **options: Any,
) -> int:
    """Verify what is selected; returns the worst exit status.

    After Ctrl-C, says which containers are left, and raises KeyboardInterrupt.
    """
    if form not in ("table", "json"):
        raise click.UsageError(
            f"--format {form} is for one container; write reports with --json-dir DIR, and then:"
            f" scratchlab report --format {form} REPORT"
        )
    if json_dir:
        _make_directory(json_dir)
    outcomes: list[Outcome] = []
    with connect_engine(engine, url) as client:
        subjects = _subjects(client, selection)
        width = max(len(subject.name) for subject in subjects)
        with Progress() as progress:
            each = verify_each(
                client, subjects, policy=policy, json_dir=json_dir or "",
                progress=progress, **options,
            )  # fmt: skip
            try:
                for outcome in _counted(each, progress):
                    progress.clear()
                    with _uninterrupted():
                        _print(outcome, form, width)
                        outcomes.append(Outcome(outcome.subject, outcome.status, outcome.word, ""))
            except KeyboardInterrupt:
                left = [subject.name for subject in subjects[len(outcomes) :]]
                print(f"scratchlab: interrupted; not verified: {', '.join(left)}", file=sys.stderr)
                raise
            finally:
                each.close()
    if form == "table" and len(outcomes) > 1:
        words = Counter(outcome.word for outcome in outcomes)
        counts = ", ".join(f"{count} {word}" for word, count in words.items())
        print(f"{len(outcomes)} containers: {counts}")
    return worst(outcome.status for outcome in outcomes)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait for the end of the block: what was printed is also counted, or neither."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _subjects(client: EngineClient, selection: Selection) -> list[Subject]:
    if not selection.by_property:
        return named(client, selection.names)
    subjects = running(client, selection.wanted_labels)
    if not subjects:
        raise LabError(
            f"no running {selection} in {client.name}", f"list what runs: {client.name} ps"
        )
    return subjects


def _print(outcome: Outcome, form: str, width: int) -> None:
    if form == "json":
        print(json.dumps(outcome.as_json(), sort_keys=True))
    else:
        status = ExitStatus(outcome.status)
        name = outcome.subject.name
        render(name, status, outcome.word, outcome.sentence, width=width, out=sys.stdout)
    sys.stdout.flush()


def _make_directory(path: str) -> None:
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise LabError(f"cannot make {path}: {error.strerror}", "name a directory") from error


def _counted(each: Iterator[Outcome], progress: Progress) -> Iterator[Outcome]:
    count = progress.step("verifying containers", "done")
    for number, outcome in enumerate(each, 1):
        if count is not None:
            count(number)
        yield outcome
