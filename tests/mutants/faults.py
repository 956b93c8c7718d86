"""Makes the faults: a copy of the program in which each function has many versions."""

from __future__ import annotations

import difflib
import functools
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "mutants"
_IMPORT = "from mutmut.mutation.trampoline import wrap_in_trampoline as _mutmut_mutated, MutantDict"
_SWITCH = "from tests.mutants.switch import switched as _mutmut_mutated, MutantDict"
_VERSION = re.compile("__mutmut_(orig|[0-9]+)")
_SETTINGS = """\
[tool.pytest.ini_options]
pythonpath = ["src", "."]
markers = ["engine: needs Docker", "root: needs root"]
[tool.mutmut]
source_paths = ["src"]
"""


@dataclass(frozen=True)
class Fault:
    """One fault. ``function`` is the name of the switch, ``version`` that of the faulty one;
    ``where`` is the function as people name it, ``was`` and ``now`` are the lines that differ.
    """

    module: str
    function: str
    version: str
    where: str
    was: str
    now: str

    def __str__(self) -> str:
        return f"{self.where}: {self.was!r} -> {self.now!r}"


def prepare(modules: Iterable[str]) -> list[Fault]:
    """Write the copy to WORK, with the faults of ``modules`` (or packages, or ``MODULE:CLASS`` and
    ``MODULE:CLASS.METHOD``); returns them all.
    """
    names = list(modules)
    shutil.rmtree(WORK, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "scripts" / "scratchlab", WORK / "src" / "scratchlab", ignore=ignored)
    shutil.copytree(ROOT / "tests", WORK / "tests", ignore=ignored)
    (WORK / "pyproject.toml").write_text(_SETTINGS)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        paths = dict.fromkeys(path for name in names for path in _files(name.partition(":")[0]))
        faults = [fault for made in pool.map(_mutate, paths) for fault in made]
    return [fault for fault in faults if any(is_of(fault, name) for name in names)]


def is_of(fault: Fault, name: str) -> bool:
    """Whether ``fault`` is in the package, module, class or method ``name``."""
    module, _, part = name.partition(":")
    inside = fault.module == module or fault.module.startswith(f"{module}.")
    where = fault.where.removeprefix(f"{fault.module.removeprefix('scratchlab.')}.")
    return inside and (not part or where == part or where.startswith(f"{part}."))


def _files(module: str) -> Iterator[Path]:
    path = WORK / "src" / module.replace(".", "/")
    yield from sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def _mutate(path: Path) -> list[Fault]:
    os.chdir(WORK)  # mutmut reads its settings there
    from mutmut.mutation.file_mutation import mutate_file_contents  # noqa: PLC0415 - after chdir

    made = mutate_file_contents(str(path), path.read_text())
    path.write_text(made.code.replace(_IMPORT, _SWITCH))
    lines = made.code.splitlines()
    module = ".".join(path.relative_to(WORK / "src").with_suffix("").parts).removesuffix(
        ".__init__"
    )
    spans = made.line_span_by_function_name

    @functools.cache
    def source(name: str) -> list[str]:
        span = spans[name]
        return [_VERSION.sub("", line) for line in lines[span.start - 1 : span.end]]

    faults = []
    for version in made.mutant_names:
        name = version.rpartition("_")[0]
        was, now = _difference(source(f"{name}_orig"), source(version))
        plain = name.removesuffix("__mutmut")[2:].replace("ǁ", ".")  # x_NAME, xǁCLASSǁNAME
        where = f"{module.removeprefix('scratchlab.')}.{plain}"
        faults.append(Fault(module, f"{module}.{name}", version, where, was, now))
    return faults


def _difference(old: list[str], new: list[str]) -> tuple[str, str]:
    changed = [line for line in difflib.ndiff(old, new) if line[:2] in ("- ", "+ ")]
    parts = {
        sign: " ".join(line[2:].strip() for line in changed if line[0] == sign) for sign in "-+"
    }
    return parts["-"], parts["+"]
