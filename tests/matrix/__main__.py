"""The whole matrix: ``python3 -m tests.matrix [--write] [COLUMN...]``.

For each suite one system container with the engines of that Debian, for columns that need a kernel
of their own a virtual machine; in it, column by column, an engine set up in one way, all variants
on it and all mutations. Prints the table (explained/total in each cell, or what is wrong) and with
``--write`` makes docs/injections.md again from what was measured.
Needs a Docker engine that runs system containers, and QEMU, as the scenarios do.
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
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from tests.machines.container import MachineError
from tests.machines.disk import DiskError
from tests.machines.vm import VirtualMachineError
from tests.matrix.columns import COLUMNS, PACKAGES, Column
from tests.matrix.page import page
from tests.matrix.hosts import Place, output, show

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "injections.md"
CELLS = ROOT / "build" / "matrix"  # one file a column, so that some can be run again alone
ZIPAPP = ROOT / "build" / "scratchlab"
Measured = dict[str, list[dict[str, Any]]]  # of a column: cells, mutations


class Only(NamedTuple):
    """Names of variants and mutations that were asked for."""

    variants: Sequence[str] = ()
    mutations: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.variants or self.mutations)


def prepare(place: Place, suite: str) -> None:
    """Engines, scratchlab and this package into the machine."""
    apt = "DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes -o Acquire::Check-Valid-Until=false"
    names = PACKAGES[suite]
    output(
        place, "sh", "-c", f"{apt} update && {apt} install --no-install-recommends {names}"
    )  # fmt: skip
    subprocess.run(
        [sys.executable, str(ROOT / "scripts/build_zipapp.py"), str(ZIPAPP)],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    with io.BytesIO() as packed:
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.add(ZIPAPP, "usr/local/bin/scratchlab", filter=_executable)
            archive.add(ROOT / "tests/__init__.py", "srv/matrix/tests/__init__.py")
            archive.add(ROOT / "tests/matrix", "srv/matrix/tests/matrix")
        output(place, "tar", "-x", "-C", "/", stdin=packed.getvalue())


def _executable(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mode = 0o755
    return member


def measure(place: Place, column: Column, only: Only) -> Measured:
    """All variants on one engine in one set-up and all mutations, or only some of either."""
    output(place, "sh", "-c", column.setup())
    found: Measured = {"cells": [], "mutations": []}
    for part, module, names in (
        ("cells", "tests.matrix.run", only.variants),
        ("mutations", "tests.matrix.mutate", only.mutations),
    ):
        if names or not only:
            found[part] = measured(place, column, module, names)
    return found


def measured(
    place: Place, column: Column, module: str, names: Sequence[str]
) -> list[dict[str, Any]]:
    """Run one of this package's programs in the machine; gives what it measured."""
    words = [f"--engine={column.engine}", f"--engine-options={column.engine_options}",
             f"--run-options={column.run_options}", "--json=/srv/matrix/measured.json"]  # fmt: skip
    program = ("env", "--chdir=/srv/matrix", "python3", "-m", module)
    status = show(place, *program, *words, *names)
    if status not in (0, 1):
        raise RuntimeError(f"{column.name}: {module} ended with {status}")
    found: list[dict[str, Any]] = json.loads(output(place, "cat", "/srv/matrix/measured.json"))
    return found


def run(chosen: Sequence[Column], only: Only, keep: bool) -> None:
    """Measure the columns, machine by machine; what was measured goes to build/matrix.

    ``only`` limits it to some, which take the place of their older ones. ``keep`` leaves the
    machines for the next run, which then need not be made and filled again.
    """
    CELLS.mkdir(parents=True, exist_ok=True)
    for suite, place_type in dict.fromkeys((column.suite, column.place) for column in chosen):
        place = place_type(f"scratchlab-matrix-{suite}", suite)
        if not keep:
            place.down()
        place.up()
        try:
            prepare(place, suite)
            for column in chosen:
                if (column.suite, column.place) == (suite, place_type):
                    print(f"=== {column.name}", flush=True)
                    record(column, measure(place, column, only), whole=not only)
        finally:
            if not keep:
                place.down()


def record(column: Column, measured: Measured, *, whole: bool) -> None:
    """Keep what was measured; of a part of the variants, in the place of their older cells."""
    file = CELLS / f"{column.name}.json"
    nothing: Measured = {"cells": [], "mutations": []}
    before = nothing if whole or not file.exists() else json.loads(file.read_text())
    file.write_text(
        json.dumps(
            {part: merged(before[part], measured[part]) for part in ("cells", "mutations")},
            indent=1,
        )
        + "\n"
    )


def merged(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of ``before`` with ``now`` in their place, by name; what is new comes last."""
    return [*({one["name"]: one for one in (*before, *now)}.values())]


def saved() -> dict[str, Measured]:
    """What was measured so far, in the order of the columns."""
    files = {column.name: CELLS / f"{column.name}.json" for column in COLUMNS}
    return {name: json.loads(f.read_text()) for name, f in files.items() if f.exists()}


def table(measured: dict[str, Measured]) -> bool:
    """Print the table; says whether every cell is explained and every mutation found."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("variant", *measured):
        grid.add_column(heading, overflow="fold")
    by_name = [{cell["name"]: cell for cell in one["cells"]} for one in measured.values()]
    for variant in dict.fromkeys(name for column in by_name for name in column):
        grid.add_row(variant, *(_cell(column.get(variant)) for column in by_name))
    scores = [[not one["lacks"] for one in m["mutations"]] for m in measured.values()]
    grid.add_row("mutations found", *(f"{sum(score)}/{len(score)}" for score in scores))
    Console().print(grid)
    cells = [cell for column in by_name for cell in column.values()]
    refused = sum("refused" in cell for cell in cells)
    good = sum(cell.get("faults") == [] for cell in cells)
    print(
        f"\n{good} of {len(cells) - refused} cells explained: 0 unexplained, 0 missing, "
        f"0 disagreements; {refused} refused by their engines; "
        f"{sum(map(sum, scores))} of {sum(map(len, scores))} mutations found"
    )
    return good + refused == len(cells) > 0 and all(map(all, scores))


def _cell(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return ""
    if "faults" not in cell:
        return "[yellow]refused[/]" if "refused" in cell else "[red]error[/]"
    count = f"{cell['explained']}/{cell['total']}"
    return f"[red]{count}, {len(cell['faults'])} faults[/]" if cell["faults"] else count


def main() -> int:
    """The command line; gives the exit status."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("columns", nargs="*", metavar="COLUMN")
    words.add_argument("--variant", action="append", default=[], help="only this one; repeatable")
    words.add_argument("--mutation", action="append", default=[], help="likewise")
    words.add_argument("--write", action="store_true", help="make docs/injections.md again")
    words.add_argument("--keep", action="store_true", help="leave the machines for the next run")
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
            run(chosen, Only(asked.variant, asked.mutation), asked.keep)
        except (
            MachineError,
            VirtualMachineError,
            DiskError,
            RuntimeError,
            subprocess.CalledProcessError,
        ) as error:
            print(f"matrix: {error}", file=sys.stderr)
            return 2
    measured = saved()
    if asked.write:
        PAGE.write_text(page(measured))
    return 0 if table(measured) else 1


if __name__ == "__main__":
    sys.exit(main())
