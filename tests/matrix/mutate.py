"""Seed each fault into a container of its own and look whether it is found.

``python3 -m tests.matrix.mutate [NAME...]``; options as of tests.matrix.run.

Exit status 0 when every mutation was found, and none in the container that
nobody touched.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.matrix.mutations import MUTATIONS, Mutation, Seen, Target
from tests.matrix.run import Machine, image, options

QUIET = Mutation("nothing", lambda _: None, ())


@contextmanager
def container(machine: Machine, mutation: Mutation) -> Iterator[tuple[str, int]]:
    """A fresh container with the mutation in it; gives its id and PID."""
    found = machine.call("create", *machine.flags, image("mutated"))
    try:
        if mutation.early:
            upper = machine.call("inspect", "-f", "{{.GraphDriver.Data.LowerDir}}", found)
            mutation.seed(Target(Path(upper.split(":")[0])))
        machine.call("start", found)
        pid = int(machine.call("inspect", "-f", "{{.State.Pid}}", found))
        if not mutation.early:
            mutation.seed(Target(Path(f"/proc/{pid}/root"), pid))
        yield found, pid
    finally:
        machine.call("rm", "-f", "-v", found, check=False)


def report_of(machine: Machine, name: str) -> tuple[dict[str, Any], int]:
    """The report of a container, and the exit status of the verification."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        done = subprocess.run(
            [*machine.scratchlab, "verify", name, "--engine", machine.engine, "--json", file.name],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode not in (0, 1):
            raise RuntimeError(done.stderr.strip())
        return json.loads(Path(file.name).read_text()), done.returncode


def lacks(report: dict[str, Any], status: int, mutation: Mutation) -> list[str]:
    """What the report should say of the mutation and does not."""
    wanted = 1 if mutation.seen else 0
    said = [] if status == wanted else [f"exit status {status}, not {wanted}"]
    return said + [words for seen in mutation.seen if (words := _lack(report, seen))]


def _lack(report: dict[str, Any], seen: Seen) -> str:
    key = "target" if seen.where == "mounts" else "path"
    status = {"entries": "status", "ghosts": "kind", "mounts": ""}[seen.where]
    here = [one for one in report[seen.where] if one[key] == seen.path]
    for one in here:
        said = [one.get("prediction", ""), *one.get("differences", ())]
        if (
            one["origin"] == seen.origin
            and (not seen.status or one.get(status) == seen.status)
            and (not seen.says or any(seen.says in words for words in said))
        ):
            return ""
    told = [(one["origin"], one.get(status), one.get("prediction")) for one in here]
    return f"{seen.path} in {seen.where}: wanted {seen}, found {told}"


def main() -> int:
    """Run them; gives the exit status."""
    words = options(__doc__)
    words.add_argument("mutations", nargs="*", metavar="NAME")
    asked = words.parse_args()
    machine = Machine(asked)
    machine.build({"mutated"})
    chosen = [
        one
        for one in (QUIET, *MUTATIONS)
        if asked.engine in one.engines and (not asked.mutations or one.name in asked.mutations)
    ]
    found = 0
    try:
        for mutation in chosen:
            with container(machine, mutation) as (name, _):
                report, status = report_of(machine, name)
            lacking = lacks(report, status, mutation)
            found += not lacking
            print("\n    ".join([f"{'found' if not lacking else 'MISSED':<7} {mutation.name}",
                                 *lacking]), flush=True)  # fmt: skip
    finally:
        machine.call("rmi", "-f", image("mutated"), check=False)
    print(f"\n{found} of {len(chosen)} mutations found (one of them is to change nothing)")
    return int(found != len(chosen) or not chosen)


if __name__ == "__main__":
    sys.exit(main())
