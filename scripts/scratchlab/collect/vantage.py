"""From where a live root is read: from this machine's /proc, or from a debug container.

The way from a container's name to its root: :func:`open_container` here, ``host_view`` (with
``holding``, which proves that a process is the container's, and ``process``, which holds it), and
``live``, which reads the root. The debug container's way is ``remote``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from scratchlab import meanwhile
from scratchlab.collect import accounts, changes
from scratchlab.collect.holding import running_pid
from scratchlab.collect.image import from_engine, ledger_cache
from scratchlab.collect.image.from_engine import SharedImages
from scratchlab.collect.lent import lent_mounts
from scratchlab.collect.live.user_data import UserDataPlan
from scratchlab.errors import LabError
from scratchlab.evidence import EvidenceSet
from scratchlab.ledger import Ledger
from scratchlab.model import Engine, Facts, Image, Json
from scratchlab.progress import Progress
from scratchlab.reading import SecondLook

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient
    from scratchlab.collect.live.reader_process import ReaderProcess
    from scratchlab.collect.root_files import RootFiles


class ContainerView(Protocol):
    """An open view of one container, from one vantage."""

    @property
    def root_mount(self) -> int:
        """The mountinfo id of the mount that the live root lies on."""

    def start_reading(self) -> None:
        """Let the reading of the live root begin, where it can go on beside other work."""

    def facts(self, engine: Engine, image: Image) -> Facts:
        """All facts that are known before the live root is opened."""

    def live(self, progress: Progress) -> Ledger:
        """Read the live ledger, the user's data as well. Raises LabError if the process was
        replaced meanwhile.
        """

    def examine(
        self, facts: Facts, image: Ledger, plan: UserDataPlan, progress: Progress
    ) -> EvidenceSet:
        """Read the live ledger and what else this vantage can read; ``plan`` says how much of the
        user's data. Raises LabError.
        """

    def look_at(
        self,
        facts: Facts,
        image: Ledger,
        paths: Collection[str],
        plan: UserDataPlan,
        progress: Progress,
    ) -> EvidenceSet:
        """As :meth:`examine`, but only for ``paths`` and the directories above them, where this
        vantage can read so little. Files are hashed that are small, or as large as the image's.
        """

    def look_again(self, live: Ledger, paths: Iterable[str]) -> tuple[SecondLook, ...]:
        """What is at ``paths`` of the ledger ``live`` now; empty where this vantage cannot look."""

    def files(self) -> RootFiles:
        """Reads files of the live root by their paths."""

    def filesystem_server(self) -> str:
        """Why no process of the container may be paused; empty where nothing is against it."""


@dataclass(frozen=True, slots=True)
class OpenContainer:
    """A container whose facts and image are known, and whose live root is not yet read.

    ``facts`` and ``image`` are all that a prediction may use.
    """

    facts: Facts
    image: Ledger
    _view: ContainerView
    _progress: Progress

    def filesystem_server(self) -> str:
        """Why no process of the container may be paused; empty where nothing is against it."""
        return self._view.filesystem_server()

    @property
    def root_mount(self) -> int:
        """The mountinfo id of the mount that the live root lies on."""
        return self._view.root_mount

    def collect(self, plan: UserDataPlan) -> EvidenceSet:
        """Read the live root and the engine's layers, and as much of the user's data as ``plan``
        says. Raises LabError if the process ended or was replaced meanwhile.
        """
        return self._with_accounts(self._view.examine(self.facts, self.image, plan, self._progress))

    def look_at(self, paths: Collection[str], plan: UserDataPlan) -> EvidenceSet:
        """As :meth:`collect`, but at least of ``paths`` and the directories above them."""
        return self._with_accounts(
            self._view.look_at(self.facts, self.image, paths, plan, self._progress)
        )

    def _with_accounts(self, evidence: EvidenceSet) -> EvidenceSet:
        """``evidence`` with the files to which podman adds accounts, as they are now."""
        facts = evidence.facts
        if facts.engine.name != "podman":
            return evidence
        found = replace(facts.accounts, texts=accounts.texts(self._view.files()))
        return replace(evidence, facts=replace(facts, accounts=found))

    def names(self, directory: str, most: int) -> list[str]:
        """The names in ``directory`` of the live root; none if there are more than ``most``, or
        it cannot be listed from this vantage.
        """
        return self._view.files().names(directory, most) or []

    def look_again(self, evidence: EvidenceSet, paths: Iterable[str]) -> EvidenceSet:
        """``evidence`` with a second look at ``paths``."""
        looks = self._view.look_again(evidence.live, paths)
        return replace(evidence, facts=replace(evidence.facts, second_look=looks))

    def look_at_changes(
        self, evidence: EvidenceSet, written: Sequence[str], changed: Iterable[str]
    ) -> EvidenceSet:
        """``evidence`` with what the regular files ``written`` begin with, and the packages that
        own the paths ``changed``.
        """
        files = self._view.files()
        content = changes.content(files, written)
        packages = changes.packages(files, evidence.live, changed)
        facts = replace(evidence.facts, content=content, packages=packages)
        return replace(evidence, facts=facts)


@contextmanager
def open_container(
    client: EngineClient,
    ref: str,
    *,
    vantage: str = "auto",
    progress: Progress | None = None,
    fresh: bool = False,
    images: SharedImages | None = None,
    early: bool = True,
    reader: ReaderProcess | None = None,
    prepare: Callable[[], object] | None = None,
) -> Iterator[OpenContainer]:
    """Open a view of the container ``ref`` (a name or an id), gather its facts, read its image.

    ``vantage``: see :func:`open_view`. ``fresh``: read the image even if its ledger is kept
    (:mod:`~scratchlab.collect.image.ledger_cache`). ``images``: those that were read for other
    containers. ``early``: begin to read the live root beside the image. ``reader``: a process that
    was started to read it; None: one is started. ``prepare``: called beside the reading of the
    image, in a thread of its own. Raises LabError when there is no such container, when it does
    not run, when neither vantage can see it, or when its image cannot be read.
    """
    progress = progress or Progress()
    engine = client.facts()
    inspect = client.inspect_container(ref)
    with open_view(client, inspect, vantage, reader) as view:
        if early:
            view.start_reading()
        cache = None if fresh else ledger_cache.installed_cache()
        reference = from_engine.container_image_id(inspect)
        read = from_engine.read_engine_image if images is None else images.read
        with meanwhile.calling(prepare):
            image, ledger = read(client, engine, reference, progress, cache)
        facts = view.facts(engine, image)
        if engine.name == "podman":
            facts = replace(facts, lent=lent_mounts(client, inspect))
        yield OpenContainer(facts, ledger, view, progress)


@contextmanager
def open_view(
    client: EngineClient, inspect: Json, vantage: str, reader: ReaderProcess | None = None
) -> Iterator[ContainerView]:
    """Open a view of the container that ``inspect`` describes.

    ``vantage`` is ``host``, ``debug`` or ``auto``: the host where the engine's PID is, as the
    kernel proves, the container's process on this machine; otherwise a debug container.
    ``reader``: see :func:`open_container`.
    Raises LabError when the container does not run or cannot be seen.
    """
    running_pid(inspect, client.name)
    with ExitStack() as stack:
        if vantage == "debug":
            yield stack.enter_context(_open_debug_view(client, inspect))
            return
        try:
            host = open_host_view(client, inspect, strict=vantage == "auto", reader=reader)
            view = stack.enter_context(host)
        except LabError as error:
            if vantage == "host":
                raise
            view = _fall_back(client, inspect, error, stack)
        yield view


def open_host_view(
    client: EngineClient, inspect: Json, *, strict: bool, reader: ReaderProcess | None = None
) -> AbstractContextManager[ContainerView]:
    """Open a view from this machine's /proc.

    ``strict``: see :func:`scratchlab.collect.holding.hold_container`. ``reader``: see
    :func:`open_container`. Raises LabError.
    """
    if not os.path.exists("/proc/self/ns"):
        raise LabError(
            "this machine has no Linux /proc, and --vantage host is impossible",
            "use --vantage debug",
        )
    # Late: this module cannot be imported on systems other than Linux.
    from scratchlab.collect.host_view import HostView

    return HostView.open(client, inspect, strict=strict, reader=reader)


def _open_debug_view(client: EngineClient, inspect: Json) -> AbstractContextManager[ContainerView]:
    # Late: most runs do not need it.
    from scratchlab.collect.remote.debug_view import open_debug_view

    return open_debug_view(client, inspect)


def _fall_back(
    client: EngineClient, inspect: Json, from_host: LabError, stack: ExitStack
) -> ContainerView:
    try:
        return stack.enter_context(_open_debug_view(client, inspect))
    except LabError as error:
        # A user who chose neither vantage reads both reasons.
        what = f"{error.what} (and from the host: {from_host.what})"
        raise LabError(what, error.advice) from error
