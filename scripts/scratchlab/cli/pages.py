"""Make the pages of several reports: ``python -m scratchlab.cli.pages <ORDERS``.

The role lab_report runs it once for all machines of a run: a process for each would take the time
of an import and 70 MiB for each. ORDERS is a JSON array of objects: ``report`` and ``page`` are
paths, ``links`` titles by URL; ``host``, ``inventories`` and ``engine`` are those of Reader. Prints
a JSON object: by the path of a page why it was not made, or nothing if it was. A page whose process
was killed is not in it. The exit status is 0 all the same.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from scratchlab.cli.report_page import write_report_page
from scratchlab.errors import LabError
from scratchlab.remedy import Reader
from scratchlab.report import read
from scratchlab.text import printable

MOST = 4  # processes


def make(order: Mapping[str, Any]) -> str:
    """Make one page. Returns why it was not made, else nothing."""
    try:
        reader = Reader(order["host"], tuple(order["inventories"]), order["engine"])
        write_report_page(read(order["report"]), order["page"], order["links"], reader)
    except LabError as error:
        return printable(str(error))
    except Exception as error:  # the pages of the other machines are made all the same
        return printable(f"unexpected error ({type(error).__name__}: {error})")
    return ""


def make_at_once(orders: Sequence[Mapping[str, Any]], processes: int) -> dict[str, str]:
    """Make the pages in several processes. Returns why they were not made."""
    # They take 20 ms to import, and a run for one machine needs neither.
    from concurrent.futures.process import (  # noqa: PLC0415
        BrokenProcessPool,
        ProcessPoolExecutor,
    )
    from multiprocessing import get_context  # noqa: PLC0415

    reasons = {}
    with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as pool:
        futures = {order["page"]: pool.submit(make, order) for order in orders}
        for page, future in futures.items():
            with suppress(BrokenProcessPool):
                reasons[page] = future.result()
    return reasons


def main() -> None:
    """Read the orders and carry them out."""
    orders = json.load(sys.stdin)
    processes = min(MOST, os.cpu_count() or 1, len(orders))
    if processes > 1:
        reasons = make_at_once(orders, processes)
    else:
        reasons = {order["page"]: make(order) for order in orders}
    json.dump(reasons, sys.stdout)


if __name__ == "__main__":
    main()
