"""docs/injections.md: who injects what, per engine and version, from measured cells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Cells = list[dict[str, Any]]
Measured = Mapping[str, Mapping[str, Cells]]  # by column: cells, mutations
Who = dict[str, str]  # by path: who put it there, and its shape
USER = "user-mount"  # the end of each engine's rule for what its user asked for
MANY = 12  # paths in a cell; of more the number is told
_HEAD = """# Who injects what

Made by `python3 -m tests.matrix --write` from containers that ran, none of it by hand. A column is
an engine in one set-up, in a fresh Debian. `scratchlab why CONTAINER PATH` tells the proof.

"""


def page(measured: Measured) -> str:
    """The page in Markdown."""
    measured = {name: one for name, one in measured.items() if _ran(one["cells"])}
    plains = {name: _who(_cell(one["cells"], "plain")) for name, one in measured.items()}
    parts = (_setups(measured), _plain(plains), _options(measured, plains), _every(measured),
             _refusals(measured), _rules(measured))  # fmt: skip
    return _HEAD + "\n".join(parts)


def _ran(cells: Cells) -> Cells:
    return [cell for cell in cells if "faults" in cell]


def _cell(cells: Cells, name: str) -> dict[str, Any]:
    return next((cell for cell in _ran(cells) if cell["name"] == name), {})


def _who(cell: Mapping[str, Any]) -> Who:
    origins = cell.get("origins", {})
    _, root = origins.get("/", ("", "0755 0:0"))
    first = int(root.split()[-1].split(":")[0])  # the host's id of root inside
    return {
        # whatever the user has there
        _place(path): USER if rule.endswith(USER) else f"{rule} {_shape(shape, first)}".strip()
        for path, (rule, shape) in sorted(origins.items())
    }


def _place(path: str) -> str:
    """A path; control groups of version 1 have one mount for each controller."""
    path = path.removeprefix("mount ")
    return "/sys/fs/cgroup/*" if path.startswith("/sys/fs/cgroup/") else path


def _shape(shape: str, first: int) -> str:
    """A mode, or that it is a link, and the owner as the container sees it if that is not root."""
    if not shape:
        return ""
    mode, _, owner = shape.rpartition(" ")
    ids = [int(one) for one in owner.split(":")]
    seen = [str(one - first) if one >= first else "nobody" for one in ids]  # no id inside
    what = "link" if mode.startswith("->") else mode
    return what if seen == ["0", "0"] else f"{what} {':'.join(dict.fromkeys(seen))}"


def _setups(measured: Measured) -> str:
    rows = []
    for name, one in measured.items():
        ran, mutations = _ran(one["cells"]), one["mutations"]
        engine, runtime, host = (ran[0][what] for what in ("engine", "runtime", "host"))
        good = sum(not cell["faults"] for cell in ran)
        found = sum(not mutation["lacks"] for mutation in mutations)
        rows.append((
            name, f"{engine['name']} {engine['version']}", engine["storage_driver"],
            f"{runtime['name']} {runtime['version']}",
            f"{'.'.join(host['kernel'].split('.')[:2])}, v{host['cgroup_version']}",
            f"{good} of {len(ran)}", f"{found} of {len(mutations)}",
        ))  # fmt: skip
    heads = ("column", "engine", "storage", "runtime", "kernel, control groups",
             "variants explained", "mutations found")  # fmt: skip
    most = max((len(one["mutations"]) for one in measured.values()), default=0)
    partly = [name for name, one in measured.items() if len(one["mutations"]) < most // 2]
    words = (
        "Mutations are faults seeded into running containers, one of them to change nothing. Those "
        "in an init layer only Docker has; with user namespaces a device node cannot be seeded."
        + (f" Measured only in part: {', '.join(partly)}." if partly else "")
        + "\n"
    )
    return _section("What was measured", heads, rows, words)


def _plain(plains: Mapping[str, Who]) -> str:
    """A row for paths that the same set-ups have from the same."""
    found = []
    for path in sorted({path for who in plains.values() for path in who}):
        for who, names in _grouped((own[path], one) for one, own in plains.items() if path in own):
            found.append(((who, _columns(names, [*plains])), path))
    rows = [(_paths(paths), *what) for what, paths in _grouped(found)]
    words = (
        "The rule that put it there (explained below), its mode, its owner if that is not the "
        "container's root.\n"
    )
    heads = ("entry or mount", "put there by", "column")
    return _section("A plain container, and not from its image", heads, rows, words)


def _options(measured: Measured, plains: Mapping[str, Who]) -> str:
    """What each variant adds to a plain container, and takes from it."""
    variants = _names(measured)
    rows, none = [], []
    for variant in variants:
        deltas = []
        for name, one in measured.items():
            cell = _cell(one["cells"], variant)
            if cell:
                deltas.append((_delta(plains[name], _who(cell)), name))
        if not any(delta != ("", "") for delta, _ in deltas):
            none.append(variant)
            continue
        every = [name for _, name in deltas]
        for (more, less), names in _grouped(deltas):
            if more or less:
                rows.append((variant, _columns(names, every), more, less))
    words = (
        f"No difference anywhere: {', '.join(one for one in none if one != 'plain')}. "
        "*all* is every column that has the option.\n"
    )
    heads = ("variant", "column", "more, or otherwise", "less")
    return _section("What the options of `run` change", heads, rows, words)


def _delta(plain: Who, own: Who) -> tuple[str, str]:
    more = _grouped((who, path) for path, who in own.items() if plain.get(path) != who)
    less = [path for path in plain if path not in own]
    masks = {path for path, who in plain.items() if who in ("masked-path", "readonly-path")}
    dev = {path for path in plain if path.startswith("/dev/")} - {"/dev/pts/ptmx"}
    for some, name in ((masks, "every masked and read-only path"), (dev, "/dev/*")):
        if some and some <= {*less}:
            less = [name, *(path for path in less if path not in some)]
    return "; ".join(f"{_paths(paths)} {who}" for who, paths in more), _paths(less)


def _columns(names: Sequence[str], every: Sequence[str]) -> str:
    """Set-ups in few words: all of an engine's, or all but some."""
    said = []
    for engine in ("docker", "podman"):
        own = [name for name in every if name.startswith(engine)]
        here = [name for name in own if name in names]
        lacking = [name for name in own if name not in names]
        if here and len(lacking) < len(here):
            said.append(f"{engine} but {', '.join(lacking)}" if lacking else f"every {engine}")
        else:
            said += here
    return "; ".join(said) if len(names) < len(every) else "all"


