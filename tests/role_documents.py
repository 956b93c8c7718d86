"""The table of variables in the README of each role, made from its argument_specs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parents[1] / "roles"
Table = Callable[[tuple[str, ...], Iterable[tuple[str, ...]]], str]


def options(role: str) -> Mapping[str, Any]:
    """The variables of a role, as its argument_specs have them."""
    specs = yaml.safe_load((ROLES / role / "meta/argument_specs.yml").read_text("utf-8"))
    found: Mapping[str, Any] = specs["argument_specs"]["main"]["options"]
    return found


def variables(role: str, table: Table) -> str:
    """The variables as a table, one row each."""
    rows = ((f"`{name}`", default(one), meaning(one)) for name, one in options(role).items())
    return table(("variable", "default", "meaning"), rows)


def default(option: Mapping[str, Any]) -> str:
    """What a variable is when nobody sets it."""
    if option.get("required"):
        return "required"
    value = option["default"]
    text = value if isinstance(value, str) and value else json.dumps(value)
    return "[computed](defaults/main.yml)" if "{{" in text else f"`{text}`"


def meaning(option: Mapping[str, Any]) -> str:
    """The description in Markdown, with what may be chosen."""
    lines = option["description"]
    text = lines if isinstance(lines, str) else " ".join(lines)
    text = re.sub(r"\b[CVO]\(([^)]*)\)", r"`\1`", text)
    choices = ", ".join(f"`{choice}`" for choice in option.get("choices", ()) if choice)
    return f"{text} Choices: {choices}." if choices else text


def parts(table: Table) -> dict[str, Mapping[str, Callable[[], str]]]:
    """The made part of each README, by its path."""
    names = sorted(path.parent.parent.name for path in ROLES.glob("*/meta/argument_specs.yml"))
    return {
        f"roles/{name}/README.md": {"variables": partial(variables, name, table)} for name in names
    }
