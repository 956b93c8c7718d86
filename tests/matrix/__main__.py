"""The whole matrix: ``python3 -m tests.matrix [--write] [COLUMN...]``.

For each suite one system container with the engines of that Debian; in it, column by column, an
engine set up in one way and all variants on it. Prints the table (explained/total in each cell,
or what is wrong) and with ``--write`` makes docs/injections.md anew from what was measured.
Needs a Docker engine that runs system containers, as the scenarios do. About 6 minutes a column.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.machines.container import MachineError, docker, down, up
from tests.matrix.columns import COLUMNS, PACKAGES, Column
from tests.matrix.page import page

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "injections.md"
CELLS = ROOT / "build" / "matrix"  # one file a column, so that some can be run again alone
ZIPAPP = ROOT / "build" / "scratchlab"
Cells = dict[str, list[dict[str, Any]]]


def inside(machine: str, command: str) -> str:
    """Run a shell command in the machine; raises MachineError."""
    return docker("exec", machine, "sh", "-c", command)


def prepare(machine: str, suite: str) -> None:
    """Engines, scratchlab and this package into the machine."""
    apt = "DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes -o Acquire::Check-Valid-Until=false"
    names = PACKAGES[suite]
    inside(machine, f"{apt} update && {apt} install --no-install-recommends {names}")
    subprocess.run(
        [sys.executable, str(ROOT / "scripts/build_zipapp.py"), str(ZIPAPP)],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    with io.BytesIO() as packed:
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.add(ZIPAPP, "usr/local/bin/scratchlab", filter=_executable)
            archive.add(ROOT / "tests/__init__.py", "srv/matrix/tests/__init__.py")
            archive.add(ROOT / "tests/matrix", "srv/matrix/tests/matrix")
        docker("exec", "--interactive", machine, "tar", "-x", "-C", "/", stdin=packed.getvalue())


def _executable(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mode = 0o755
    return member


def measure(machine: str, column: Column, variants: Sequence[str]) -> list[dict[str, Any]]:
    """All variants on one engine in one set-up."""
    inside(machine, column.setup())
    words = [f"--engine={column.engine}", f"--engine-options={column.engine_options}",
             f"--run-options={column.run_options}", "--json=/srv/matrix/cells.json"]  # fmt: skip
    done = subprocess.run(
        ["docker", "exec", "--workdir=/srv/matrix", machine, "python3", "-m", "tests.matrix.run",
         *words, *variants],
        check=False,
    )  # fmt: skip
    if done.returncode not in (0, 1):
        raise MachineError(f"{column.name}: tests.matrix.run ended with {done.returncode}")
    found: list[dict[str, Any]] = json.loads(inside(machine, "cat /srv/matrix/cells.json"))
    return found


def run(chosen: Sequence[Column], variants: Sequence[str]) -> None:
    """Measure the columns, suite by suite; what was measured goes to build/matrix."""
    CELLS.mkdir(parents=True, exist_ok=True)
    for suite in dict.fromkeys(column.suite for column in chosen):
        machine = f"scratchlab-matrix-{suite}"
        down(machine)
        up(machine, suite)
        try:
            prepare(machine, suite)
            for column in chosen:
                if column.suite == suite:
                    print(f"=== {column.name}", flush=True)
                    cells = measure(machine, column, variants)
                    (CELLS / f"{column.name}.json").write_text(json.dumps(cells, indent=1))
        finally:
            down(machine)


def saved() -> Cells:
    """What was measured so far, in the order of the columns."""
    files = {column.name: CELLS / f"{column.name}.json" for column in COLUMNS}
    return {name: json.loads(f.read_text()) for name, f in files.items() if f.exists()}


def show(cells: Cells) -> bool:
    """Print the table; says whether every cell is explained."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("variant", *cells):
        table.add_column(heading, overflow="fold")
    by_name = {name: {cell["variant"]: cell for cell in column} for name, column in cells.items()}
    for variant in dict.fromkeys(cell["variant"] for column in cells.values() for cell in column):
        table.add_row(variant, *(_cell(one.get(variant)) for one in by_name.values()))
    Console().print(table)
    every = [cell for column in cells.values() for cell in column]
    ran = [cell for cell in every if "error" not in cell]
    good = sum(not cell["faults"] for cell in ran)
    print(f"\n{good} of {len(ran)} cells explained: 0 unexplained, 0 missing, 0 disagreements; "
          f"{len(every) - len(ran)} variants could not be started there")  # fmt: skip
    return good == len(ran) > 0


def _cell(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return ""
    if "error" in cell:
        return "[yellow]not started[/]"
    count = f"{cell['explained']}/{cell['total']}"
    return f"[red]{count}, {len(cell['faults'])} faults[/]" if cell["faults"] else count


def main() -> int:
    """The command line; gives the exit status."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("columns", nargs="*", metavar="COLUMN")
    words.add_argument("--variant", action="append", default=[], help="only this one; repeatable")
    words.add_argument("--write", action="store_true", help="make docs/injections.md anew")
    words.add_argument("--show", action="store_true", help="only what was measured before")
    asked = words.parse_args()
    unknown = {*asked.columns} - {one.name for one in COLUMNS}
    if unknown:
        there = ", ".join(one.name for one in COLUMNS)
        print(f"matrix: no such column: {min(unknown)}; there are: {there}", file=sys.stderr)
        return 2
    chosen = [one for one in COLUMNS if not asked.columns or one.name in asked.columns]
    if not asked.show:
        try:
            run(chosen, asked.variant)
        except (MachineError, subprocess.CalledProcessError) as error:
            print(f"matrix: {error}", file=sys.stderr)
            return 2
    cells = saved()
    if asked.write:
        PAGE.write_text(page(cells))
    return 0 if show(cells) else 1


if __name__ == "__main__":
    sys.exit(main())
