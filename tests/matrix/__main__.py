"""The whole matrix: ``python3 -m tests.matrix [--write] [COLUMN...]``.

Each suite of Debian gets one system container with its engines; columns that need their own kernel
get a virtual machine. On it, column by column, an engine is set up, and all variants and mutations
are run. Prints the table (explained/total or the faults of each cell); ``--write`` makes
docs/injections.md again from the measured cells. Needs a Docker engine that runs system containers,
Go, and QEMU, as the scenarios do.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from machines.model import MachineError
from tests.matrix.columns import COLUMNS, PACKAGES, Column
from tests.matrix.hosts import Host, output, show
from tests.matrix.page import page

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "injections.md"
CELLS = ROOT / "build" / "matrix"  # one file a column, so that columns can be measured separately
ZIPAPP = ROOT / "build" / "scratchlab"
Measured = dict[str, list[dict[str, Any]]]  # of a column: cells, mutations


class Selection(NamedTuple):
    """Names of the variants and mutations to run; without any, all are run."""

    variants: Sequence[str] = ()
    mutations: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.variants or self.mutations)


def prepare(host: Host, suite: str) -> None:
    """Install the engines, scratchlab and this package on ``host``."""
    apt = "DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes -o Acquire::Check-Valid-Until=false"
    packages = PACKAGES[suite]
    output(
        host, "sh", "-c", f"{apt} update && {apt} install --no-install-recommends {packages}"
    )  # fmt: skip
    subprocess.run(
        [sys.executable, str(ROOT / "scripts/build_zipapp.py"), "--agent", "amd64", str(ZIPAPP)],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    with io.BytesIO() as content:
        with tarfile.open(fileobj=content, mode="w") as archive:
            archive.add(ZIPAPP, "usr/local/bin/scratchlab", filter=_executable)
            archive.add(ROOT / "tests/__init__.py", "srv/matrix/tests/__init__.py")
            archive.add(ROOT / "tests/matrix", "srv/matrix/tests/matrix")
        output(host, "tar", "-x", "-C", "/", stdin=content.getvalue())


def _executable(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mode = 0o755
    return member


def measure(host: Host, column: Column, selection: Selection) -> Measured:
    """Run the selected variants and mutations on the engine of ``column``."""
    output(host, "sh", "-c", column.setup())
    results: Measured = {"cells": [], "mutations": []}
    for part, module, names in (
        ("cells", "tests.matrix.run", selection.variants),
        ("mutations", "tests.matrix.mutate", selection.mutations),
    ):
        if names or not selection:
            results[part] = run_module(host, column, module, names)
    return results


def run_module(
    host: Host, column: Column, module: str, names: Sequence[str]
) -> list[dict[str, Any]]:
    """Run one of this package's programs on ``host``; returns its JSON. Raises RuntimeError."""
    options = [f"--engine={column.engine}", f"--engine-options={column.engine_options}",
               f"--run-options={column.run_options}",
               "--json=/srv/matrix/measured.json"]  # fmt: skip
    output(host, "rm", "-f", "/srv/matrix/measured.json")
    program = ("env", "--chdir=/srv/matrix", "python3", "-m", module)
    status = show(host, *program, *options, *names)
    if status not in (0, 1):
        raise RuntimeError(f"{column.name}: {module} ended with {status}")
    cells: list[dict[str, Any]] = json.loads(output(host, "cat", "/srv/matrix/measured.json"))
    return cells


def run(chosen: Sequence[Column], selection: Selection, keep: bool) -> None:
    """Measure the columns, host by host, and write build/matrix.

    The cells of a ``selection`` replace older ones of the same names. ``keep`` leaves the hosts
    running for the next run.
    """
    CELLS.mkdir(parents=True, exist_ok=True)
    for suite, host_type in dict.fromkeys((column.suite, column.host) for column in chosen):
        host = host_type(f"scratchlab-matrix-{suite}", suite)
        if not keep:
            host.down()
        host.up()
        try:
            prepare(host, suite)
            for column in chosen:
                if (column.suite, column.host) == (suite, host_type):
                    print(f"=== {column.name}", flush=True)
                    record(column, measure(host, column, selection), whole=not selection)
        finally:
            if not keep:
                host.down()


def record(column: Column, measured: Measured, *, whole: bool) -> None:
    """Write the results of a column, with the day and the commit that they were measured on; those
    of a selection replace the older ones by name.
    """
    stamp = f"{datetime.now(UTC):%Y-%m-%d} {commit()}"
    measured = {
        part: [item | {"measured": stamp} for item in items] for part, items in measured.items()
    }
    file = CELLS / f"{column.name}.json"
    empty: Measured = {"cells": [], "mutations": []}
    before = empty if whole or not file.exists() else json.loads(file.read_text())
    file.write_text(
        json.dumps(
            {part: merged(before[part], measured[part]) for part in ("cells", "mutations")},
            indent=1,
        )
        + "\n"
    )


def commit() -> str:
    """The commit of the working tree, with ``+`` where files differ from it."""
    git = ("git", "-C", str(ROOT))
    head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True,
                          check=False).stdout.strip()  # fmt: skip
    changed = subprocess.run([*git, "status", "--porcelain", "--untracked-files=no"],
                             capture_output=True, text=True, check=False).stdout  # fmt: skip
    return f"{head or 'unknown'}{'+' if changed.strip() else ''}"


def merged(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``before`` with the results of ``now`` in place of those of the same name; new ones last."""
    return [*({cell["name"]: cell for cell in (*before, *now)}.values())]


def saved() -> dict[str, Measured]:
    """All results so far, in the order of the columns."""
    files = {column.name: CELLS / f"{column.name}.json" for column in COLUMNS}
    return {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}


def table(measured: dict[str, Measured]) -> bool:
    """Print the table; returns whether every cell is explained and every mutation found."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("variant", *measured):
        grid.add_column(heading, overflow="fold")
    by_name = [{cell["name"]: cell for cell in column["cells"]} for column in measured.values()]
    for variant in dict.fromkeys(name for column in by_name for name in column):
        grid.add_row(variant, *(_cell(column.get(variant)) for column in by_name))
    scores = [[not score["lacks"] for score in column["mutations"]] for column in measured.values()]
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
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("columns", nargs="*", metavar="COLUMN")
    parser.add_argument(
        "--variant", action="append", default=[], help="run only this one; repeatable"
    )
    parser.add_argument("--mutation", action="append", default=[], help="likewise")
    parser.add_argument("--write", action="store_true", help="make docs/injections.md again")
    parser.add_argument("--keep", action="store_true", help="keep the hosts for the next run")
    parser.add_argument(
        "--show", action="store_true", help="show earlier results and measure nothing"
    )
    options = parser.parse_args()
    names = [column.name for column in COLUMNS]
    unknown = {*options.columns} - {*names}
    if unknown:
        known = ", ".join(names)
        print(f"matrix: no such column: {min(unknown)}; columns: {known}", file=sys.stderr)
        return 2
    chosen = [c for c in COLUMNS if not options.columns or c.name in options.columns]
    if not options.show:
        try:
            run(chosen, Selection(options.variant, options.mutation), options.keep)
        except (
            MachineError,
            RuntimeError,
            subprocess.CalledProcessError,
        ) as error:
            print(f"matrix: {error}", file=sys.stderr)
            return 2
    measured = saved()
    if options.write:
        PAGE.write_text(page(measured))
    return 0 if table(measured) else 1


if __name__ == "__main__":
    sys.exit(main())
