"""The parts of the documents that are made from the program: ``python3 -m tests.documents``.

Such a part stands between ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->``. The command writes
all of them again; tests/unit/test_documents.py finds one that is out of date.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from scratchlab.experiments.table import EXPERIMENTS, fill_template
from scratchlab.labels import Names
from scratchlab.model import Json
from scratchlab.render.glossary import words
from scratchlab.render.words import ORIGINS
from tests import role_documents

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = ROOT / "scripts/scratchlab/report/schema/report-2.schema.json"
WIDTH = 90  # columns


def experiments() -> str:
    """The experiments as a table, one row each."""
    names = Names().placeholders()
    head = ("ID", "Claim", "Command a person types", "What the article saw in 2017")
    return table(
        head,
        (
            (
                one.id,
                fill_template(one.claim, names),
                f"`{fill_template(one.command, names)}`",
                fill_template(one.article, names),
            )
            for one in EXPERIMENTS
        ),
    )


def claims() -> str:
    """Each experiment in a line: its id and what it shows."""
    names = Names().placeholders()
    lines = [f"- **{one.id}** {fill_template(one.title, names)}" for one in EXPERIMENTS]
    return "\n".join(lines) + "\n"


def today() -> str:
    """Why an answer of today differs from that of 2017, and passes all the same."""
    names = Names().placeholders()
    return "\n".join(
        wrapped(f"- **{one.id}** {fill_template(text, names)}", indent="  ")
        for one in EXPERIMENTS
        for text in one.today.values()
    )


def glossary() -> str:
    """The words of the lab but for the origins."""
    known = {str(origin) for origin in ORIGINS}
    return table(
        ("word", "what it means", "see"),
        (
            (word.name, word.means, f"`{word.command}`" if word.command else ", ".join(word.see))
            for word in words().values()
            if word.name not in known
        ),
    )


def origins() -> str:
    """The origins, in the order of the story."""
    rows = (
        (f"`{origin}`", known.code, known.who, known.means) for origin, known in ORIGINS.items()
    )
    return table(("origin", "sign", "who", "what it means"), rows)


def fields() -> str:
    """The fields of a report, two levels deep."""
    schema = json.loads(SCHEMA.read_text("utf-8"))
    rows = _fields(schema, schema["definitions"], "", 2, host=False)
    return table(("field", "", "what it holds"), rows)


def _fields(
    schema: Json, definitions: Json, above: str, levels: int, *, host: bool
) -> Iterable[tuple[str, str, str]]:
    for name, value in schema.get("properties", {}).items():
        resolved = _resolved(value, definitions)
        path = f"{above}{name}"
        own = host or bool(value.get("x-host-specific") or resolved.get("x-host-specific"))
        means = value.get("description") or resolved.get("description", "")
        inner = _resolved(resolved.get("items", resolved), definitions)
        many = "[]" if "items" in resolved else ""
        yield f"`{path}{many}`", "host" if own else "", means
        if levels > 1:
            yield from _fields(inner, definitions, f"{path}{many}.", levels - 1, host=own)


def _resolved(value: Json, definitions: Json) -> Json:
    reference: Any = value.get("$ref")
    found: Json = definitions[reference.rsplit("/", 1)[1]] if reference else value
    return found


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(map(cell, line))} |\n" for line in lines)


def cell(text: str) -> str:
    """``text`` for a cell: no line break, and no bar that ends it."""
    return text.replace("|", "\\|").replace("\n", " ")


def wrapped(text: str, indent: str) -> str:
    """``text`` in lines of at most WIDTH columns, with a newline at the end."""
    return (
        textwrap.fill(
            text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
        + "\n"
    )


PARTS: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "README.md": {"claims": claims},
    "docs/experiments.md": {"experiments": experiments, "today": today},
    "docs/glossary.md": {"words": glossary, "origins": origins},
    "docs/report.md": {"fields": fields},
    **role_documents.parts(table),
}


def renewed(text: str, parts: Mapping[str, Callable[[], str]]) -> str:
    """``text`` with its ``parts`` made anew. Raises ValueError if a mark is missing."""
    for name, make in parts.items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
        before, there, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not there or not closed:
            raise ValueError(f"no part {name}")
        text = f"{before}{begin}{make()}{end}{after}"
    return text


def main() -> None:
    """Write all parts anew."""
    for name, parts in PARTS.items():
        path = ROOT / name
        path.write_text(renewed(path.read_text("utf-8"), parts), encoding="utf-8")


if __name__ == "__main__":
    main()
