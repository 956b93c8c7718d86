"""A worksheet, drawn by a seed from one machine's own report: the same wherever it is drawn. Pure.

Each question is a path: will it be in the container, and who makes it? Questions are chosen by the
digest of seed and path alone, so that one entry more or less elsewhere changes no other question.
Machines of one room share the digest, and each begins at another part of it, by the number at the
end of its name: neighbours have different questions as long as the container has enough paths.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import islice

from scratchlab.classroom.exercise import place_in_room
from scratchlab.model import Origin
from scratchlab.report import Report
from scratchlab.report.sections import EntrySection, MountSection

ABSENT = "absent"  # the answer for a path that the container does not see
QUESTIONS = 12
ABSENT_QUESTIONS = 3
PARTS = 4  # into which the paths of a room are divided
_SORTED_AT = 8  # times the questions that are kept
LONGEST_PATH = 60  # characters: it has to fit on a sheet
# What people expect in a root filesystem: FHS 3.0, and what every distribution brings.
EXPECTED_ELSEWHERE = (
    "/bin/sh", "/bin/ls", "/boot", "/etc/passwd", "/etc/group", "/etc/os-release", "/home",
    "/lib64", "/lib/ld-linux.so.2", "/media", "/mnt", "/opt", "/root", "/run", "/sbin/init",
    "/srv", "/tmp", "/usr", "/usr/bin/env", "/var", "/var/log", "/dev/sda", "/etc/fstab",  # noqa: S108
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """One path, the right answer (an origin, or ``absent``), and how an expert knows it."""

    path: str
    answer: str
    explanation: str


@dataclass(frozen=True, slots=True)
class Worksheet:
    """The questions for one student, sorted by path."""

    seed: str
    questions: tuple[Question, ...]


def seed_of(report: Report) -> str:
    """The seed of a machine's own worksheet: its host name."""
    name: str = report.head["host"]["name"]
    return name


def draw_worksheet(report: Report, seed: str, count: int = QUESTIONS) -> Worksheet:
    """Draw ``count`` questions (fewer where the container holds too little)."""
    live, best = _gathered(report, seed, count)
    questions = list(_ranked(seed, _absent(report, live)))[:ABSENT_QUESTIONS]
    # One of each origin in turn: a container has two hundred devices and one init layer.
    pools = {origin: kept.questions() for origin, kept in best.items()}
    _leave_out_every_second(seed, pools)
    turn = sorted(pools, key=lambda origin: _rank(seed, origin))
    while len(questions) < count and any(pools.values()):
        for origin in turn:
            if pools[origin] and len(questions) < count:
                questions.append(pools[origin].pop(0))
    return Worksheet(seed, tuple(sorted(questions, key=lambda question: question.path)))


def paths_drawn_from(report: Report, seed: str, count: int = QUESTIONS) -> set[str]:
    """The paths of entries without which another worksheet would be drawn from ``report``."""
    live, best = _gathered(report, seed, count)
    return live | {question.path for kept in best.values() for question in kept.questions()}


def _gathered(report: Report, seed: str, count: int) -> tuple[set[str], dict[str, _Best]]:
    """Which of the paths that may be asked for as absent or masked are live; and by origin the
    questions that come first.
    """
    rules = {rule["id"]: rule["title"] for rule in report.head.get("rules", ())}
    masks = {
        # A mask on a path of /proc is a mount without an entry of its own: /proc is not entered.
        mount["target"]: mount
        for mount in reversed(report.head.get("mounts", ()))
        if not mount["entry"] and mount["origin"] == Origin.RUNTIME_MASK
    }
    hidden = (ghost["path"] for ghost in report.head["ghosts"])
    asked = {*masks, *hidden, *EXPECTED_ELSEWHERE}
    live = set()  # of the paths that may be asked for as absent, or as masked
    best: defaultdict[str, _Best] = defaultdict(partial(_Best, seed, count))
    for entry in report.entries:
        if entry["live"] is not None:
            if entry["path"] in asked:
                live.add(entry["path"])
            if entry["path"] != "/" and entry["origin"] != Origin.UNEXPLAINED:
                explanation = _explanation(entry, rules)
                best[entry["origin"]].add(Question(entry["path"], entry["origin"], explanation))
    for path, mount in masks.items():
        if path not in live:
            live.add(path)
            best[mount["origin"]].add(Question(path, mount["origin"], _explanation(mount, rules)))
    return live, best


class _Best:
    """Of the questions of one origin those that come first, in the order that the seed decides."""

    def __init__(self, seed: str, count: int) -> None:
        self._seed = seed
        self._most = max(count, 2)  # whether there is more than one is asked, too
        self._kept: list[Question] = []

    def add(self, question: Question) -> None:
        """Keep ``question``, as long as it is among the first ones."""
        self._kept.append(question)
        if len(self._kept) >= _SORTED_AT * self._most:
            self._kept = self.questions()

    def questions(self) -> list[Question]:
        """The first ones."""
        return list(islice(_ranked(self._seed, self._kept), self._most))


def _leave_out_every_second(seed: str, pools: dict[str, list[Question]]) -> None:
    """An origin with one path alone is for every second machine, or all had that question."""
    for number, origin in enumerate(sorted(pools)):
        alone = len(pools[origin]) == 1
        if alone and len(pools) > 1 and (place_in_room(seed)[1] + number) % 2:
            pools[origin].clear()


def _absent(report: Report, live: set[str]) -> Iterable[Question]:
    for ghost in report.head["ghosts"]:
        if ghost["path"] not in live:
            explanation = f"the image has it, and {ghost['actor']} hides it ({ghost['kind']})"
            yield Question(ghost["path"], ABSENT, explanation)
    for path in EXPECTED_ELSEWHERE:
        if path not in live:
            yield Question(path, ABSENT, "no layer of the image has it, and nobody adds it")


def _explanation(entry: EntrySection | MountSection, rules: dict[str, str]) -> str:
    known = rules.get(entry["rule"] or "")
    facts = [f"{fact['kind']}: {fact['detail']}" for fact in entry["evidence"][:1]]
    return "; ".join([*([known] if known else []), *facts])


def _ranked(seed: str, questions: Iterable[Question]) -> Iterable[Question]:
    """The questions that fit on a sheet, in the order that the seed decides."""
    fitting = (
        question
        for question in questions
        if len(question.path) <= LONGEST_PATH and "\\" not in question.path
    )
    return sorted(fitting, key=lambda question: _rank(seed, question.path))


def _rank(seed: str, text: str) -> tuple[int, str]:
    """Which part of the paths ``text`` is in, counted from where this machine begins; a digest.

    The machines are taken in groups of :data:`PARTS`, and each group divides the paths anew.
    """
    room, place = place_in_room(seed)
    group = f"{room}\0{place // PARTS}\0{text}".encode("utf-8", "backslashreplace")
    digest = hashlib.sha256(group).hexdigest()
    return (int(digest[:8], 16) - place) % PARTS, digest
