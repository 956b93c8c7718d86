"""Fill in the templates of this package: one HTML file each, with style and script inside."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from importlib import resources
from importlib.util import cache_from_source
from typing import Any, TextIO
from urllib.parse import quote

from jinja2 import Environment, FileSystemBytecodeCache, FunctionLoader
from jinja2.bccache import Bucket
from markupsafe import Markup

from scratchlab.remedy import Reader, ShownStep, shown
from scratchlab.render.words import short_ids
from scratchlab.report.remedies import remedy_of
from scratchlab.report.sections import CheckSection
from scratchlab.text import printable

# A script block ends at the first </script>, so JSON must not hold it: it can escape these three.
_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def write_template(
    name: str,
    out: TextIO,
    *,
    styles: Iterable[str],
    scripts: Iterable[str] = (),
    **values: Any,
) -> None:
    """Write the template ``name``, filled in with ``values``, to ``out``, piece by piece.

    ``styles`` and ``scripts`` are files of this package. The template gets their texts as
    ``style`` and ``script``, and as ``hashes`` their names for a Content-Security-Policy.
    """
    style, script = "".join(map(asset, styles)), "".join(map(asset, scripts))
    pieces = (
        _environment()
        .get_template(name)
        .generate(
            style=Markup(style),  # noqa: S704 - ours, from the package
            script=Markup(script),  # noqa: S704 - likewise
            hashes={"style": _hash(style), "script": _hash(script)},
            **values,
        )
    )
    for piece in pieces:
        out.write(piece)


def asset(name: str) -> str:
    """The text of a template, style or script of this package."""
    return resources.files("scratchlab.render.html").joinpath(name).read_text("utf-8")


def data(value: Any) -> Markup:
    """``value`` as JSON that is safe in a script block, whatever its texts hold."""
    text = json.dumps(value, separators=(",", ":"))
    return Markup(text.translate(_ESCAPES))  # noqa: S704 - no <, > or & is left


@cache
def _environment() -> Environment:
    """The templates of this package. Every text is escaped, control characters included."""
    templates = Environment(
        loader=FunctionLoader(asset), autoescape=True, finalize=_printable, trim_blocks=True,
        lstrip_blocks=True, bytecode_cache=_bytecode_cache(),
    )  # fmt: skip
    templates.filters |= {
        "data": data,
        "printable": _printable,
        "zip": zip,
        "short": short_ids,
        "address": _address,
        "breakable": _breakable,
        "steps": _steps,
    }
    return templates


class _BytecodeCache(FileSystemBytecodeCache):
    """Compiled templates; one that cannot be written is compiled again the next time."""

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):
            super().dump_bytecode(bucket)


def _bytecode_cache() -> _BytecodeCache | None:
    """The templates take 0.3 s to compile. They are kept where Python keeps what it compiles of
    this package, under the same conditions; None where it keeps nothing.
    """
    directory = os.path.dirname(cache_from_source(__file__))
    if sys.dont_write_bytecode or not os.access(directory, os.W_OK):
        return None
    return _BytecodeCache(directory, "%s.jinja2")


def _address(path: str) -> str:
    """The fragment of a report's page that shows the entry ``path``."""
    return "#path=" + quote(path, safe="", errors="replace")


def _steps(check: CheckSection, reader: Reader) -> tuple[ShownStep, ...]:
    """The remedy of a check of a report, for ``reader``."""
    return shown(remedy_of(check), reader)


def _breakable(path: str) -> Markup:
    """``path`` as markup that a browser may break after a slash, and nowhere else."""
    return Markup("/<wbr>").join(printable(path).split("/"))


def _printable(value: Any) -> Any:
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
