"""The evidence of one verification: facts and ledgers, and the directory that keeps them.

``facts.json`` holds the facts and the SHA-256 of each ledger file; ``image.jsonl``, ``live.jsonl``,
``init.jsonl`` and ``writable.jsonl`` hold one entry a line, in tree order, and ``histories.jsonl``
the histories of the image's entries, where there are any. The same evidence is the same bytes, and
any machine can judge it again.

Schema 1 had no notes: an oddity of the image archive was one of its problems.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Self, TypeVar

from scratchlab import codec
from scratchlab.earlier import problems_and_notes
from scratchlab.errors import LabError
from scratchlab.ledger import LayerStep, Ledger
from scratchlab.model import Entry, Facts, Json

T = TypeVar("T")

SCHEMA = "scratchlab-evidence-2"
READABLE = ("scratchlab-evidence-1", SCHEMA)
_FACTS = "facts.json"
_HISTORIES = "histories"


@dataclass(frozen=True, slots=True)
class _HistoryLine:
    """One line of histories.jsonl."""

    path: str
    steps: tuple[LayerStep, ...]


@dataclass(frozen=True, slots=True)
class EvidenceSet:
    """Facts and ledgers of one container.

    ``init`` and ``writable`` are the ledgers of the engine's init layer and of the writable layer,
    None where these cannot be read.
    """

    facts: Facts
    image: Ledger
    live: Ledger
    init: Ledger | None = None
    writable: Ledger | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the ledgers."""
        for ledger in self._ledgers().values():
            ledger.close()

    def save(self, directory: str) -> None:
        """Write the evidence to ``directory``, which must not exist, or be (a symlink to) an empty
        directory.

        The directory appears complete or not at all, with mode 0700: ``docker inspect`` shows
        secrets. Raises LabError when it cannot be written.
        """
        try:
            directory = _free_directory(os.path.abspath(directory))
            os.makedirs(os.path.dirname(directory), exist_ok=True)
            temporary = tempfile.mkdtemp(prefix=".evidence-", dir=os.path.dirname(directory))
        except OSError as error:
            raise _unwritable(directory, error) from error
        try:
            self._write(temporary)
            os.rename(temporary, directory)
        except OSError as error:
            raise _unwritable(directory, error) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _ledgers(self) -> dict[str, Ledger]:
        ledgers = {
            "image": self.image,
            "live": self.live,
            "init": self.init,
            "writable": self.writable,
        }
        return {name: ledger for name, ledger in ledgers.items() if ledger is not None}

    def _write(self, directory: str) -> None:
        digests = {
            name: _write_ledger(os.path.join(directory, f"{name}.jsonl"), ledger)
            for name, ledger in self._ledgers().items()
        }
        histories = map(_history_line, self.image.histories())
        if (first := next(histories, None)) is not None:
            path = os.path.join(directory, f"{_HISTORIES}.jsonl")
            digests[_HISTORIES] = _write_lines(path, chain([first], histories))
        head = {"schema": SCHEMA, "ledgers": digests, "facts": codec.encode(self.facts)}
        with open(os.path.join(directory, _FACTS), "w", encoding="ascii") as text:
            json.dump(head, text, sort_keys=True, indent=1)
            text.write("\n")


def _free_directory(path: str) -> str:
    """Where a symlink at ``path`` leads, otherwise ``path``. Raises LabError if anything other than
    an empty directory is there, and OSError.
    """
    new = "name a new directory"
    if not os.path.lexists(path):
        return path
    if not os.path.exists(path):
        raise LabError(f"cannot write evidence to {path}: a symlink that leads nowhere", new)
    if not os.path.isdir(path):
        raise LabError(f"cannot write evidence to {path}: not a directory", new)
    if os.listdir(path):
        raise LabError(f"{path} is not empty", f"{new} for the evidence")
    return os.path.realpath(path)


