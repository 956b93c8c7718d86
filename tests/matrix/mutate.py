"""Seed each fault into a container of its own and check that the report has it.

``python3 -m tests.matrix.mutate [NAME...]``; options as of tests.matrix.run. In a user namespace
the kernel refuses some of what is tried, and so does FUSE: such a mutation is left out. Exit status
0 when every mutation was found, nothing in the unchanged container, and nothing that the host and a
debug container tell differently.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.matrix.mutations import MUTATIONS
from tests.matrix.run import Engine, image, option_parser
from tests.matrix.seeds import Finding, Mutation, Target

NO_CHANGE = Mutation("nothing", lambda _: None, (), status=0)
VANTAGES = "nothing, from the host and from a debug container"

# A debug container reads no root on FUSE, and it needs limits.
NO_DEBUG = ("answers for fuse", "is not available under /sys/fs/cgroup")
# Drivers that keep a whole root in one directory, or hard links in one place.
ONE_DIRECTORY = frozenset({"native", "btrfs", "vfs", "fuse-overlayfs"})


def init_layer(engine: Engine, container: str) -> list[Path]:
    """The directories with Docker's init layer of a container that is not started yet."""
    lower = engine.call("inspect", "-f", "{{.GraphDriver.Data.LowerDir}}", container, check=False)
    if lower.startswith("/"):  # overlay2
        return [Path(lower.split(":")[0])]
    root, driver = engine.call("info", "-f", "{{.DockerRootDir}} {{.Driver}}").split()
    if driver in ("vfs", "btrfs"):
        # moby v20.10.24 layer/layer_store.go: copied for the container at create.
        layers = Path(root, f"image/{driver}/layerdb/mounts", container)
        directory = Path(root, driver, "dir" if driver == "vfs" else "subvolumes")
        return [directory / (layers / name).read_text() for name in ("init-id", "mount-id")]
    # The containerd store numbers its snapshots; the newest .dockerenv is this container's. The
    # native snapshotter copies it for the container.
    pattern = "snapshots/*/.dockerenv" if driver == "native" else "snapshots/*/fs/.dockerenv"
    markers = Path("/var/lib/containerd").glob(f"*snapshotter*/{pattern}")
    newest = sorted(markers, key=lambda file: file.stat().st_ctime_ns)
    return [file.parent for file in newest[-2 if driver == "native" else -1 :]]


def configuration(engine: Engine, container: str) -> Path:
    """The config.json of a running container's bundle."""
    if engine.name == "podman":
        return Path(engine.call("inspect", "-f", "{{.OCIConfigPath}}", container))
    # containerd v1.6 and later: its state directory, whose name differs in Docker's packages.
    tasks = "**/io.containerd.runtime.v2.task"
    return next(Path("/run").glob(f"{tasks}/moby*/{container}/config.json"))


@contextmanager
def container(engine: Engine, mutation: Mutation) -> Iterator[tuple[str, int]]:
    """A fresh container with the mutation; yields its id and PID."""
    with tempfile.TemporaryDirectory(prefix="scratchlab-mutation-") as files:
        Path(files).chmod(0o755)  # for the root of a user namespace
        (Path(files) / "file").write_text("bound from the host\n")
        flags = [flag.format(files=files) for flag in mutation.flags]
        name = engine.call("create", *engine.flags, *flags, image("mutated"))
        try:
            if mutation.early:
                for directory in init_layer(engine, name):
                    mutation.seed(Target(directory, files=Path(files)))
            engine.call("start", name)
            pid = int(engine.call("inspect", "-f", "{{.State.Pid}}", name))
            if not mutation.early:
                config = configuration(engine, name) if mutation.config else Path()
                mutation.seed(Target(Path(f"/proc/{pid}/root"), pid, Path(files), config))
            yield name, pid
        finally:
            engine.remove(name)


