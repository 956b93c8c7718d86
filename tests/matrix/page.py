"""docs/injections.md: who injects what, by engine and version, from measured cells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Cells = list[dict[str, Any]]
Measured = Mapping[str, Mapping[str, Cells]]  # by column: its cells and mutations
Makers = dict[str, str]  # by path: the rule that put it there, and its shape
USER = "user-mount"  # the end of the name of each engine's rule for mounts of its user
MANY = 12  # paths in a cell of the table; of more, their number
_HEAD = """# Who injects what

Made by `python3 -m tests.matrix --write` from containers that ran, none of it by hand. A column is
an engine in one set-up, in a fresh Debian. `scratchlab why CONTAINER PATH` shows the proof.

"""


def page(measured: Measured) -> str:
    """The page in Markdown."""
    measured = {name: column for name, column in measured.items() if _ran(column["cells"])}
    plains = {name: _makers(_cell(column["cells"], "plain")) for name, column in measured.items()}
    parts = (_setups(measured), _plain(plains), _options(measured, plains), _every(measured),
             _refusals(measured), _rules(measured))  # fmt: skip
    return _HEAD + "\n".join(parts)


def _ran(cells: Cells) -> Cells:
    return [cell for cell in cells if "faults" in cell]


def _cell(cells: Cells, name: str) -> dict[str, Any]:
    return next((cell for cell in _ran(cells) if cell["name"] == name), {})


def _makers(cell: Mapping[str, Any]) -> Makers:
    origins = cell.get("origins", {})
    _, root = origins.get("/", ("", "0755 0:0"))
    first = int(root.split()[-1].split(":")[0])  # the host's id of the container's root
    return {
        # without the shape, which is the user's choice
        _shown(path): USER if rule.endswith(USER) else f"{rule} {_shape(shape, first)}".strip()
        for path, (rule, shape) in sorted(origins.items())
    }


def _shown(path: str) -> str:
    """The path as shown: one for all controllers of control groups, version 1."""
    path = path.removeprefix("mount ")
    return "/sys/fs/cgroup/*" if path.startswith("/sys/fs/cgroup/") else path


def _shape(shape: str, first: int) -> str:
    """The mode or "link", and the owner as the container sees it, unless it is root."""
    if not shape:
        return ""
    mode, _, owner = shape.rpartition(" ")
    ids = [int(number) for number in owner.split(":")]
    mapped = [str(number - first) if number >= first else "nobody" for number in ids]
    kind = "link" if mode.startswith("->") else mode
    return kind if mapped == ["0", "0"] else f"{kind} {':'.join(dict.fromkeys(mapped))}"


def _setups(measured: Measured) -> str:
    rows = []
    for name, column in measured.items():
        ran, mutations = _ran(column["cells"]), column["mutations"]
        engine, runtime, host = (ran[0][key] for key in ("engine", "runtime", "host"))
        good = sum(not cell["faults"] for cell in ran)
        found = sum(not mutation["lacks"] for mutation in mutations)
        rows.append((
            name, f"{engine['name']} {engine['version']}", engine["storage_driver"],
            f"{runtime['name']} {runtime['version']}",
            f"{'.'.join(host['kernel'].split('.')[:2])}, v{host['cgroup_version']}",
            f"{good} of {len(ran)}", f"{found} of {len(mutations)}",
            ", ".join(sorted({item.get("measured", "unknown") for item in (*ran, *mutations)})),
        ))  # fmt: skip
    heads = ("column", "engine", "storage", "runtime", "kernel, control groups",
             "variants explained", "mutations found", "measured: day, commit")  # fmt: skip
    most = max((len(column["mutations"]) for column in measured.values()), default=0)
    partly = [n for n, column in measured.items() if len(column["mutations"]) < most // 2]
    intro = (
        "Mutations are faults seeded into running containers; two of them change nothing (seen "
        "from the host, and compared with a debug container). Only "
        "Docker has an init layer to seed; in a user namespace device nodes cannot be seeded, "
        "and the kernel refuses some others."
        + (f" Measured only in part: {', '.join(partly)}." if partly else "")
        + "\n"
    )
    return _section("What was measured", heads, rows, intro)


def _plain(plains: Mapping[str, Makers]) -> str:
    """One row for all paths with the same makers in the same columns."""
    makers = []
    for path in sorted({path for own in plains.values() for path in own}):
        pairs = ((own[path], name) for name, own in plains.items() if path in own)
        for maker, names in _grouped(pairs):
            makers.append(((maker, _columns(names, [*plains])), path))
    rows = [(_paths(paths), *columns) for columns, paths in _grouped(makers)]
    intro = (
        "The rule that put it there (explained below), its mode, and its owner unless that is the "
        "container's root.\n"
    )
    heads = ("entry or mount", "put there by", "column")
    return _section("What a plain container has beside its image", heads, rows, intro)


def _options(measured: Measured, plains: Mapping[str, Makers]) -> str:
    """The differences of each variant from a plain container."""
    variants = _names(measured)
    rows, none = [], []
    for variant in variants:
        deltas = []
        for name, column in measured.items():
            cell = _cell(column["cells"], variant)
            if cell:
                deltas.append((_delta(plains[name], _makers(cell)), name))
        if not any(delta != ("", "") for delta, _ in deltas):
            none.append(variant)
            continue
        every = [name for _, name in deltas]
        for (more, less), names in _grouped(deltas):
            if more or less:
                rows.append((variant, _columns(names, every), more, less))
    intro = (
        f"No difference anywhere: {', '.join(name for name in none if name != 'plain')}. "
        "*all* means every column with that option.\n"
    )
    heads = ("variant", "column", "added or other", "missing")
    return _section("What the options of `run` change", heads, rows, intro)


def _delta(plain: Makers, own: Makers) -> tuple[str, str]:
    more = _grouped((maker, path) for path, maker in own.items() if plain.get(path) != maker)
    less = [path for path in plain if path not in own]
    masks = {path for path, maker in plain.items() if maker in ("masked-path", "readonly-path")}
    dev = {path for path in plain if path.startswith("/dev/")} - {"/dev/pts/ptmx"}
    for some, name in ((masks, "every masked and read-only path"), (dev, "/dev/*")):
        if some and some <= {*less}:
            less = [name, *(path for path in less if path not in some)]
    return "; ".join(f"{_paths(paths)} {maker}" for maker, paths in more), _paths(less)


def _columns(names: Sequence[str], every: Sequence[str]) -> str:
    """Columns in few words: every one of an engine, or all but some."""
    parts = []
    for engine in ("docker", "podman"):
        own = [name for name in every if name.startswith(engine)]
        named = [name for name in own if name in names]
        lacking = [name for name in own if name not in names]
        if named and len(lacking) < len(named):
            parts.append(f"{engine} but {', '.join(lacking)}" if lacking else f"every {engine}")
        else:
            parts += named
    return "; ".join(parts) if len(names) < len(every) else "all"


def _every(measured: Measured) -> str:
    rows = [
        (variant, *(_count(column["cells"], variant) for column in measured.values()))
        for variant in _names(measured)
    ]
    intro = "Entries explained of all entries; 0 unexplained, 0 missing, 0 disagreements.\n"
    return _section("Every variant", ("variant", *measured), rows, intro)


def _count(cells: Cells, variant: str) -> str:
    cell = next((cell for cell in cells if cell["name"] == variant), None)
    if cell is None:
        return ""
    if "faults" not in cell:
        return "refused" if "refused" in cell else "error"
    faults = f", **{len(cell['faults'])} faults**" if cell["faults"] else ""
    return f"{cell['explained']}/{cell['total']}{faults}"


def _refusals(measured: Measured) -> str:
    refusals = [
        ((cell["name"], _message(cell.get("refused") or cell["error"])), name)
        for name, column in measured.items()
        for cell in column["cells"]
        if "faults" not in cell
    ]
    rows = [(*refusal, ", ".join(names)) for refusal, names in _grouped(refusals)]
    return _section("What an engine refused", ("variant", "message", "column"), rows)


def _message(error: str) -> str:
    """The engine's message without ids and numbers of descriptors, which differ each time."""
    message = re.split(r": (?:docker: (?:Error response from daemon: )?|Error: )", error)[-1]
    first = message.splitlines()[0].rpartition("unable to start container process: ")[2]
    return re.sub(r"[0-9a-f]{64}|(?<=/fd/)\d+", "...", first)