def _every(measured: Measured) -> str:
    rows = [
        (variant, *(_count(one["cells"], variant) for one in measured.values()))
        for variant in _names(measured)
    ]
    words = "Entries explained of all entries; 0 unexplained, 0 missing, 0 disagreements.\n"
    return _section("Every variant", ("variant", *measured), rows, words)


def _count(cells: Cells, variant: str) -> str:
    one = next((cell for cell in cells if cell["name"] == variant), None)
    if one is None:
        return ""
    if "faults" not in one:
        return "refused" if "refused" in one else "error"
    faults = f", **{len(one['faults'])} faults**" if one["faults"] else ""
    return f"{one['explained']}/{one['total']}{faults}"


def _refusals(measured: Measured) -> str:
    said = [
        ((cell["name"], _words(cell.get("refused") or cell["error"])), name)
        for name, one in measured.items()
        for cell in one["cells"]
        if "faults" not in cell
    ]
    rows = [(*what, ", ".join(names)) for what, names in _grouped(said)]
    return _section("What an engine refused", ("variant", "its words", "column"), rows)


def _words(error: str) -> str:
    """The engine's own, without what is another at every time: ids, numbers of descriptors."""
    said = re.split(r": (?:docker: (?:Error response from daemon: )?|Error: )", error)[-1]
    first = said.splitlines()[0].rpartition("unable to start container process: ")[2]
    return re.sub(r"[0-9a-f]{64}|(?<=/fd/)\d+", "...", first)


def _rules(measured: Measured) -> str:
    """In words, with the source at the newest version that was measured."""
    rules: dict[str, dict[str, Any]] = {}
    for one in measured.values():
        for cell in _ran(one["cells"]):
            rules.update(cell["rules"])
    rows = [
        (
            name, rule["title"],
            f"[{rule['level']}]({rule['clause']})" if rule["level"] else "",
            f"[{rule['symbol'] or rule['source'].rpartition('/')[2]}]({rule['source']})",
        )
        for name, rule in sorted(rules.items())
    ]  # fmt: skip
    heads = ("rule", "what it says", "by right", "where it is written")
    return _section("The rules", heads, rows)


def _names(measured: Measured) -> Iterable[str]:
    return dict.fromkeys(cell["name"] for one in measured.values() for cell in one["cells"])


def _grouped(pairs: Iterable[tuple[Any, str]]) -> list[tuple[Any, list[str]]]:
    """The second items by what they have in common, in the order of their first."""
    groups: list[tuple[Any, list[str]]] = []
    for common, one in pairs:
        for seen, members in groups:
            if seen == common:
                members.append(one)
                break
        else:
            groups.append((common, [one]))
    return groups


def _paths(paths: Iterable[str]) -> str:
    told = [f"`{path}`" if path.startswith("/") else path for path in paths]
    return ", ".join(told if len(told) <= MANY else (*told[:2], f"{len(told) - 2} more"))


def _section(
    title: str, heads: Iterable[str], rows: Iterable[Iterable[str]], words: str = ""
) -> str:
    lines = [heads := tuple(heads), ("---",) * len(heads), *rows]
    table = "\n".join("| " + " | ".join(_escaped(cell) for cell in line) + " |" for line in lines)
    return f"## {title}\n\n{words}{chr(10) if words else ''}{table}\n"


def _escaped(cell: str) -> str:
    return " ".join(cell.replace("|", "\\|").split())