def report_of(engine: Engine, name: str, vantage: str = "host") -> tuple[dict[str, Any], int]:
    """The report of a container, and the exit status of the verification."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = ("verify", name, "--engine", engine.name, "--vantage", vantage)
        return engine.scratchlab_report((*command, "--json", file.name), file.name)


def vantages(engine: Engine) -> list[str]:
    """What the host and a debug container tell differently of one container, in words."""
    mutation = dataclasses.replace(NO_CHANGE, flags=("--tmpfs", "/t", "-v", "{files}:/data"))
    with container(engine, mutation) as (name, _):
        host, debug = (report_of(engine, name, vantage)[0] for vantage in ("host", "debug"))
    told = [
        {entry["path"]: (entry["status"], entry["origin"]) for entry in report["entries"]}
        for report in (host, debug)
    ]
    paths = sorted({*told[0], *told[1]})
    digests = [report["container"]["ledger_digest"] for report in (host, debug)]
    return [
        *(f"{path}: {told[0].get(path)} from the host, {told[1].get(path)} from a debug container"
          for path in paths if told[0].get(path) != told[1].get(path)),
        *([f"digests: {digests}"] if digests[0] != digests[1] else ()),
    ]  # fmt: skip


def lacks(report: dict[str, Any], status: int, mutation: Mutation) -> list[str]:
    """Findings of the mutation that the report lacks, in words."""
    sentence = report["verdict"]["sentence"]
    wanted = [mutation.status]
    if report["engine"]["storage_driver"] in ONE_DIRECTORY and mutation.one_directory is not None:
        wanted.append(mutation.one_directory)
    wrong_status = [] if status in wanted else [f"exit status {status}, not {wanted}: {sentence}"]
    missing = (_missing(report, finding) for finding in mutation.findings)
    return wrong_status + [message for message in missing if message]


def _missing(report: dict[str, Any], finding: Finding) -> str:
    key = "target" if finding.where == "mounts" else "path"
    status = {"entries": "status", "ghosts": "kind", "mounts": ""}[finding.where]
    reported = [item for item in report[finding.where] if item[key] == finding.path]
    for item in reported:
        texts = [item.get("prediction", ""), *item.get("differences", ())]
        texts += [evidence["detail"] for evidence in item["evidence"]]
        if (
            item["origin"] in finding.origin.split("|")
            and (not finding.status or item.get(status) == finding.status)
            and (not finding.text or any(finding.text in text for text in texts))
        ):
            return ""
    actual = [(item["origin"], item.get(status), item.get("prediction")) for item in reported]
    return f"{finding.path} in {finding.where}: wanted {finding}, reported {actual}"


def score(name: str, lacking: list[str]) -> dict[str, Any]:
    """The result of a mutation, printed."""
    found = "found" if not lacking else "MISSED"
    print("\n    ".join([f"{found:<7} {name}", *lacking]), flush=True)
    return {"name": name, "lacks": lacking}


def main() -> int:
    """Run the mutations named on the command line; returns the exit status."""
    parser = option_parser(__doc__)
    parser.add_argument("mutations", nargs="*", metavar="NAME")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    engine = Engine(options)
    engine.build({"mutated"})
    info = engine.call("info", "-f", "{{json .}}")
    remapped = "name=userns" in info
    on_fuse = '"Driver":"fuse-overlayfs"' in info
    chosen = [
        mutation
        for mutation in (NO_CHANGE, *MUTATIONS)
        if options.engine in mutation.engines
        and (not options.mutations or mutation.name in options.mutations)
        and not (mutation.initial and remapped)
    ]
    scores: list[dict[str, Any]] = []
    try:
        for mutation in chosen:
            try:
                with container(engine, mutation) as (name, _):
                    report, status = report_of(engine, name)
            except (OSError, subprocess.CalledProcessError) as error:
                unsupported = on_fuse and getattr(error, "errno", 0) == errno.EOPNOTSUPP
                if not remapped and not unsupported:
                    raise
                print(f"refused {mutation.name}: {getattr(error, 'stderr', error)!r}", flush=True)
                continue
            lacking = lacks(report, status, mutation)
            scores.append(score(mutation.name, lacking))
        if not options.mutations or VANTAGES in options.mutations:
            try:
                scores.append(score(VANTAGES, vantages(engine)))
            except RuntimeError as error:
                if not any(reason in str(error) for reason in NO_DEBUG):
                    raise
                print(f"refused {VANTAGES}: {error}", flush=True)
    finally:
        engine.call("rmi", "-f", image("mutated"), check=False)
    if options.json:
        Path(options.json).write_text(json.dumps(scores, indent=1) + "\n")
    found = sum(not one["lacks"] for one in scores)
    print(f"\n{found} of {len(scores)} mutations found (two of them change nothing)")
    return int(found != len(scores) or not scores)


if __name__ == "__main__":
    sys.exit(main())
