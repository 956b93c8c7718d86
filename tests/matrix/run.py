"""Run variants on this machine and print a line for each.

``python3 -m tests.matrix.run [--engine podman] [NAME...]``

Needs the engine's command, scratchlab on PATH (or --scratchlab COMMAND) and a static busybox.
Standard library only. ``--json FILE`` writes the cells, of which tests.matrix makes its page.
Exit status 0 when every cell is explained.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.matrix.images import IMAGES, Image
from tests.matrix.variants import VARIANTS, Variant

NAME = "scratchlab-matrix"
SERVICE = "com.docker.swarm.service.name"
CDI = Path("/etc/cdi/scratchlab-matrix.json")
DOCKERFILE = (
    'FROM scratch\nCOPY tree /\n{lines}ENTRYPOINT ["/bin/busybox"]\nCMD ["sleep", "3600"]\n'
)
TOOLS = ("sh", "sleep", "ln", "mkdir", "chmod", "chown", "echo", "cat", "rm")
VERDICTS = (0, 1, 3)  # exit statuses of a verification that found an answer
GONE = frozenset({"deleted", "changed"})  # kinds of ghosts
DRIFT = frozenset({"written-later", "mounted-inside", "host-mount"})  # origins


class Engine:
    """One engine of this host; runs variants and verifies them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.name: str = options.engine
        self.command = [options.engine, *shlex.split(options.engine_options)]
        self.scratchlab = shlex.split(options.scratchlab)
        self.flags = shlex.split(options.run_options)
        self.busybox: str = options.busybox
        self.save: str = options.save

    def call(self, *words: str, check: bool = True) -> str:
        """Run a command of the engine; returns its output. Raises RuntimeError."""
        done = subprocess.run([*self.command, *words], capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise RuntimeError(f"{self.name} {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def remove(self, *containers: str) -> None:
        """Kill and remove containers; podman would wait ten seconds for a first process that
        ignores SIGTERM."""
        at_once = ("--time", "0") if self.name == "podman" else ()
        self.call("rm", "-f", *at_once, "-v", *containers, check=False)

    def build(self, names: set[str]) -> None:
        """Build the images with these ``names`` of IMAGES."""
        for name in sorted(names):
            with tempfile.TemporaryDirectory() as directory:
                self._context(Path(directory), IMAGES[name])
                self.call("build", "-t", image(name), directory)

    def _context(self, directory: Path, wanted: Image) -> None:
        tree = directory / "tree"
        for name, content in wanted.tree.items():
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, int):
                path.mkdir(exist_ok=True)
                path.chmod(content)
            elif content.startswith("-> "):
                path.symlink_to(content[3:])
            elif content.startswith("= "):
                path.hardlink_to(tree / content[2:])
            else:
                path.write_text(content)
        tools = tree / "bin"  # or where the image's link leads
        tools.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.busybox, tools / "busybox")
        for tool in TOOLS:
            (tools / tool).symlink_to("busybox")
        (directory / "Dockerfile").write_text(DOCKERFILE.format(lines=wanted.lines))

    def cell(self, variant: Variant, files: str) -> dict[str, Any]:
        """Run one variant and verify it. Returns its numbers; without them the engine's message,
        as ``refused`` where the variant lists it, else as ``error``.
        """
        names = {"files": files, "name": NAME, "image": image(variant.image)}
        try:
            self._start_other(variant, names)
            container = self._start(variant, names)
        except RuntimeError as error:
            self._remove_all()  # it may be created, but not started
            return _without_numbers(variant, error)
        names["id"] = container
        try:
            for command in variant.then:
                self.call(*(word.format(**names) for word in command))
            with self._during(variant, names):
                return {"name": variant.name, **self.verify(container, variant)}
        except RuntimeError as error:
            return _without_numbers(variant, error)
        finally:
            if variant.service:
                self.call("service", "rm", NAME, check=False)
            self.remove(container)
            self._remove_all()

    def _remove_all(self) -> None:
        created = self.call("ps", "-aq", "--filter", f"label={NAME}", check=False).split()
        if created:
            self.remove(*created)

    def _start_other(self, variant: Variant, names: dict[str, str]) -> None:
        """Start the container that ``variant`` shares namespaces with."""
        if variant.other is None:
            return
        other = ("--label", NAME, "--name", f"{NAME}-other")
        flags = [flag.format(**names) for flag in variant.other]
        self.call("run", "-d", *other, *self.flags, *flags, names["image"])

    def _start(self, variant: Variant, names: dict[str, str]) -> str:
        flags = [flag.format(**names) for flag in variant.flags]
        if not variant.service:
            # Not with stdin=/dev/null: podman would chown the container's /dev/null (crun, --user).
            return self.call("run", "-d", "--label", NAME, *self.flags, *flags, names["image"])
        create = ("--detach", "--no-resolve-image", "--name", NAME)
        self.call("service", "create", *create, *flags, names["image"])
        for _ in range(60):
            container = self.call("ps", "-q", "--no-trunc", "--filter", f"label={SERVICE}={NAME}")
            if container:
                return container
            time.sleep(0.5)
        errors = self.call("service", "ps", "--no-trunc", "--format", "{{.Error}}", NAME)
        self.call("service", "rm", NAME)
        raise RuntimeError(f"{self.name} service create: no container after 30 s: {errors}")

    @contextlib.contextmanager
    def _during(self, variant: Variant, names: dict[str, str]) -> Iterator[None]:
        if not variant.keep:
            yield
            return
        command = [word.format(**names) for word in variant.keep]
        if command[0] == "run":
            other = self.call("run", "-d", *self.flags, *command[1:])
            try:
                yield
            finally:
                self.remove(other)
            return
        self.call(command[0], "-d", *command[1:])
        yield  # it ends with the container

    def verify(self, container: str, variant: Variant) -> dict[str, Any]:
        """The numbers of `scratchlab verify`. Raises RuntimeError when it ends with status 2."""
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            command = ["verify", container, "--engine", self.name, "--json", file.name]
            if self.save:
                command += ["--save-evidence", f"{self.save}/{variant.name.replace(' ', '-')}"]
            report, status = self.scratchlab_report(command, file.name)
        return numbers(report, variant, status)

    def scratchlab_report(self, command: Sequence[str], file: str) -> tuple[dict[str, Any], int]:
        """The report that `scratchlab COMMAND` writes to ``file``, and its exit status. Raises
        RuntimeError where it makes none.
        """
        done = subprocess.run(
            [*self.scratchlab, *command], capture_output=True, text=True, check=False
        )
        if done.returncode not in VERDICTS:
            raise RuntimeError(f"scratchlab: {done.stderr.strip()}")
        report: dict[str, Any] = json.loads(Path(file).read_text())
        if report["verdict"]["status"] != done.returncode:
            raise RuntimeError(f"exit status {done.returncode}, but {report['verdict']}")
        return report, done.returncode


