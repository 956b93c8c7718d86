"""Two reports of the same lab: whether they are the same, what differs, and what is a host's own.

The schema of the report says which fields are a host's own (``x-host-specific``). All others are
the canonical part, which is the same byte for byte on any two hosts that ship the same content.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from scratchlab.model import Json, Origin
from scratchlab.report import Report
from scratchlab.report.file import canonical, schema

SCHEMA = "scratchlab-reproduction-1"
_ABSENT = object()
_KEYS = ("path", "target", "id", "name")  # by which the items of a list are told apart
# Who makes what has such an origin, by the version that could account for it.
_MAKERS = {
    Origin.IMAGE_LAYER: "image",
    Origin.STORAGE_DRIVER: "engine",
    Origin.ENGINE_INIT_LAYER: "engine",
    Origin.ENGINE_CREATE: "engine",
    Origin.ENGINE_MOUNT: "engine",
    Origin.VOLUME_COPY: "engine",
    Origin.RUNTIME_MOUNTPOINT: "runtime",
    Origin.RUNTIME_FILESYSTEM: "runtime",
    Origin.RUNTIME_DEVICE: "runtime",
    Origin.RUNTIME_MASK: "runtime",
    Origin.KERNEL: "kernel",
}


@dataclass(frozen=True, slots=True)
class Value:
    """A place in a report, and what stands there on each side; None: nothing.

    ``by`` says who makes it and whether the versions of that differ; empty if that is not known.
    """

    place: str
    one: str | None
    other: str | None
    by: str = ""


@dataclass(frozen=True, slots=True)
class Reproduction:
    """Two reports compared."""

    names: tuple[str, str]
    digests: tuple[str, str]  # of the canonical parts
    ledgers: tuple[str, str]  # of the images' content
    differences: tuple[Value, ...]  # of the canonical parts
    own: tuple[Value, ...]  # a host's own, where the two differ; one line for each field
    versions: tuple[Value, ...]  # all that the reports name, whether they differ or not

    @property
    def same(self) -> bool:
        """Whether the canonical parts are the same byte for byte, and the images' ledgers."""
        return self.digests[0] == self.digests[1] and self.ledgers[0] == self.ledgers[1]

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        if self.same:
            return f"{self.names[0]} and {self.names[1]} give the same answer, byte for byte"
        count = len(self.differences)
        other = [value.place for value in self.versions if value.one != value.other]
        places = f"{count} place{'s' * (count != 1)}"
        by = f"; versions that differ: {', '.join(other)}" if other else "; no version differs"
        return f"{self.names[0]} and {self.names[1]} differ in {places}{by}"

    def as_json(self) -> Json:
        """All of it as one JSON object."""
        return {"schema": SCHEMA, "same": self.same, "sentence": self.sentence, **asdict(self)}


def compare(names: tuple[str, str], one: Report, other: Report) -> Reproduction:
    """Compare two reports; ``names`` are what to call them."""
    parts = canonical(one), canonical(other)
    versions = tuple(_versions(one, other))
    makers = _accounts(versions, one, other)
    found = tuple(
        Value(place, _text(left), _text(right), _by(place, parts, makers))
        for place, left, right in _walk("", *parts)
    )
    return Reproduction(
        names,
        (_digest(parts[0]), _digest(parts[1])),
        (_ledger(one), _ledger(other)),
        found,
        tuple(_own(one, other)),
        versions,
    )


