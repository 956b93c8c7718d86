"""All benchmarks, as one table of ratios: ``python3 -m tests.benchmarks [--runs N] [NAME...]``.

A row is what the lab takes, what a person would otherwise use, and the ratio of both, from runs in
turns. It says how busy others kept the machine before each part, since a ratio of a busy machine
proves little. ``--write`` puts the table of each part into the document that holds it. Needs root,
an engine from ``./lab``, mmdebstrap, libarchive-tools and busybox-static; with nothing else to do
it takes about an hour on two cores. ``tests.benchmarks.classroom_page`` and ``.watch`` are commands
of their own.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from tests import documents
from tests.benchmarks import answers, classroom, mounts, provisioning, user_data, verify
from tests.benchmarks.comparison import Comparison, busy, table

_MOST_BUSY = 0.1  # the share of the processors that others may use


class Part(NamedTuple):
    """A part of the table: what measures it, the document that holds its last output, and whether
    it is measured once, however many runs are asked for.
    """

    measure: Callable[[int], Iterator[Comparison]]
    document: str
    once: bool = False


_VERIFIER, _SCENARIOS, _CLASSROOM = "docs/verifier.md", "molecule/README.md", "docs/classroom.md"
PARTS: Mapping[str, Part] = {
    "debian": Part(verify.debian, _VERIFIER),
    "large": Part(verify.large, _VERIFIER),
    "growth": Part(verify.growth, _VERIFIER),
    "made-up-mounts": Part(mounts.made_up_mounts, _VERIFIER),
    "why": Part(answers.why, _VERIFIER),
    "many": Part(answers.many, _VERIFIER),
    "user-data": Part(user_data.user_data, _VERIFIER),
    "provisioning": Part(provisioning.provisioning, _SCENARIOS),
    "controller": Part(classroom.controller, _CLASSROOM, once=True),
}


def main() -> int:
    """Measure and print; returns 0 when every goal is met, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="of each command, after one that warms")
    parser.add_argument("--write", action="store_true", help="put the tables into the documents")
    parser.add_argument("parts", nargs="*", metavar="NAME", help=", ".join(PARTS))
    options = parser.parse_args()
    unknown = [name for name in options.parts if name not in PARTS]
    if unknown:
        parser.error(f"no such part: {unknown[0]}; parts: {', '.join(PARTS)}")
    met = True
    for name in options.parts or PARTS:
        part, share = PARTS[name], busy()
        rows = list(part.measure(options.runs))
        text = table(rows) + "\n" + _measured(1 if part.once else options.runs, share)
        print(f"\n{name}\n\n{text}", flush=True)
        met = met and all(row.met for row in rows)
        if options.write:
            path = documents.ROOT / part.document
            parts = {f"benchmark {name}": lambda made=text: made}
            path.write_text(documents.renewed(path.read_text("utf-8"), parts), encoding="utf-8")
    return int(not met)


def _measured(runs: int, share: float) -> str:
    others = f"others used {share:.0%} of them before"
    doubt = "; too busy a machine to trust these ratios" if share > _MOST_BUSY else ""
    times = f"medians of {runs} runs in turns" if runs > 1 else "one run"
    day = time.strftime("%Y-%m-%d", time.gmtime())
    return documents.wrapped(
        f"Measured on {day}: {times}, {os.cpu_count()} processors, "
        f"{others}{doubt}.", indent=""
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