def _without_numbers(variant: Variant, error: RuntimeError) -> dict[str, Any]:
    known = any(message in str(error) for message in variant.refused)
    return {"name": variant.name, "refused" if known else "error": str(error)}


def image(name: str) -> str:
    """The tag of an image of the variants."""
    return f"{NAME}:{name}"


def numbers(report: dict[str, Any], variant: Variant, status: int) -> dict[str, Any]:
    """A cell: the numbers of a report, and its faults in words."""
    entries, mounts = report["entries"], report["mounts"]
    judged = [(entry["path"], entry) for entry in entries]
    judged += [(f"mount {mount['target']}", mount) for mount in mounts if not mount["entry"]]
    faults = []
    for path, item in judged:
        if item["origin"] == "unexplained" or item.get("status") == "missing":
            faults.append(f"{path}: {item.get('status', 'mount')} {item['origin']}")
        if item["prediction"] not in ("agrees", "none"):
            faults.append(f"{path}: {item['prediction']}")
    reported = {path: item["origin"] for path, item in judged if item["origin"] in DRIFT}
    reported |= {g["path"]: g["kind"] for g in report["ghosts"] if g["kind"] in GONE}
    faults += [
        f"{path}: {origin}, but nobody did that"
        for path, origin in reported.items()
        if path not in variant.written | variant.also
    ]
    faults += [
        f"{path}: written, but not reported" for path in sorted(variant.written - {*reported})
    ]
    faults += [f"problem: {problem}" for problem in report["problems"]]
    faults += [f"{c['id']}: {c['verdict']}" for c in report["checks"] if c["verdict"] == "fail"]
    if status != (3 if variant.written else 0):
        faults.append(f"exit status {status}: {report['verdict']['sentence']}")
    summary = report["summary"]
    total = summary["explained"] + sum(o["origin"] == "unexplained" for o in entries)
    return {
        "explained": summary["explained"],
        "total": total,
        "unexplained": summary["unexplained"],
        "missing": summary["missing"],
        "ghosts": summary["ghosts"],
        "mounts": len(mounts),
        "predicted": sum(item["prediction"] == "agrees" for _, item in judged),
        "faults": faults,
        "engine": report["engine"],
        "runtime": report["runtime"],
        "host": report["host"],
        "origins": {
            path: [item["rule"] or item["origin"], _shape(item)]
            for path, item in judged
            if item["origin"] not in ("image-layer", "user-data")
            and not _in_user_mount(item, entries)
        },
        "rules": {rule["id"]: rule for rule in report["rules"]},
    }


def _in_user_mount(item: dict[str, Any], entries: list[dict[str, Any]]) -> bool:
    """Whether the entry is a mount below a user's mount; the page shows the upper one only."""
    if item["origin"] != "user-mount" or not item.get("live"):
        return False
    parent = item["path"].rpartition("/")[0]
    users = ("user-mount", "user-data")
    return any(e["path"] == parent and e["origin"] in users for e in entries)


def _shape(item: dict[str, Any]) -> str:
    live = item.get("live")
    if live is None:
        return ""
    owner = f"{live['uid']}:{live['gid']}"
    if live["target"] is not None:
        return f"-> {live['target']} {owner}"
    return f"{live['mode']} {owner}"


