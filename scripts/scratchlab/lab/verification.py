"""One verification: predict, collect, judge; of a running container or from saved evidence.

The judge is imported late, so that a caller can let that happen while the image is read.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from scratchlab import evidence
from scratchlab.collect.freezing import frozen, left_paused
from scratchlab.collect.image.from_engine import SharedImages
from scratchlab.collect.live.user_data import UserDataPlan
from scratchlab.collect.vantage import open_container
from scratchlab.evidence import EvidenceSet
from scratchlab.model import Kind, Origin, Status
from scratchlab.progress import Progress
from scratchlab.reading import UserData

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient
    from scratchlab.judge import Judgement

__all__ = ["left_paused", "replay", "verify"]

MOST_LOOKED_AT = 10_000  # paths of one second look, of each kind


def verify(
    client: EngineClient,
    container: str,
    *,
    vantage: str = "auto",
    progress: Progress | None = None,
    fresh: bool = False,
    images: SharedImages | None = None,
    user_data: UserData = UserData.LIST,
    freeze: bool = False,
    prepare: Callable[[], object] | None = None,
) -> tuple[EvidenceSet, Judgement]:
    """Verify the running ``container``; the arguments are those of ``open_container``.

    ``user_data`` says how much to read of what lies on volumes and binds; ``freeze``: pause the
    container while it is read. ``prepare``: called while the image is read, in a thread of its own.
    The expected ledger is computed from the image and the facts alone.
    Raises LabError when the container cannot be examined.
    """
    with (
        open_container(
            client, container, vantage=vantage, progress=progress, fresh=fresh, images=images,
            early=not freeze, prepare=prepare,
        ) as opened,
        ExitStack() as paused,
    ):  # fmt: skip
        from scratchlab.judge import judge
        from scratchlab.judge.prediction import predict
        from scratchlab.judge.user_data import user_mounts

        expected = predict(opened.facts, opened.image)
        mounts = user_mounts(opened.facts, opened.image, opened.root_mount)
        if freeze:
            inspect = dict(opened.facts.container.inspect)
            paused.enter_context(frozen(client, inspect, opened.filesystem_server()))
        collected = opened.collect(UserDataPlan(user_data, mounts))
        judgement = judge(collected, expected)
        # Within the block: the process is still held.
        seen = _Seen(judgement)
        if seen.doubtful:
            collected = opened.look_again(collected, seen.doubtful)
            judgement = judge(collected, expected)
        if seen.changed:
            collected = opened.look_at_changes(collected, seen.written, seen.changed)
    return collected, judgement


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
        for finding in judgement.findings:
            live = finding.live
            if is_doubtful(finding):
                _add(self.doubtful, finding.path)
            if finding.origin is Origin.WRITTEN_LATER and live is not None:
                if live.kind is Kind.FILE:
                    _add(self.written, finding.path)
                if live.kind is not Kind.DIRECTORY:
                    _add(self.changed, finding.path)
        for ghost in judgement.ghosts:
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
