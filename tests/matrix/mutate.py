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


def init_layer(machine: Machine, container: str) -> list[Path]:
    """The directories that hold Docker's init layer of a container that was not started yet."""
    below = machine.call("inspect", "-f", "{{.GraphDriver.Data.LowerDir}}", container, check=False)
    if below.startswith("/"):  # overlay2
        return [Path(below.split(":")[0])]
    root, driver = machine.call("info", "-f", "{{.DockerRootDir}} {{.Driver}}").split()
    if driver == "vfs":  # moby v20.10.24 layer/layer_store.go: the container's own copy is made
        books = Path(root, "image/vfs/layerdb/mounts", container)
        return [Path(root, "vfs/dir", (books / of).read_text()) for of in ("init-id", "mount-id")]
    # The containerd store: snapshots have numbers, and the newest marker is this container's.
    markers = Path("/var/lib/containerd").glob("*snapshotter*/snapshots/*/fs/.dockerenv")
    return [max(markers, key=lambda file: file.stat().st_ctime_ns).parent]


@contextmanager
def container(machine: Machine, mutation: Mutation) -> Iterator[tuple[str, int]]:
    """A fresh container with the mutation in it; gives its id and PID."""
    found = machine.call("create", *machine.flags, image("mutated"))
    try:
        if mutation.early:
            for directory in init_layer(machine, found):
                mutation.seed(Target(directory))
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
    words.add_argument("--json", metavar="FILE")
    asked = words.parse_args()
    machine = Machine(asked)
    machine.build({"mutated"})
    remapped = "name=userns" in machine.call("info", "-f", "{{json .}}")
    chosen = [
        one
        for one in (QUIET, *MUTATIONS)
        if asked.engine in one.engines and (not asked.mutations or one.name in asked.mutations)
        if not (one.nodes and remapped)
    ]
    scores: list[dict[str, Any]] = []
    try:
        for mutation in chosen:
            with container(machine, mutation) as (name, _):
                report, status = report_of(machine, name)
            lacking = lacks(report, status, mutation)
            scores.append({"name": mutation.name, "lacks": lacking})
            print("\n    ".join([f"{'found' if not lacking else 'MISSED':<7} {mutation.name}",
                                 *lacking]), flush=True)  # fmt: skip
    finally:
        machine.call("rmi", "-f", image("mutated"), check=False)
    if asked.json:
        Path(asked.json).write_text(json.dumps(scores, indent=1) + "\n")
    found = sum(not one["lacks"] for one in scores)
    print(f"\n{found} of {len(chosen)} mutations found (one of them is to change nothing)")
    return int(found != len(chosen) or not chosen)


if __name__ == "__main__":
    sys.exit(main())
