"""The members of an archive by name: what each holds, and the JSON values in its documents.

Documents are claims: every value is checked for the type that it should have.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from scratchlab.collect.image.layers import paths
from scratchlab.collect.image.layers.spool import LayerSpool
from scratchlab.collect.image.limits import MOST_LINKS
from scratchlab.collect.image.problems import DamageError, display
from scratchlab.model import Json

_SCHEMA = """
CREATE TABLE members (name BLOB PRIMARY KEY, blob INTEGER, link BLOB) WITHOUT ROWID;
CREATE TABLE blobs (id INTEGER PRIMARY KEY, form TEXT, digest TEXT, diff_id TEXT, packing TEXT,
    fault TEXT, remedy TEXT, notes TEXT, data BLOB);
"""
# A name with the content's SHA-256: blobs/sha256/HEX, HEX.json, sha256:HEX (crane, kaniko).
_ADDRESS = re.compile(r"(?:^|[/:])([0-9a-f]{64})(?:(?:\.manifest)?\.json)?$")


class Form(StrEnum):
    """What the content of a member is, by its first bytes."""

    LAYER = "layer"
    DOCUMENT = "document"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Blob:
    """The content of one member.

    ``digest`` is of the bytes in the archive, ``diff_id`` of the unpacked layer, ``packing`` the
    compression format. ``fault`` describes what is wrong with it, if something is; with a
    ``remedy``, that it is whole but cannot be read here.
    """

    id: int
    form: Form
    digest: str = ""
    diff_id: str = ""
    packing: str | None = None
    fault: str | None = None
    remedy: str = ""
    notes: tuple[str, ...] = ()
    data: bytes = b""  # of a document, on its way into the database only


class Blobs:
    """Members and their contents, kept in the spool's database.

    At most ``most_parsed`` bytes of documents are parsed; a document that is parsed again counts
    again. ``load``, where it is set, is called with the path key of a member that is asked for and
    not yet here, and puts or links it if there is one.
    """

    def __init__(self, spool: LayerSpool, most_parsed: int) -> None:
        self._db = spool.db
        self._db.executescript(_SCHEMA)
        self._db.execute("BEGIN")
        self._ids = 0
        self._parsing_left = most_parsed
        self.load: Callable[[bytes], None] | None = None

    def new_id(self) -> int:
        """A number for the next content."""
        self._ids += 1
        return self._ids

    def put(self, name: bytes, blob: Blob) -> None:
        """Keep ``blob`` as the content of the member ``name`` (a path key); the last one counts."""
        row = (blob.id, blob.form, blob.digest, blob.diff_id, blob.packing, blob.fault, blob.remedy)
        notes = json.dumps(blob.notes)
        self._db.execute("INSERT INTO blobs VALUES (?,?,?,?,?,?,?,?,?)", (*row, notes, blob.data))
        self._db.execute("INSERT OR REPLACE INTO members VALUES (?, ?, NULL)", (name, blob.id))

    def link(self, name: bytes, target: bytes) -> None:
        """Keep the member ``name`` as another name of ``target`` (path keys)."""
        self._db.execute("INSERT OR REPLACE INTO members VALUES (?, NULL, ?)", (name, target))

    def get(self, name: str) -> Blob | None:
        """The content of the member ``name``, links followed; None when there is none.

        Raises DamageError when the name contains a digest that is not the content's.
        """
        try:
            key = paths.to_key(name.encode("utf-8", "surrogateescape"))
        except UnicodeEncodeError:
            return None
        for _ in range(MOST_LINKS):
            row = self._member(key)
            if row is None and self.load is not None:
                self.load(key)
                row = self._member(key)
            if row is None:
                return None
            number, link = row
            if number is not None:
                blob = self._read(number)
                _check_address(name, blob)
                return blob
            key = link
        return None

    def _member(self, key: bytes) -> tuple[int | None, bytes] | None:
        query = "SELECT blob, link FROM members WHERE name = ?"
        row: tuple[int | None, bytes] | None = self._db.execute(query, (key,)).fetchone()
        return row

    def document(self, blob: Blob, what: str) -> Any:
        """The JSON value in ``blob``; raises DamageError, which calls the document ``what``."""
        query = "SELECT data FROM blobs WHERE id = ?"
        data: bytes = self._db.execute(query, (blob.id,)).fetchone()[0]
        self._parsing_left -= len(data)
        if self._parsing_left < 0:
            raise DamageError("its documents refer to one another more often than any image's do")
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            raise DamageError(f"{what} is not JSON") from None

    def count(self) -> int:
        """How many members there are."""
        return int(self._db.execute("SELECT count(*) FROM members").fetchone()[0])

    def has(self, path: str) -> bool:
        """Whether ``path`` is a member or a directory of members."""
        key = paths.to_key(path.encode())
        query = "SELECT 1 FROM members WHERE name = ? OR (name > ? AND name < ?) LIMIT 1"
        return self._db.execute(query, (key, *paths.below(key))).fetchone() is not None

    def has_name_with(self, part: bytes) -> bool:
        """Whether a member's name has a component that begins with ``part``."""
        query = "SELECT 1 FROM members WHERE instr(name, ?) LIMIT 1"
        return self._db.execute(query, (b"\0" + part,)).fetchone() is not None

    def _read(self, number: int) -> Blob:
        query = (
            "SELECT form, digest, diff_id, packing, fault, remedy, notes FROM blobs WHERE id = ?"
        )
        row = self._db.execute(query, (number,)).fetchone()
        form, digest, diff_id, packing, fault, remedy, notes = row
        notes = tuple(json.loads(notes))
        return Blob(number, Form(form), digest, diff_id, packing, fault, remedy, notes)


def _check_address(name: str, blob: Blob) -> None:
    address = _ADDRESS.search(name)
    if address and blob.digest and blob.digest != f"sha256:{address[1]}":
        raise DamageError(f"the content of {display(name)} does not match the digest in its name")


def json_object(value: Any, what: str) -> Json:
    """``value`` if it is an object (null: an empty one); raises DamageError otherwise."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise DamageError(f"{what} is not a JSON object")
    return value


def json_array(value: Any, what: str) -> list[Any]:
    """``value`` if it is an array (null, as Go writes it: an empty one), otherwise DamageError."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise DamageError(f"{what} is not a JSON array")
    return value


def json_string(value: Any, what: str) -> str:
    """``value`` if it is a string; raises DamageError otherwise."""
    if not isinstance(value, str):
        raise DamageError(f"{what} is not a string")
    return value


def json_strings(value: Any, what: str) -> tuple[str, ...]:
    """``value`` if it is an array of strings (null: empty); raises DamageError otherwise."""
    items = json_array(value, what)
    return tuple(json_string(item, f"{what}[{index}]") for index, item in enumerate(items))
