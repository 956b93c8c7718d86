"""``./lab reproduce``: the whole lab on two fresh machines; exit status 0 if they are the same."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from machines import inventory, lifecycle
from machines.arguments import Parser
from machines.backends import BACKENDS, choose
from machines.debian import RELEASES
from machines.model import Kind, Limits, Machine, MachineError
from machines.place import Place
from machines.qemu import BOOT_SECONDS
from reproduction.compare import Reproduction, compare
from reproduction.page import page
from scratchlab import report
from scratchlab.errors import LabError
from scratchlab.report import Report
from scratchlab.report.user_data import require_same_coverage
from scratchlab.text import printable

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "build" / "reproduce"
NAMES = ("fresh1", "fresh2")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = Parser(
        prog="./lab reproduce",
        description="Make two fresh machines, run the whole lab on both, compare the reports byte "
        "by byte, write a page and a JSON file, and remove the machines. Exit status: 0 the same, "
        "and every check passed; 1 not; 2 no answer.",
    )
    made.add_argument("--on", choices=sorted(BACKENDS), default="",
        help="who runs them (default: docker for containers, qemu for the rest)")  # fmt: skip
    made.add_argument("--kind", choices=[kind.value for kind in Kind], default="",
        help="vm (a kernel of their own), or container (the host's kernel)")  # fmt: skip
    made.add_argument("--release", choices=sorted(RELEASES), default="trixie")
    made.add_argument("--against", type=Path, metavar="REPORT",
        help="compare one fresh machine with this report.json instead of another one")  # fmt: skip
    made.add_argument("--output", type=Path, default=OUTPUT, metavar="DIRECTORY",
        help="for page, JSON and reports (default: build/reproduce)")  # fmt: skip
    made.add_argument("-e", "--extra-vars", action="append", default=[], metavar="VARIABLES",
        help="variables for Ansible, as of ./lab")  # fmt: skip
    return made


def run_lab(hosts: Path, output: Path, extra: Sequence[str]) -> int:
    """Run the whole lab on the machines of an inventory; returns Ansible's exit status."""
    ansible = Path(sys.executable).with_name("ansible-playbook")
    reports = json.dumps({"rootfs_verification_reports": str(output / "reports")})
    command = [sys.executable, str(ansible), str(ROOT / "lab.yml"), "-i", str(hosts)]
    for variables in [reports, *extra]:
        command += ["-e", variables]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    return subprocess.run(
        command, check=False, env=environment, stdin=subprocess.DEVNULL, cwd=ROOT
    ).returncode


def machines(options: argparse.Namespace, place: Place) -> list[Machine]:
    """The machines to make. Raises MachineError."""
    chosen, kind = choose(options.on, options.kind, place)
    names = NAMES[:1] if options.against else NAMES
    return [
        Machine(name, place.instance(name), chosen.name, kind, options.release, Limits())
        for name in names
    ]


def collect(options: argparse.Namespace, output: Path) -> list[tuple[str, str, Report]]:
    """Make machines, run the lab, remove them; returns name, place and report of both sides.

    Raises MachineError where a machine was not made, and LabError where a report did not come.
    """
    place = Place(state=Place().cache / "reproduce")
    wanted = machines(options, place)
    sides = []
    if options.against:
        path = str(options.against)
        if output / "reports" in options.against.resolve().parents:
            raise LabError(f"{path} is one of the reports that this run replaces", "copy it first")
        sides.append((path, path, report.read(path)))
    shutil.rmtree(output / "reports", ignore_errors=True)
    output.mkdir(parents=True, exist_ok=True)
    lifecycle.down(place, place.machines(), say)  # what a killed run left
    try:
        lifecycle.up(place, wanted, say, BOOT_SECONDS)
        hosts = output / "machines.yml"
        inventory.update(hosts, lifecycle.hosts(place))
        status = run_lab(hosts, output, options.extra_vars)
        for machine in wanted:
            file = output / "reports" / machine.name / "report.json"
            if not file.exists():
                raise LabError(
                    f"the lab made no report on {machine.name} (Ansible's status {status})",
                    f"see above, or {file.parent / 'status.json'}",
                )
            sides.append((machine.name, lifecycle.describe(machine), report.read(str(file))))
    finally:
        lifecycle.down(place, place.machines(), say)
        (output / "machines.yml").unlink(missing_ok=True)
    return sides


def write(found: Reproduction, sides: list[tuple[str, str, Report]], output: Path) -> None:
    """Write the page and the JSON file."""
    runs: list[dict[str, Any]] = []
    for name, where, one in sides:
        file = output / "reports" / name / "report.json"
        own = file.is_file()
        runs.append(
            {
                "machine": where if own else one.head["host"]["name"],
                "report": str(file if own else name),
                "verdict": one.head["verdict"]["sentence"],
            }
        )
    command = shlex.join(["./lab", "reproduce", *sys.argv[1:]])
    content = {**found.as_json(), "runs": runs, "command": command}
    (output / "reproduction.json").write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    (output / "index.html").write_text(page(found, runs, command), encoding="utf-8")


def show(found: Reproduction, output: Path) -> None:
    """Print the answer."""
    print(f"\ncanonical part  {found.digests[0]}  {found.names[0]}")
    print(f"                {found.digests[1]}  {printable(found.names[1])}")
    print(f"image's ledger  {found.ledgers[0]}")
    print(f"                {found.ledgers[1]}")
    for value in found.differences[:20]:
        by = f"  ({value.by})" if value.by else ""
        print(printable(f"  {value.place}: {value.one} and {value.other}{by}"))
    if len(found.differences) > 20:
        print(f"  and {len(found.differences) - 20} more, all in {output / 'reproduction.json'}")
    for value in found.versions if not found.same else ():
        if value.one != value.other:
            print(printable(f"  {value.place}: {value.one} and {value.other}"))
    print(f"\n{printable(found.sentence)}.\nThe page: {output / 'index.html'}")


def say(text: str) -> None:
    """Tell the person something on the way."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = parser().parse_args(arguments)
    output = options.output.absolute()
    try:
        sides = collect(options, output)
        require_same_coverage(sides[0][2].head, sides[1][2].head)
        found = compare((sides[0][0], sides[1][0]), sides[0][2], sides[1][2])
        write(found, sides, output)
    except (MachineError, LabError, OSError) as error:
        say(printable(str(error)))
        return 2
    except KeyboardInterrupt:
        say("interrupted; the machines are removed, or will be by the next ./lab reproduce")
        return 2
    show(found, output)
    passed = all(one.head["verdict"]["status"] == 0 for _, _, one in sides)
    if not passed:
        for name, _, one in sides:
            print(printable(f"{name}: {one.head['verdict']['sentence']}"))
    return 0 if found.same and passed else 1


if __name__ == "__main__":
    sys.exit(main())