def _rules(measured: Measured) -> str:
    """The title of each rule, and its source at the newest version measured."""
    rules: dict[str, dict[str, Any]] = {}
    for column in measured.values():
        for cell in _ran(column["cells"]):
            rules.update(cell["rules"])
    rows = [
        (
            name, rule["title"],
            f"[{rule['level']}]({rule['clause']})" if rule["level"] else "",
            f"[{rule['symbol'] or rule['source'].rpartition('/')[2]}]({rule['source']})",
        )
        for name, rule in sorted(rules.items())
    ]  # fmt: skip
    heads = ("rule", "title", "required by", "source")
    return _section("The rules", heads, rows)


def _names(measured: Measured) -> Iterable[str]:
    return dict.fromkeys(cell["name"] for column in measured.values() for cell in column["cells"])


def _grouped(pairs: Iterable[tuple[Any, str]]) -> list[tuple[Any, list[str]]]:
    """The second items grouped by equal first items, in the order of first appearance."""
    groups: list[tuple[Any, list[str]]] = []
    for key, item in pairs:
        for known, members in groups:
            if known == key:
                members.append(item)
                break
        else:
            groups.append((key, [item]))
    return groups


def _paths(paths: Iterable[str]) -> str:
    shown = [f"`{path}`" if path.startswith("/") else path for path in paths]
    return ", ".join(shown if len(shown) <= MANY else (*shown[:2], f"{len(shown) - 2} more"))


def _section(
    title: str, heads: Iterable[str], rows: Iterable[Iterable[str]], intro: str = ""
) -> str:
    lines = [heads := tuple(heads), ("---",) * len(heads), *rows]
    table = "\n".join("| " + " | ".join(_escaped(cell) for cell in line) + " |" for line in lines)
    return f"## {title}\n\n{intro}{chr(10) if intro else ''}{table}\n"


def _escaped(cell: str) -> str:
    return " ".join(cell.replace("|", "\\|").split())
