"""What is looked at once more, and when a report that was begun before that is kept."""

from __future__ import annotations

from typing import Any, cast

import pytest

from scratchlab.evidence import EvidenceSet
from scratchlab.judge import Judgement
from scratchlab.lab import verification
from scratchlab.model import Entry, Finding, Ghost, Kind, Origin, Status

_NO_EVIDENCE = cast(EvidenceSet, None)


def found(path: str, origin: Origin = Origin.IMAGE_LAYER, kind: Kind = Kind.FILE) -> Finding:
    return Finding(path, Status.SAME, origin, live=Entry(path, kind, 0o644), prediction="agrees")


def ghost(path: str, status: Status) -> Ghost:
    return Ghost(path, status, Origin.WRITTEN_LATER, "who", (), Entry(path, Kind.FILE, 0o644))


class Once:
    """Findings, and how often they were iterated."""

    def __init__(self, *findings: Finding) -> None:
        self.findings, self.times = findings, 0

    def __iter__(self) -> Any:
        self.times += 1
        yield from self.findings


def judged(findings: Once, *ghosts: Ghost) -> Judgement:
    return Judgement(findings, ghosts, (), ())


class Paths(verification._Maker):
    def __init__(self) -> None:
        super().__init__(None)

    def make(self, collected: EvidenceSet, judgement: Judgement) -> Any:
        return collected, [item.path for item in judgement.findings]


PLAIN = (found("/"), found("/a"), found("/d", Origin.WRITTEN_LATER, Kind.DIRECTORY))


def test_report_of_the_first_iteration_is_kept_where_nothing_is_looked_at_again() -> None:
    findings = Once(*PLAIN)
    seen = verification._Seen(judged(findings, ghost("/h", Status.SHADOWED)))
    assert cast(Any, seen.made(Paths(), _NO_EVIDENCE)) == (None, ["/", "/a", "/d"])
    seen.see_all()
    assert (seen.doubtful, seen.written, seen.changed, findings.times) == ([], [], [], 1)


def test_findings_that_are_iterated_twice_are_an_error_not_an_empty_report() -> None:
    seen = verification._Seen(judged(Once(*PLAIN)))
    assert len(list(seen)) == 3
    with pytest.raises(RuntimeError, match="only once"):
        list(seen)


@pytest.mark.parametrize(
    ("finding", "doubtful", "written", "changed"),
    [
        (found("/u", Origin.UNEXPLAINED), ["/u"], [], []),
        (found("/w", Origin.WRITTEN_LATER), [], ["/w"], ["/w"]),
        (found("/l", Origin.WRITTEN_LATER, Kind.SYMLINK), [], [], ["/l"]),
        (found("/w", Origin.WRITTEN_LATER)._replace(prediction="x"), ["/w"], ["/w"], ["/w"]),
        (Finding("/m", Status.MISSING, Origin.UNEXPLAINED), ["/m"], [], []),
    ],
)
def test_a_path_to_look_at_again_ends_the_report_and_is_listed_once(
    finding: Finding, doubtful: list[str], written: list[str], changed: list[str]
) -> None:
    findings = Once(*PLAIN, finding, found("/z"), found("/~", Origin.UNEXPLAINED))
    seen = verification._Seen(judged(findings))
    assert seen.made(Paths(), _NO_EVIDENCE) is None
    seen.see_all()
    assert (seen.doubtful, seen.written, seen.changed) == ([*doubtful, "/~"], written, changed)
    assert findings.times == 1


def test_what_was_removed_ends_the_report_too() -> None:
    seen = verification._Seen(judged(Once(*PLAIN), ghost("/gone", Status.DELETED)))
    assert seen.made(Paths(), _NO_EVIDENCE) is None
    seen.see_all()
    assert (seen.doubtful, seen.changed) == ([], ["/gone"])
