"""What a check may look at: the student's files and names, the engine, and the live roots."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scratchlab.errors import LabError
from scratchlab.learn.place import Access, Student
from scratchlab.learn.store import Store

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient
    from scratchlab.lab.session import Laboratory
    from scratchlab.labels import Names
    from scratchlab.model import Finding, Json

MOST_TEXT = 1 << 16  # bytes of a file that a person wrote


@dataclass(slots=True)
class Desk:
    """The student's place. :meth:`close` ends the connection to the engine."""

    student: Student
    store: Store
    access: Access
    engine_name: str | None = None
    url: str | None = None
    _engine: EngineClient | None = None
    _roots: dict[str, Root] = field(default_factory=dict)

    @property
    def word(self) -> str:
        """What the student's names begin with."""
        return str(self.store.record["word"])

    @property
    def directory(self) -> str:
        """The student's directory."""
        return str(self.store.record["directory"])

    def named(self, name: str) -> str:
        """The student's image or container ``name``: ``anna-sleep``."""
        return f"{self.word}-{name}"

    def values(self) -> Mapping[str, str]:
        """The values for the templates of all texts."""
        home = self.student.home.rstrip("/")
        below = self.directory.removeprefix(f"{home}/")
        shown = f"~/{below}" if below != self.directory and self.student.uid else self.directory
        return {
            "docker": self.access.docker,
            "scratchlab": self.access.scratchlab,
            "sudo": self.access.sudo,
            # The sudo rule for scratchlab alone leaves out what reads files of the host.
            "image": "scratchlab" if self.access.docker == "docker" else self.access.scratchlab,
            "word": self.word,
            "dir": shown,
            "user": self.student.name,
        }

    @property
    def engine(self) -> EngineClient:
        """The engine, connected at the first use. Raises LabError."""
        if self._engine is None:
            # Late: the Docker SDK takes 0.2 s to import, and most commands need no engine.
            from scratchlab.collect.engines import connect

            self._engine = connect(self.engine_name, self.url)
        return self._engine

    def lab(self, names: Names | None = None) -> Laboratory:
        """The experiments' view of the engine, with these ``names``."""
        from scratchlab.lab.session import Laboratory

        return Laboratory(self.engine, names)

    def container(self, name: str) -> Json | None:
        """The engine's description of a container; None where there is none."""
        return self.lab().container(name)

    def image(self, name: str) -> Json | None:
        """The engine's description of an image; None where there is none."""
        return self.lab().image(name)

    def root(self, name: str) -> Root:
        """The verified root of the running container ``name``, read once. Raises LabError."""
        if name not in self._roots:
            from scratchlab.lab.verification import verify

            evidence, judgement = verify(self.engine, name)
            with evidence:
                findings = {item.path: item for item in judgement.findings}
                image = {entry.path for entry in evidence.image}
                self._roots[name] = Root(findings, frozenset(image))
        return self._roots[name]

    def path(self, *parts: str) -> str:
        """A path in the student's directory."""
        return os.path.join(self.directory, *parts)

    def read_text(self, *parts: str) -> str | None:
        """The text of a file in the student's directory; None where there is none.

        Raises LabError where it is not a text file, or cannot be read with the student's rights.
        """
        path = self.path(*parts)
        with self.student.rights():
            try:
                # Non-blocking: a FIFO must not block the reader.
                fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError):
                return None
            except OSError as error:
                raise LabError(f"cannot read {path}: {error.strerror}", f"ls -l {path}") from error
            with os.fdopen(fd, "rb") as file:
                if not stat.S_ISREG(os.fstat(fd).st_mode):
                    raise LabError(f"{path} is not a regular file", f"ls -l {path}")
                return file.read(MOST_TEXT).decode("utf-8", "replace")

    def status(self, *parts: str) -> os.stat_result | None:
        """The status of a file in the student's directory; None where there is none."""
        with self.student.rights():
            try:
                return os.stat(self.path(*parts))
            except OSError:
                return None

    def close(self) -> None:
        """End the connection."""
        if self._engine is not None:
            self._engine.close()


@dataclass(frozen=True, slots=True)
class Root:
    """A container's root: what was found by path, and the paths of its image."""

    findings: Mapping[str, Finding]
    image: frozenset[str]

    def names(self, directory: str = "/") -> dict[str, Finding]:
        """The findings of what is visible directly in ``directory``, by name."""
        start = directory.rstrip("/") + "/"
        return {
            path[len(start) :]: finding
            for path, finding in self.findings.items()
            if finding.live is not None
            and path.startswith(start)
            and path != "/"
            and "/" not in path[len(start) :]
        }


def words_of(answer: tuple[str, ...]) -> list[str]:
    """An answer as words: commas are spaces, a slash at either end of a name is left out."""
    words = " ".join(answer).replace(",", " ").split()
    return [word.strip("/") or "/" for word in words]
