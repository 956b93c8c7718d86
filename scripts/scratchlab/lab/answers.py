"""The answers of `scratchlab why`: a few paths, and of the container no more than they need."""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scratchlab.collect.live.user_data import UserDataPlan
from scratchlab.collect.vantage import OpenContainer, open_container
from scratchlab.errors import LabError
from scratchlab.evidence import EvidenceSet
from scratchlab.judge import Judgement, is_doubtful, judge
from scratchlab.judge.explain import Explanation, asked_path, explain, link_in
from scratchlab.judge.paths import follow
from scratchlab.judge.prediction import predict
from scratchlab.judge.user_data import user_mounts
from scratchlab.ledger import Ledger
from scratchlab.model import Facts
from scratchlab.progress import Progress
from scratchlab.reading import UserData

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient

_MOST_ROUNDS = 8  # times that links of the live root lead to more paths
_MOST_NAMES = 20_000  # of one directory, for a suggestion
_SUGGESTED = 3


@dataclass(frozen=True, slots=True)
class Answers:
    """``each`` has the explanations, in the order of the paths; for a path that is nowhere, the
    LabError that says so and suggests others.
    """

    facts: Facts
    each: Iterator[Explanation | LabError]


@contextmanager
def answers(
    client: EngineClient,
    container: str,
    paths: Sequence[str],
    *,
    vantage: str = "auto",
    progress: Progress | None = None,
) -> Iterator[Answers]:
    """Yield the answers for ``paths``. Raises LabError when the container cannot be examined."""
    with open_container(
        client, container, vantage=vantage, progress=progress, early=False
    ) as opened:
        evidence, judgement = _judged(opened, [asked_path(path) for path in paths])
        with evidence:
            each = (_answer(opened, evidence, judgement, path) for path in paths)
            yield Answers(evidence.facts, each)


def _judged(opened: OpenContainer, asked: Sequence[str]) -> tuple[EvidenceSet, Judgement]:
    expected = predict(opened.facts, opened.image)
    evidence, wanted = _collected(opened, asked)
    judgement = judge(evidence, expected, wanted)
    doubtful = [finding.path for finding in judgement.findings if is_doubtful(finding)]
    if doubtful:
        evidence = opened.look_again(evidence, doubtful)
        judgement = judge(evidence, expected, wanted)
    return evidence, judgement


def _collected(opened: OpenContainer, asked: Sequence[str]) -> tuple[EvidenceSet, set[str]]:
    """The evidence for the paths ``asked``, and all paths that it was collected for."""
    plan = UserDataPlan(UserData.LIST, user_mounts(opened.facts, opened.image, opened.root_mount))
    wanted = _needed(asked, opened.image, None)
    evidence = opened.look_at(wanted, plan)
    for _ in range(_MOST_ROUNDS):
        more = _needed(asked, opened.image, evidence.live)
        if more <= wanted:
            break
        wanted |= more
        for ledger in (evidence.live, evidence.init, evidence.writable):
            if ledger is not None:
                ledger.close()
        evidence = opened.look_at(wanted, plan)
    return evidence, wanted


def _needed(asked: Sequence[str], image: Ledger, live: Ledger | None) -> set[str]:
    """The paths ``asked``, what their links lead through and to, and other names of their files."""
    needed = {"/"}

    def target_of(step: str) -> str | None:
        needed.add(step)
        return link_in(image, live, step)

    for path in asked:
        needed.add(path)
        needed.add(follow(path, target_of, lexically=False))
    for path in tuple(needed):
        entry = image.get(path)
        if entry is not None and entry.links is not None:
            needed |= image.linked(entry.links)
    return needed


def _answer(
    opened: OpenContainer, evidence: EvidenceSet, judgement: Judgement, path: str
) -> Explanation | LabError:
    try:
        return explain(evidence, judgement, path)
    except LabError as error:
        similar = _similar(opened, asked_path(path))
        if not similar:
            return error
        return LabError(error.what, f"did you mean {' or '.join(similar)}?")


def _similar(opened: OpenContainer, path: str) -> list[str]:
    """Paths like ``path`` that image or container have: of the same directory, or of its name."""
    directory, name = posixpath.split(path)
    names = set(opened.image.names(directory)) | set(opened.names(directory, _MOST_NAMES))
    close = difflib.get_close_matches(name, sorted(names), n=_SUGGESTED, cutoff=0.6)
    found = [posixpath.join(directory, other) for other in close]
    if not names:  # the directory may be the mistake
        above = _similar(opened, directory) if directory != "/" else []
        found += [f"{other}/{name}" for other in above if f"{other}/{name}" in opened.image]
        found = found or above
    found += [other for other in opened.image.called(name, _SUGGESTED) if other not in found]
    return found[:_SUGGESTED]
