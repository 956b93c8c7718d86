"""One verification: predict, collect, judge, and if wanted report; of a running container or from
saved evidence.

Judge and report are imported late, so that a caller can let that happen while the image is read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, TypedDict

from scratchlab import evidence
from scratchlab.collect.freezing import frozen, left_paused
from scratchlab.collect.live.user_data import UserDataPlan
from scratchlab.collect.vantage import OpenContainer, open_container
from scratchlab.evidence import EvidenceSet
from scratchlab.model import Finding, Kind, Origin, Status
from scratchlab.reading import UserData

if TYPE_CHECKING:
    from typing import Unpack

    from scratchlab.collect.engines import EngineClient
    from scratchlab.collect.image.from_engine import SharedImages
    from scratchlab.collect.live.reader_process import ReaderProcess
    from scratchlab.judge import Judgement
    from scratchlab.judge.blame import LayerSums
    from scratchlab.judge.prediction.predictions import Predictions
    from scratchlab.progress import Progress
    from scratchlab.report import Report
    from scratchlab.report.policy.file import Policy

__all__ = ["left_paused", "replay", "report", "verify"]

MOST_LOOKED_AT = 10_000  # paths of one second look, of each kind


class Opening(TypedDict, total=False):
    """See :func:`~scratchlab.collect.vantage.open_container`, which has the defaults, too."""

    vantage: str
    progress: Progress | None
    fresh: bool
    images: SharedImages | None
    reader: ReaderProcess | None
    prepare: Callable[[], object] | None


class Options(Opening, total=False):
    """How a running container is verified."""

    user_data: UserData
    """How much to read of what lies on volumes and binds."""
    freeze: bool
    """Pause the container while it is read."""


def verify(
    client: EngineClient, container: str, **options: Unpack[Options]
) -> tuple[EvidenceSet, Judgement]:
    """Verify the running ``container``. Raises LabError when it cannot be examined.

    The expected ledger is computed from the image and the facts alone.
    """
    with ExitStack() as undo:
        collected, judgement, _ = _verify(undo, client, container, None, **options)
        undo.pop_all()
    return collected, judgement


def report(
    client: EngineClient,
    container: str,
    policy: Policy | None = None,
    save: str | None = None,
    **options: Unpack[Options],
) -> tuple[EvidenceSet, Report]:
    """As :func:`verify`, with the report instead of the judgement.

    ``policy`` says which changes do not count. ``save``: the directory to save the evidence in,
    before the report is made. Raises LabError.
    """
    maker = _Maker(policy)
    with ExitStack() as undo:
        collected, judgement, made = _verify(
            undo, client, container, None if save else maker, **options
        )
        if save:
            collected.save(save)
        if made is None:
            made = maker.make(collected, judgement)
        undo.pop_all()
    return collected, made


def _verify(
    undo: ExitStack,
    client: EngineClient,
    container: str,
    maker: _Maker | None,
    *,
    user_data: UserData = UserData.LIST,
    freeze: bool = False,
    **opening: Unpack[Opening],
) -> tuple[EvidenceSet, Judgement, Report | None]:
    """The evidence, the judgement, and the report that ``maker`` makes of them; None where it is
    still to be made. ``undo`` closes the evidence.
    """
    with (
        open_container(client, container, early=not freeze, **opening) as opened,
        ExitStack() as paused,
    ):
        from scratchlab.judge import judge
        from scratchlab.judge.prediction import predict
        from scratchlab.judge.user_data import user_mounts

        expected = predict(opened.facts, opened.image)
        mounts = user_mounts(opened.facts, opened.image, opened.root_mount)
        if maker is not None:
            maker.prepare(opened)
        if freeze:
            inspect = dict(opened.facts.container.inspect)
            paused.enter_context(frozen(client, inspect, opened.filesystem_server()))
        collected = opened.collect(UserDataPlan(user_data, mounts))
        undo.enter_context(collected)
        judgement = judge(collected, expected)
        # Within the block: the process is still held.
        seen = _Seen(judgement)
        made = None
        if maker is not None and not freeze and not _is_changed(collected, expected):
            made = seen.made(maker, collected)
        seen.see_all()
        if seen.doubtful:
            collected = opened.look_again(collected, seen.doubtful)
            judgement = judge(collected, expected)
        if seen.changed:
            collected = opened.look_at_changes(collected, seen.written, seen.changed)
    return collected, judgement, made


class _Maker:
    """Makes a report. What needs the image alone is prepared before the root is collected: from the
    host vantage, the root is being read at that time, so this costs nothing.
    """

    def __init__(self, policy: Policy | None) -> None:
        self._policy = policy
        self._layers: LayerSums | None = None

    def prepare(self, opened: OpenContainer) -> None:
        """Make what is needed of the image."""
        from scratchlab.judge.blame import layer_sums

        self._layers = layer_sums(opened.image, len(opened.facts.image.diff_ids))

    def make(self, collected: EvidenceSet, judgement: Judgement) -> Report:
        """The report. It iterates the findings once."""
        from scratchlab.report.build import build

        return build(
            collected, judgement, judgement.checks, policy=self._policy, layers=self._layers
        )


def _is_changed(collected: EvidenceSet, expected: Predictions) -> bool:
    """Whether the writable layer has anything but directories and what was predicted: then most
    likely something is looked at once more.
    """
    return any(
        entry.kind is not Kind.DIRECTORY and entry.path not in expected.by_path
        for entry in collected.writable or ()
    )


class _LookAgainError(Exception):
    """A finding is met whose path is to be looked at once more."""


class _Seen:
    """Paths to look at once more, all from one iteration of the findings.

    ``doubtful``: those that a container which writes meanwhile may have made come out wrong.
    ``written``: the regular files that were written later; ``changed``: these, other such entries
    and what was removed, without directories.
    """

    def __init__(self, judgement: Judgement) -> None:
        from scratchlab.judge import is_doubtful

        self.doubtful: list[str] = []
        self.written: list[str] = []
        self.changed: list[str] = []
        self._judgement = judgement
        self._is_doubtful = is_doubtful
        self._unseen = self._seeing()
        self._is_iterated = False

    def made(self, maker: _Maker, collected: EvidenceSet) -> Report | None:
        """What ``maker`` makes during this iteration, so that no second one is needed; None as soon
        as a path is to be looked at once more. Raises RuntimeError where ``maker`` iterates the
        findings twice.
        """
        try:
            return maker.make(collected, replace(self._judgement, findings=self))
        except _LookAgainError:
            return None

    def __iter__(self) -> Iterator[Finding]:
        if self._is_iterated:
            raise RuntimeError("the findings can be iterated only once")
        self._is_iterated = True
        for finding in self._unseen:
            if self.doubtful or self.changed:
                raise _LookAgainError
            yield finding
        if self.changed:
            raise _LookAgainError

    def see_all(self) -> None:
        """See the findings that are left."""
        deque(self._unseen, maxlen=0)

    def _seeing(self) -> Iterator[Finding]:
        """Every finding once it is seen; at the end the ghosts are seen, too."""
        for finding in self._judgement.findings:
            live = finding.live
            if self._is_doubtful(finding):
                _add(self.doubtful, finding.path)
            if finding.origin is Origin.WRITTEN_LATER and live is not None:
                if live.kind is Kind.FILE:
                    _add(self.written, finding.path)
                if live.kind is not Kind.DIRECTORY:
                    _add(self.changed, finding.path)
            yield finding
        for ghost in self._judgement.ghosts:
            gone = ghost.kind in (Status.DELETED, Status.CHANGED)
            if gone and ghost.image.kind is not Kind.DIRECTORY:
                _add(self.changed, ghost.path)


def _add(paths: list[str], path: str) -> None:
    if len(paths) < MOST_LOOKED_AT:
        paths.append(path)


def replay(directory: str) -> tuple[EvidenceSet, Judgement]:
    """Judge the evidence saved in ``directory``. Raises LabError when there is none."""
    from scratchlab.judge import judge
    from scratchlab.judge.prediction import predict

    saved = evidence.load(directory)
    return saved, judge(saved, predict(saved.facts, saved.image))
