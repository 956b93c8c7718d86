"""Says what stays on a machine when the lab is removed, why, and how that is removed too."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.scratchlab.lab.plugins.module_utils.engine_ownership import HELD

DESTROY = "ansible-playbook scratchlab.lab.destroy"  # ./lab shows its own command instead
ALL = f"{DESTROY} -e lab_destroy_data=true"


def described(
    engine: Mapping[str, Any], packages: Mapping[str, Sequence[str]], files: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Return what stays, one line each, and the commands that remove it.

    ``engine`` is the fact of the module lab_engine, ``packages`` names those that stay and who
    needs them, ``files`` are of the user's in the lab's directories.
    """
    lines, remedies = [], []
    needed: dict[str, list[str]] = {}
    for name, by in packages.items():
        if by:
            needed.setdefault(", ".join(by), []).append(name.rpartition(":")[0] or name)
    if engine["ours"] and engine["stays"]:
        parts = ["its packages", "its group"]
        parts += ["its configuration", "its data"] if engine["data_stays"] else []
        because = "; and because ".join(engine["why"])
        lines.append(f"the Docker engine with {_list(parts)}, because {because}")
        if engine["start"] and engine["data_stays"]:
            remedies.append(f"{engine['start']}, then {DESTROY}, which asks the engine")
    if engine["needed"] and not engine["ours"]:
        lines += engine["needed"]
        remedies.append(f"remove these containers, then {DESTROY}")
    for by, names in needed.items():
        held = by == HELD
        lines.append(f"packages {_list(sorted(names))}: {'held' if held else f'{by} needs them'}")
        if held:
            remedies.append(f"apt-mark unhold {' '.join(sorted(names))}, then {DESTROY}")
    lines += files
    if files or (engine["ours"] and engine["stays"] and engine["data_stays"]):
        remedies.append(ALL)
    others = sorted({*engine["needed_by"], *_others(needed)})
    if others:
        remedies.append(f"apt-get purge {' '.join(others)}, then {DESTROY}")
    return lines, remedies


def data_of(engine: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return the engine's data that stays although the engine's own does not, and the commands that
    remove it. No receipt is needed for it: it stays whatever destroy is told.
    """
    if not engine["ours"] or engine["data_stays"]:
        return [], []
    chosen = [path for path in engine["chosen"] if os.path.isdir(path)]
    lines = [f"{path}: the engine's configuration chose it for the data" for path in chosen]
    lines += [
        f"{path}: it held something before the lab came"
        for path in engine["found"]
        if os.path.isdir(path)
    ]
    return lines, [f"rm -r {' '.join(map(shlex.quote, chosen))}"] if chosen else []


def _others(needed: Mapping[str, Sequence[str]]) -> set[str]:
    return {name for by in needed for name in by.split(", ") if by != HELD}


def _list(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1] if parts else ""]))