def _digest(part: Json) -> str:
    text = json.dumps(part, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _ledger(report: Report) -> str:
    return str(report.head["image"]["ledger_digest"])


def _versions(one: Report, other: Report) -> Iterator[Value]:
    """What the heads say of programs and hosts."""
    for section, fields in (
        ("tool", ("version",)),
        ("engine", ("name", "version", "containerd_version", "storage_driver")),
        ("runtime", ("name", "version")),
        ("host", ("distribution", "kernel", "cgroup_version")),
    ):
        for name in fields:
            sides = [(head.get(section) or {}).get(name) for head in (_head(one), _head(other))]
            if sides != [None, None]:
                yield Value(f"{section} {name}", _text(sides[0]), _text(sides[1]))


def _head(report: Report) -> Json:
    return {**report.head}


def _accounts(versions: tuple[Value, ...], one: Report, other: Report) -> dict[str, str]:
    """For each maker, what differs about it between the two reports, in words."""
    accounts = {}
    for maker in ("engine", "runtime", "kernel"):
        wanted = "host kernel" if maker == "kernel" else f"{maker} "
        changed = [
            f"{value.place} {value.one} and {value.other}"
            for value in versions
            if value.place.startswith(wanted) and value.one != value.other
        ]
        accounts[maker] = (
            f"made by the {maker}: {', '.join(changed)}"
            if changed
            else f"made by the {maker}, whose version is the same"
        )
    same = _ledger(one) == _ledger(other)
    accounts["image"] = (
        "from the image, whose content is the same" if same else "from the image: another one"
    )
    return accounts


def _by(place: str, parts: tuple[Json, Json], makers: dict[str, str]) -> str:
    """Who makes the entry that ``place`` belongs to."""
    if not place.startswith("entries["):
        return ""
    path = place.removeprefix("entries[").partition("]")[0]
    for part in reversed(parts):
        for entry in part["entries"]:
            if entry["path"] == path:
                return makers.get(_MAKERS.get(entry["origin"], ""), "")
    return ""


def _walk(place: str, one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    """The places where two values differ, as far down as both have them."""
    if one is _ABSENT or other is _ABSENT or type(one) is not type(other):
        yield place, one, other
    elif isinstance(one, dict):
        for key in sorted(one.keys() | other.keys()):
            below = f"{place}.{key}" if place else key
            yield from _walk(below, one.get(key, _ABSENT), other.get(key, _ABSENT))
    elif isinstance(one, list):
        left, right = _keyed(one), _keyed(other)
        for key in dict.fromkeys([*left, *right]):
            yield from _walk(f"{place}[{key}]", left.get(key, _ABSENT), right.get(key, _ABSENT))
    elif one != other:
        yield place, one, other


def _keyed(items: list[Any]) -> dict[str, Any]:
    """The items of a list by what tells them apart, else by their number."""
    for name in _KEYS:
        keys = [item.get(name) if isinstance(item, dict) else None for item in items]
        if None not in keys and len(set(map(str, keys))) == len(keys):
            return dict(zip(map(str, keys), items, strict=True))
    return {str(number): item for number, item in enumerate(items)}


def _own(one: Report, other: Report) -> Iterator[Value]:
    """What the schema calls a host's own and is not the same: each field once."""
    rules = schema()
    sides: list[dict[str, Any]] = []
    for report in (one, other):
        whole = {**report.head, "entries": list(report.entries)}
        sides.append(dict(_specific("", whole, rules, rules["definitions"])))
    fields: dict[str, list[tuple[Any, Any]]] = {}
    for place in dict.fromkeys([*sides[0], *sides[1]]):
        left, right = (side.get(place, _ABSENT) for side in sides)
        for below, first, second in _walk("", left, right):
            field = ".".join(filter(None, [_field(place), _field(below)]))
            fields.setdefault(field, []).append((first, second))
    for field, values in fields.items():
        left, right = values[0]
        count = f" ({len(values)} of them; the first:)" if len(values) > 1 else ""
        yield Value(f"{field}{count}", _text(left), _text(right))


def _specific(place: str, value: Any, rule: Json, definitions: Json) -> Iterator[tuple[str, Any]]:
    """The parts of ``value`` that its rule calls a host's own, by their place."""
    if "$ref" in rule:
        rule = definitions[rule["$ref"].rpartition("/")[2]]
    if isinstance(value, dict) and "properties" in rule:
        for name, item in value.items():
            below = f"{place}.{name}" if place else name
            if rule["properties"][name].get("x-host-specific"):
                yield below, item
            else:
                yield from _specific(below, item, rule["properties"][name], definitions)
    elif isinstance(value, list) and "items" in rule:
        for key, item in _keyed(value).items():
            yield from _specific(f"{place}[{key}]", item, rule["items"], definitions)


def _field(place: str) -> str:
    """A place without the names of the items: the same for each entry of a list."""
    kept, depth = [], 0
    for letter in place:
        depth += letter == "["
        if not depth:
            kept.append(letter)
        depth -= letter == "]" and depth > 0
    return "".join(kept)


def _text(value: Any) -> str | None:
    if value is _ABSENT or value is None:
        return None
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
