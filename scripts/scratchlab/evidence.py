"""Evidence of one verification: facts and ledgers, on disk as a directory that replays anywhere.

``facts.json`` holds the facts and, for each ledger file, its SHA-256; ``image.jsonl``,
``live.jsonl``, ``init.jsonl``, ``writable.jsonl`` hold one entry a line, in tree order. The same
evidence gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from scratchlab import codec
from scratchlab.errors import LabError
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Facts, Json

SCHEMA = "scratchlab-evidence-1"
_FACTS = "facts.json"


@dataclass(frozen=True, slots=True)
class EvidenceSet:
    """What was collected. ``init`` and ``writable`` are the ledgers of the engine's init layer
    and of the writable layer, None where the storage driver cannot tell them apart.
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
        """Write the evidence to ``directory``, which must not exist or be empty.

        All of it appears at once, for its owner only: inspect may hold secrets. Raises LabError
        when it cannot be written.
        """
        directory = os.path.abspath(directory)
        try:
            if os.path.isdir(directory) and os.listdir(directory):
                raise LabError(f"{directory} is not empty", "name a new directory for the evidence")
            os.makedirs(os.path.dirname(directory), exist_ok=True)
            aside = tempfile.mkdtemp(prefix=".evidence-", dir=os.path.dirname(directory))
        except OSError as error:
            raise _unwritable(directory, error) from error
        try:
            self._write(aside)
            os.rename(aside, directory)
        except OSError as error:
            raise _unwritable(directory, error) from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _ledgers(self) -> dict[str, Ledger]:
        named = {"image": self.image, "live": self.live}
        if self.init is not None:
            named["init"] = self.init
        if self.writable is not None:
            named["writable"] = self.writable
        return named

    def _write(self, directory: str) -> None:
        digests = {
            name: _write_ledger(os.path.join(directory, f"{name}.jsonl"), ledger)
            for name, ledger in self._ledgers().items()
        }
        head = {"schema": SCHEMA, "ledgers": digests, "facts": codec.encode(self.facts)}
        with open(os.path.join(directory, _FACTS), "w", encoding="ascii") as text:
            json.dump(head, text, sort_keys=True, indent=1)
            text.write("\n")


def load(directory: str) -> EvidenceSet:
    """Read evidence that :meth:`EvidenceSet.save` wrote.

    Raises LabError when ``directory`` holds none, or a damaged one.
    """
    path = os.path.join(directory, _FACTS)
    head = _head(path)
    digests = head.get("ledgers")
    if not isinstance(digests, dict) or not {"image", "live"} <= digests.keys():
        raise _damaged(path, "it names no image and live ledger")
    try:
        facts = codec.decode(Facts, head.get("facts"))
    except codec.MismatchError as error:
        raise _damaged(path, str(error)) from error
    ledgers: dict[str, Ledger] = {}
    try:
        for name in ("image", "live", "init", "writable"):
            if name in digests:
                file = os.path.join(directory, f"{name}.jsonl")
                ledgers[name] = _read_ledger(file, str(digests[name]))
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
        what = f"no evidence in {os.path.dirname(path)}: there is no {_FACTS}"
        remedy = "name a directory that --save-evidence wrote"
        raise LabError(what, remedy) from None
    except OSError as error:
        raise LabError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "it is not JSON") from error
    if not isinstance(head, dict) or head.get("schema") != SCHEMA:
        raise _damaged(path, f"its schema is not {SCHEMA}")
    return head


def _write_ledger(path: str, ledger: Ledger) -> str:
    digest = hashlib.sha256()
    with open(path, "wb") as out:
        for entry in ledger:
            line = json.dumps(codec.encode(entry), sort_keys=True, separators=(",", ":"))
            data = line.encode("ascii") + b"\n"
            digest.update(data)
            out.write(data)
    return digest.hexdigest()


def _read_ledger(path: str, sha256: str) -> Ledger:
    digest = hashlib.sha256()
    ledger = Ledger()
    try:
        ledger.update(_entries(path, digest))
    except BaseException:
        ledger.close()
        raise
    if digest.hexdigest() != sha256:
        ledger.close()
        raise _damaged(path, f"its SHA-256 is not the one in {_FACTS}")
    return ledger


def _entries(path: str, digest: hashlib._Hash) -> Iterator[Entry]:
    try:
        with open(path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                digest.update(line)
                try:
                    yield codec.decode(Entry, json.loads(line))
                except (ValueError, RecursionError) as error:
                    raise _damaged(path, f"line {number}: {error}") from error
    except OSError as error:
        raise LabError(f"cannot read {path}: {error.strerror}") from error


def _damaged(path: str, why: str) -> LabError:
    return LabError(f"damaged evidence: {path}: {why}", "collect it again with --save-evidence")


def _unwritable(directory: str, error: OSError) -> LabError:
    return LabError(
        f"cannot write evidence to {directory}: {error.strerror}", "name another directory"
    )
