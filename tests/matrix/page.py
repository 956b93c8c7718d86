"""docs/injections.md: who injects what, per engine and version, from measured cells."""

from __future__ import annotations

from typing import Any

Cells = dict[str, list[dict[str, Any]]]
_HEAD = """# Who injects what

Made by `python3 -m tests.matrix --write` from containers that ran; do not edit. Each column is an
engine in one set-up, each cell says who put the entry there and the rule that `scratchlab why`
explains; empty: the entry is not there.

"""


def page(cells: Cells) -> str:
    """The page in Markdown."""
    return _HEAD + _engines(cells) + _table(cells, "plain", "A plain container") + _deltas(cells)


def _engines(cells: Cells) -> str:
    rows = ["| column | engine | storage | runtime | kernel, cgroup | variants explained |",
            "| --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for name, column in cells.items():
        ran = [cell for cell in column if "error" not in cell]
        if not ran:
            continue
        one = ran[0]
        engine, runtime, host = one["engine"], one["runtime"], one["host"]
        good = sum(not cell["faults"] for cell in ran)
        rows.append(
            f"| {name} | {engine['name']} {engine['version']} | {engine['storage_driver']} | "
            f"{runtime['name']} {runtime['version']} | {host['kernel']}, "
            f"v{host['cgroup_version']} | {good} of {len(ran)} |"
        )
    return "\n".join(rows) + "\n\n"


def _table(cells: Cells, variant: str, title: str) -> str:
    columns = {
        name: cell["origins"]
        for name, column in cells.items()
        for cell in column
        if cell["variant"] == variant and "error" not in cell
    }
    paths = sorted({path for origins in columns.values() for path in origins})
    rows = [f"## {title}", "", "| entry | " + " | ".join(columns) + " |",
            "| --- |" + " --- |" * len(columns)]  # fmt: skip
    rows += [
        f"| `{path}` | " + " | ".join(origins.get(path, "") for origins in columns.values()) + " |"
        for path in paths
    ]
    return "\n".join(rows) + "\n\n"


def _deltas(cells: Cells) -> str:
    """What each variant adds to a plain container, and takes from it."""
    rows = ["## What the options of `run` change", "", "| variant | column | more | less |",
            "| --- | --- | --- | --- |"]  # fmt: skip
    for name, column in cells.items():
        by_name = {cell["variant"]: cell for cell in column if "error" not in cell}
        plain = by_name.get("plain", {}).get("origins", {})
        for variant, cell in by_name.items():
            own = {path: who for path, who in cell["origins"].items() if plain.get(path) != who}
            gone = [path for path in plain if path not in cell["origins"]]
            if (own or gone) and len(own) < 30:
                more = ", ".join(f"`{path}` ({who})" for path, who in own.items())
                less = ", ".join(f"`{path}`" for path in gone)
                rows.append(f"| {variant} | {name} | {more} | {less} |")
    return "\n".join(rows) + "\n"