@contextlib.contextmanager
def surroundings(engine: Engine, variants: Sequence[Variant]) -> Iterator[str]:
    """Make what ``variants`` name: a directory, a network, a secret, a CDI file, a swarm of this
    one node.

    Yields the directory. All is removed afterwards, with the volume and the images.
    """
    swarm = any(variant.service for variant in variants)
    with tempfile.TemporaryDirectory(prefix="scratchlab-matrix-") as files:
        Path(files).chmod(0o755)  # for the root of a user namespace
        (Path(files) / "file").write_text("bound from the host\n")
        (Path(files) / "sub").mkdir()
        (Path(files) / "nodes/below").mkdir(parents=True)
        os.mknod(Path(files) / "nodes/zero", 0o020666, os.makedev(1, 5))
        os.mknod(Path(files) / "nodes/below/full", 0o020666, os.makedev(1, 7))
        (Path(files) / "links").mkdir()
        (Path(files) / "links/cur").symlink_to("/opt")
        engine.call("network", "create", f"{NAME}-net", check=False)
        if swarm:
            engine.call("swarm", "init", "--advertise-addr", "127.0.0.1")
            engine.call("config", "create", f"{NAME}-config", f"{files}/file")
        if swarm or engine.name == "podman":
            engine.call("secret", "rm", f"{NAME}-secret", check=False)  # of a run that was killed
            engine.call("secret", "create", f"{NAME}-secret", f"{files}/file")
        try:
            with cdi_file(files):
                yield files
        finally:
            engine.call("network", "rm", f"{NAME}-net", check=False)
            engine.call("volume", "rm", f"{NAME}-vol", f"{NAME}-sub", check=False)
            if swarm:
                engine.call("swarm", "leave", "--force")
                engine.call("network", "rm", "docker_gwbridge", check=False)
            elif engine.name == "podman":
                engine.call("secret", "rm", f"{NAME}-secret", check=False)
            engine.call("rmi", "-f", *map(image, IMAGES), check=False)


@contextlib.contextmanager
def cdi_file(files: str) -> Iterator[None]:
    """A CDI file of this machine during the block, with sources in the directory ``files``."""
    new = not CDI.parent.exists()
    CDI.parent.mkdir(exist_ok=True)
    node = {"path": "/dev/v/zero", "hostPath": "/dev/zero"}
    file = {
        "hostPath": f"{files}/file", "containerPath": "/opt/v/file", "options": ["ro", "bind"],
    }  # fmt: skip
    every = {"hostPath": f"{files}/sub", "containerPath": "/opt/v/sub", "options": ["bind"]}
    device = {"name": "one", "containerEdits": {"deviceNodes": [node], "mounts": [file]}}
    whole = {
        "cdiVersion": "0.5.0", "kind": "example.org/device", "devices": [device],
        "containerEdits": {"mounts": [every]},
    }  # fmt: skip
    CDI.write_text(json.dumps(whole))
    try:
        yield
    finally:
        CDI.unlink(missing_ok=True)  # of another run on this machine
        if new:
            with contextlib.suppress(OSError):
                CDI.parent.rmdir()


def option_parser(about: str | None) -> argparse.ArgumentParser:
    """A parser with the options that the programs of this package share."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--engine", default="docker", choices=["docker", "podman"])
    parser.add_argument("--engine-options", default="", help="go before the engine's verb")
    parser.add_argument("--run-options", default="", help="go to each run and create")
    parser.add_argument("--scratchlab", default="scratchlab")
    parser.add_argument("--busybox", default="/bin/busybox")
    parser.add_argument(
        "--save", metavar="DIRECTORY", help="save the evidence of each variant there"
    )
    return parser


def main() -> int:
    """Run the variants named on the command line; returns the exit status."""
    parser = option_parser(__doc__)
    parser.add_argument("variants", nargs="*", metavar="NAME")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    engine = Engine(options)
    chosen = [
        variant
        for variant in VARIANTS
        if options.engine in variant.engines
        and (not options.variants or variant.name in options.variants)
    ]
    cells = []
    with surroundings(engine, chosen) as files:
        engine.build({variant.image for variant in chosen})
        for variant in chosen:
            cell = engine.cell(variant, files)
            cells.append(cell)
            print(line(cell), flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps(cells, indent=1) + "\n")
    ran = [cell for cell in cells if "refused" not in cell]
    good = sum(cell.get("faults") == [] for cell in ran)
    print(f"\n{good} of {len(ran)} variants explained, {len(cells) - len(ran)} refused")
    return int(good != len(ran) or not cells)


def line(cell: dict[str, Any]) -> str:
    """A cell as text, with its first faults below."""
    name = f"{cell['name']:<20}"
    for key in ("refused", "error"):
        if key in cell:
            return f"{name} {key}: {cell[key]}"
    counts = f"{cell['explained']}/{cell['total']}".rjust(9)
    rest = f"{cell['mounts']:>3} mounts {cell['ghosts']:>3} ghosts {cell['predicted']:>3} predicted"
    return "\n    ".join([f"{name} {counts} {rest}", *cell["faults"][:12]])


if __name__ == "__main__":
    sys.exit(main())