def load(directory: str) -> EvidenceSet:
    """Read the evidence that :meth:`EvidenceSet.save` wrote to ``directory``, of schema 1 or 2.

    Raises LabError when there is none, or it is damaged.
    """
    path = os.path.join(directory, _FACTS)
    head = _head(path)
    digests = head.get("ledgers")
    if not isinstance(digests, dict) or not {"image", "live"} <= digests.keys():
        raise _damaged(path, "it does not name an image ledger and a live ledger")
    try:
        facts = codec.decode(Facts, head.get("facts"))
    except codec.MismatchError as error:
        raise _damaged(path, str(error)) from error
    if head["schema"] != SCHEMA:
        problems, notes = problems_and_notes(facts.image.problems)
        facts = replace(facts, image=replace(facts.image, problems=problems, notes=notes))
    ledgers: dict[str, Ledger] = {}
    try:
        for name in ("image", "live", "init", "writable"):
            if name in digests:
                file = os.path.join(directory, f"{name}.jsonl")
                ledgers[name] = _read_ledger(file, str(digests[name]))
        if _HISTORIES in digests:
            file = os.path.join(directory, f"{_HISTORIES}.jsonl")
            with _proved(file, str(digests[_HISTORIES]), _history) as histories:
                ledgers["image"].put_histories(histories)
    except BaseException:
        for ledger in ledgers.values():
            ledger.close()
        raise
    return EvidenceSet(facts, **ledgers)


def _head(path: str) -> Json:
    try:
        with open(path, encoding="ascii") as text:
            head = json.load(text)
    except FileNotFoundError:
        what = f"no evidence in {os.path.dirname(path)}: {_FACTS} is missing"
        remedy = "name a directory that --save-evidence wrote"
        raise LabError(what, remedy) from None
    except OSError as error:
        raise LabError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "it is not JSON") from error
    if not isinstance(head, dict) or head.get("schema") not in READABLE:
        raise _damaged(path, f"its schema is not {SCHEMA}")
    return head


def _write_ledger(path: str, ledger: Ledger) -> str:
    return _write_lines(path, map(codec.encode, ledger))


def _write_lines(path: str, items: Iterable[Any]) -> str:
    digest = hashlib.sha256()
    with open(path, "wb") as out:
        for item in items:
            line = json.dumps(item, sort_keys=True, separators=(",", ":"))
            data = line.encode("ascii") + b"\n"
            digest.update(data)
            out.write(data)
    return digest.hexdigest()


def _read_ledger(path: str, sha256: str) -> Ledger:
    ledger = Ledger()
    try:
        with _proved(path, sha256, _entry) as entries:
            ledger.update(entries)
    except BaseException:
        ledger.close()
        raise
    return ledger


@contextmanager
def _proved(path: str, sha256: str, decode: Callable[[Any], T]) -> Iterator[Iterator[T]]:
    """The items of a file, one a line. After the block, its digest is the one in facts.json."""
    digest = hashlib.sha256()
    yield _items(path, digest, decode)
    if digest.hexdigest() != sha256:
        raise _damaged(path, f"its SHA-256 is not the one in {_FACTS}")


def _items(path: str, digest: hashlib._Hash, decode: Callable[[Any], T]) -> Iterator[T]:
    try:
        with open(path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                digest.update(line)
                try:
                    yield decode(json.loads(line))
                except (ValueError, RecursionError) as error:
                    raise _damaged(path, f"line {number}: {error}") from error
    except OSError as error:
        raise LabError(f"cannot read {path}: {error.strerror}") from error


def _entry(item: Any) -> Entry:
    return codec.decode(Entry, item)


def _history_line(history: tuple[str, tuple[LayerStep, ...]]) -> Json:
    line: Json = codec.encode(_HistoryLine(*history))
    return line


def _history(item: Any) -> tuple[str, tuple[LayerStep, ...]]:
    history = codec.decode(_HistoryLine, item)
    return history.path, history.steps


def _damaged(path: str, why: str) -> LabError:
    return LabError(f"damaged evidence: {path}: {why}", "collect it again with --save-evidence")


def _unwritable(directory: str, error: OSError) -> LabError:
    return LabError(
        f"cannot write evidence to {directory}: {error.strerror}", "name another directory"
    )
