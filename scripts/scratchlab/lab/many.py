"""Verify several containers of one engine, one after the other, whatever happens to some of them.

Containers of one image follow each other, so that its ledger is read once and one at a time is
open.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from scratchlab import report
from scratchlab.collect.image.from_engine import SharedImages
from scratchlab.errors import LabError
from scratchlab.lab import verification
from scratchlab.lab.concurrency import call_within
from scratchlab.model import Json
from scratchlab.report.sections import Head
from scratchlab.report.verdict import ExitStatus

if TYPE_CHECKING:
    from typing import Unpack

    from scratchlab.collect.engines import EngineClient
    from scratchlab.lab.verification import Options
    from scratchlab.report.policy.file import Policy

UNANSWERED = "unanswered"  # the word for what could not be verified
_PING_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Subject:
    """A container to verify. ``problem`` says why there is none with this name."""

    name: str
    id: str = ""
    image: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one container. ``head`` is that of its report, None where there is none;
    ``file`` is the file of the whole report, empty without one.
    """

    subject: Subject
    status: int
    word: str
    sentence: str
    head: Head | None = None
    file: str = ""

    def as_json(self) -> Json:
        """The outcome as one JSON object, with what the report counts but without its entries."""
        line: Json = {
            "container": self.subject.name,
            "id": self.subject.id,
            "image": self.subject.image,
            "status": self.status,
            "word": self.word,
            "sentence": self.sentence,
        }
        if self.head is not None:
            line["counts"] = self.head["verdict"]["counts"]
            line["summary"] = self.head["summary"]
        if self.file:
            line["report"] = self.file
        return line


def named(client: EngineClient, names: Iterable[str]) -> list[Subject]:
    """The containers called ``names`` (names or ids), each once."""
    found: dict[str, Subject] = {}
    for name in names:
        try:
            inspect = client.inspect_container(name)
        except LabError as error:
            found.setdefault(f"name {name}", Subject(name, problem=str(error)))
            continue
        shown = str(inspect.get("Name") or name).lstrip("/")
        subject = Subject(shown, str(inspect["Id"]), str(inspect.get("Image") or ""))
        found.setdefault(subject.id, subject)
    return in_order(found.values())


def running(client: EngineClient, labels: Sequence[str]) -> list[Subject]:
    """The running containers that have all of ``labels``."""
    subjects = [
        Subject(_shown_name(item), str(item["Id"]), str(item.get("ImageID") or ""))
        for item in client.running_containers(labels)
    ]
    return in_order(sorted(subjects, key=lambda subject: subject.name))


def in_order(subjects: Iterable[Subject]) -> list[Subject]:
    """``subjects`` by image, the first of each image as given."""
    listed = list(subjects)
    places: dict[str, int] = {}
    for number, subject in enumerate(listed):
        places.setdefault(subject.image, number)
    return sorted(listed, key=lambda subject: places[subject.image])


def verify_each(
    client: EngineClient,
    subjects: Sequence[Subject],
    *,
    policy: Policy | None = None,
    json_dir: str = "",
    **options: Unpack[Options],
) -> Generator[Outcome, None, None]:
    """Verify ``subjects``; an outcome for each, as soon as it is known.

    ``json_dir``: write each report to NAME.json there. ``options``: those of
    :func:`scratchlab.lab.verification.report`, without ``images`` and ``reader``. What cannot be
    verified is an outcome, too: an engine that ended is asked once, and not for each container that
    is left.
    """
    gone = ""
    with SharedImages() as images:
        given: Options = {**options, "images": images}
        for subject in subjects:
            problem = subject.problem or gone
            if not problem:
                try:
                    yield _verified(client, subject, policy, json_dir, given)
                    continue
                except LabError as error:
                    problem = str(error)
                except Exception as error:  # the others are verified all the same
                    problem = f"unexpected error ({type(error).__name__}: {error})"
                gone = _gone(client)
            yield Outcome(subject, ExitStatus.UNANSWERED, UNANSWERED, problem)


def _verified(
    client: EngineClient,
    subject: Subject,
    policy: Policy | None,
    json_dir: str,
    options: Options,
) -> Outcome:
    evidence, built = verification.report(client, subject.id, policy, **options)
    with evidence:
        file = os.path.join(json_dir, f"{subject.name}.json") if json_dir else ""
        if file:
            report.write(built, file)
    verdict = built.head["verdict"]
    return Outcome(
        subject, verdict["status"], verdict["word"], verdict["sentence"], built.head, file
    )


def _gone(client: EngineClient) -> str:
    """Why nothing more can be asked of the engine; empty where it answers."""
    try:
        call_within(partial(client.client.api.ping), _PING_SECONDS)
    except Exception:  # whatever it is, the engine does not answer
        remedy = f"check `{client.name} info`, and verify it again"
        return f"not verified: the {client.name} engine no longer answers; {remedy}"
    return ""


def _shown_name(item: Json) -> str:
    """The container's own name: a link of another container to it is a path of two names."""
    names = [str(name).lstrip("/") for name in item.get("Names") or []]
    return next((name for name in names if "/" not in name), str(item["Id"])[:12])
