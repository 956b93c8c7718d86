"""Run variants on this machine and print a line for each.

``python3 -m tests.matrix.run [--engine podman] [NAME...]``

Needs the engine's command, scratchlab on PATH (or --scratchlab COMMAND) and a static busybox.
Standard library only. With ``--json FILE`` the cells go there, for the page that shows them all.
Exit status 0 when every cell is explained.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.matrix.variants import IMAGES, VARIANTS, Image, Variant

NAME = "scratchlab-matrix"
SERVICE = "com.docker.swarm.service.name"
DOCKERFILE = (
    'FROM scratch\nCOPY tree /\n{lines}ENTRYPOINT ["/bin/busybox"]\nCMD ["sleep", "3600"]\n'
)
TOOLS = ("sh", "sleep", "ln", "mkdir", "chmod", "echo", "cat")


class Machine:
    """One engine, the images of the variants, and what they need beside them."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self.engine: str = asked.engine
        self.command = [asked.engine, *shlex.split(asked.engine_options)]
        self.scratchlab = shlex.split(asked.scratchlab)
        self.flags = shlex.split(asked.run_options)
        self.busybox: str = asked.busybox
        self.save: str = asked.save

    def call(self, *words: str, check: bool = True) -> str:
        """A command of the engine; gives what it prints."""
        done = subprocess.run([*self.command, *words], capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise RuntimeError(f"{self.engine} {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def build(self, names: set[str]) -> None:
        """The images called ``names``."""
        for name in sorted(names):
            with tempfile.TemporaryDirectory() as folder:
                self._context(Path(folder), IMAGES[name])
                self.call("build", "-t", image(name), folder)

    def _context(self, folder: Path, wanted: Image) -> None:
        tools = folder / "tree" / "bin"
        tools.mkdir(parents=True)
        shutil.copy(self.busybox, tools / "busybox")
        for tool in TOOLS:
            (tools / tool).symlink_to("busybox")
        for name, what in wanted.tree.items():
            path = folder / "tree" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(what, int):
                path.mkdir(exist_ok=True)
                path.chmod(what)
            elif what.startswith("-> "):
                path.symlink_to(what[3:])
            else:
                path.write_text(what)
        (folder / "Dockerfile").write_text(DOCKERFILE.format(lines=wanted.lines))

    def cell(self, variant: Variant, files: str) -> dict[str, Any]:
        """Run one variant and verify it; gives its numbers, or why there are none: ``refused``
        holds the engine's words where it is known to refuse, ``error`` any others.
        """
        words = {"files": files, "name": NAME, "image": image(variant.image)}
        try:
            found = self._start(variant, words)
        except RuntimeError as error:
            left = self.call("ps", "-aq", "--filter", f"label={NAME}", check=False).split()
            if left:  # created, and refused at the start
                self.call("rm", "-f", "-v", *left, check=False)
            return _without_numbers(variant, error)
        words["id"] = found
        try:
            for command in variant.then:
                self.call(*(word.format(**words) for word in command))
            with self._beside(variant, words):
                return {"name": variant.name, **self.verify(found, variant)}
        except RuntimeError as error:
            return _without_numbers(variant, error)
        finally:
            if variant.service:
                self.call("service", "rm", NAME, check=False)
            self.call("rm", "-f", "-v", found, check=False)

    def _start(self, variant: Variant, words: dict[str, str]) -> str:
        flags = [flag.format(**words) for flag in variant.flags]
        if not variant.service:
            # stdin=/dev/null makes podman chown the container's /dev/null (crun, --user): -d alone.
            return self.call("run", "-d", "--label", NAME, *self.flags, *flags, words["image"])
        create = ("--detach", "--no-resolve-image", "--name", NAME)
        self.call("service", "create", *create, *flags, words["image"])
        for _ in range(60):
            found = self.call("ps", "-q", "--no-trunc", "--filter", f"label={SERVICE}={NAME}")
            if found:
                return found
            time.sleep(0.5)
        why = self.call("service", "ps", "--no-trunc", "--format", "{{.Error}}", NAME)
        self.call("service", "rm", NAME)
        raise RuntimeError(f"{self.engine} service create: no container after 30 s: {why}")

    @contextlib.contextmanager
    def _beside(self, variant: Variant, words: dict[str, str]) -> Iterator[None]:
        if not variant.keep:
            yield
            return
        command = [word.format(**words) for word in variant.keep]
        if command[0] == "run":
            other = self.call("run", "-d", *self.flags, *command[1:])
            try:
                yield
            finally:
                self.call("rm", "-f", "-v", other, check=False)
            return
        self.call(command[0], "-d", *command[1:])
        yield  # it ends with the container

    def verify(self, container: str, variant: Variant) -> dict[str, Any]:
        """What `scratchlab verify` says of it, in numbers."""
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            command = ["verify", container, "--engine", self.engine, "--json", file.name]
            if self.save:
                command += ["--save-evidence", f"{self.save}/{variant.name.replace(' ', '-')}"]
            done = subprocess.run(
                [*self.scratchlab, *command], capture_output=True, text=True, check=False
            )
            if done.returncode not in (0, 1):
                raise RuntimeError(f"scratchlab: {done.stderr.strip()}")
            report = json.loads(Path(file.name).read_text())
        return numbers(report, variant, done.returncode)


def _without_numbers(variant: Variant, error: RuntimeError) -> dict[str, Any]:
    known = any(part in str(error) for part in variant.refused)
    return {"name": variant.name, "refused" if known else "error": str(error)}


def image(name: str) -> str:
    """The tag of an image of the variants."""
    return f"{NAME}:{name}"


def numbers(report: dict[str, Any], variant: Variant, status: int) -> dict[str, Any]:
    """A cell: what counts, and each thing that must not be, in words."""
    entries, mounts = report["entries"], report["mounts"]
    told = [(one["path"], one) for one in entries]
    told += [(f"mount {one['target']}", one) for one in mounts if not one["entry"]]
    faults = []
    for path, one in told:
        if one["origin"] == "unexplained" or one.get("status") == "missing":
            faults.append(f"{path}: {one.get('status', 'mount')} {one['origin']}")
        if one["prediction"] not in ("agrees", "none"):
            faults.append(f"{path}: {one['prediction']}")
        written = one["origin"] == "process-write"
        if written and path not in variant.written:
            faults.append(f"{path}: process-write that nobody wrote")
    found = {path for path, one in told if one["origin"] == "process-write"}
    faults += [f"{path}: written and not found" for path in sorted(variant.written - found)]
    faults += [f"problem: {words}" for words in report["problems"]]
    faults += [f"{c['id']}: {c['verdict']}" for c in report["checks"] if c["verdict"] == "fail"]
    if status != (1 if variant.written or faults else 0):
        faults.append(f"exit status {status}")
    summary = report["summary"]
    total = summary["explained"] + sum(o["origin"] == "unexplained" for o in entries)
    return {
        "explained": summary["explained"],
        "total": total,
        "unexplained": summary["unexplained"],
        "missing": summary["missing"],
        "ghosts": summary["ghosts"],
        "mounts": len(mounts),
        "predicted": sum(one["prediction"] == "agrees" for _, one in told),
        "faults": faults,
        "engine": report["engine"],
        "runtime": report["runtime"],
        "host": report["host"],
        "origins": {
            path: [one["rule"] or one["origin"], _shape(one)]
            for path, one in told
            if one["origin"] != "image-layer" and not _inside(one, entries)
        },
        "rules": {one["id"]: one for one in report["rules"]},
    }


def _inside(one: dict[str, Any], entries: list[dict[str, Any]]) -> bool:
    """Whether it lies in a mount of the user's: what is in there is the user's own matter."""
    if one["origin"] != "user-mount" or not one.get("live"):
        return False
    above = one["path"].rpartition("/")[0]
    return any(e["path"] == above and e["origin"] == "user-mount" for e in entries)


def _shape(one: dict[str, Any]) -> str:
    live = one.get("live")
    if live is None:
        return ""
    owner = f"{live['uid']}:{live['gid']}"
    if live["target"] is not None:
        return f"-> {live['target']} {owner}"
    return f"{live['mode']} {owner}"


@contextlib.contextmanager
def surroundings(machine: Machine, variants: Sequence[Variant]) -> Iterator[str]:
    """What ``variants`` name: a folder, a network, a volume, a secret, a swarm of this one node.

    Gives the folder. All of it is removed in the end.
    """
    swarm = any(one.service for one in variants)
    with tempfile.TemporaryDirectory(prefix="scratchlab-matrix-") as files:
        (Path(files) / "file").write_text("bound from the host\n")
        machine.call("network", "create", f"{NAME}-net", check=False)
        if swarm:
            machine.call("swarm", "init", "--advertise-addr", "127.0.0.1")
            machine.call("config", "create", f"{NAME}-config", f"{files}/file")
        if swarm or machine.engine == "podman":
            machine.call("secret", "create", f"{NAME}-secret", f"{files}/file")
        try:
            yield files
        finally:
            machine.call("network", "rm", f"{NAME}-net", check=False)
            machine.call("volume", "rm", f"{NAME}-vol", check=False)
            if swarm:
                machine.call("swarm", "leave", "--force")
                machine.call("network", "rm", "docker_gwbridge", check=False)
            elif machine.engine == "podman":
                machine.call("secret", "rm", f"{NAME}-secret", check=False)
            machine.call("rmi", "-f", *map(image, IMAGES), check=False)


def options(about: str | None) -> argparse.ArgumentParser:
    """The options of every program here."""
    words = argparse.ArgumentParser(description=about)
    words.add_argument("--engine", default="docker", choices=["docker", "podman"])
    words.add_argument("--engine-options", default="", help="before the engine's verb")
    words.add_argument("--run-options", default="", help="of each run and create")
    words.add_argument("--scratchlab", default="scratchlab")
    words.add_argument("--busybox", default="/bin/busybox")
    words.add_argument("--save", metavar="FOLDER", help="the evidence of each variant goes there")
    return words


def main() -> int:
    """Run what was asked for; gives the exit status."""
    words = options(__doc__)
    words.add_argument("variants", nargs="*", metavar="NAME")
    words.add_argument("--json", metavar="FILE")
    asked = words.parse_args()
    machine = Machine(asked)
    chosen = [
        one
        for one in VARIANTS
        if asked.engine in one.engines and (not asked.variants or one.name in asked.variants)
    ]
    cells = []
    with surroundings(machine, chosen) as files:
        machine.build({one.image for one in chosen})
        for variant in chosen:
            cell = machine.cell(variant, files)
            cells.append(cell)
            print(line(cell), flush=True)
    if asked.json:
        Path(asked.json).write_text(json.dumps(cells, indent=1) + "\n")
    ran = [cell for cell in cells if "refused" not in cell]
    good = sum(cell.get("faults") == [] for cell in ran)
    print(f"\n{good} of {len(ran)} variants explained, {len(cells) - len(ran)} refused")
    return int(good != len(ran) or not cells)


def line(cell: dict[str, Any]) -> str:
    """A cell as a person reads it."""
    name = f"{cell['name']:<20}"
    for why in ("refused", "error"):
        if why in cell:
            return f"{name} {why}: {cell[why]}"
    counts = f"{cell['explained']}/{cell['total']}".rjust(9)
    rest = f"{cell['mounts']:>3} mounts {cell['ghosts']:>3} ghosts {cell['predicted']:>3} foreseen"
    return "\n    ".join([f"{name} {counts} {rest}", *cell["faults"][:12]])


if __name__ == "__main__":
    sys.exit(main())
