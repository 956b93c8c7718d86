"""What ./lab knows of a room: ``room.py seats|cards|keep LAB [OPTION...]``.

Asks ansible-inventory for the machines, with those of ``./lab``'s options that choose them, reads
the roster (``-e lab_roster=FILE``, else ``roster.csv`` beside the inventory) and writes
``reports/roster.json``; ``cards`` also ``reports/cards.html``, to print. ``keep`` copies the
reports of a room to ``results/DATE`` before they are destroyed, unless ``lab_keep_results`` is
false, and prints that directory. Exit status: 2 when the roster, the inventory or the results
cannot be read or written, with one line that says why.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from scratchlab.atomic import atomic_write
from scratchlab.classroom import seats
from scratchlab.classroom.keep import DIRECTORY, is_room, keep_results
from scratchlab.classroom.roster import Roster, read_roster
from scratchlab.errors import LabError
from scratchlab.render.html import sheets
from scratchlab.text import printable, visible

SECONDS = 120  # for a script that makes an inventory
ROSTER = "roster.csv"
_FALSE = {"false", "no", "off", "n", "f", "0"}


def options_of(words: Sequence[str]) -> argparse.Namespace:
    """Those of the options of ansible-playbook that say which machines there are."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-i", "--inventory", "--inventory-file", action="append", default=[])
    parser.add_argument("-e", "--extra-vars", action="append", default=[])
    parser.add_argument("-l", "--limit")
    parser.add_argument("-C", "--check", action="store_true")
    parser.add_argument("-J", "--ask-vault-password", "--ask-vault-pass", action="store_true")
    parser.add_argument("--vault-id", action="append", default=[])
    parser.add_argument("--vault-password-file", "--vault-pass-file", action="append", default=[])
    return parser.parse_known_args(words)[0]


def listed_inventory(
    lab: Path, options: argparse.Namespace, limit: str | None = None
) -> Mapping[str, Any]:
    """What ansible-inventory says of the room, or of the machines ``limit`` in it. Raises
    LabError.
    """
    command = [sys.executable, str(Path(sys.executable).with_name("ansible-inventory")), "--list"]
    for option in ("inventory", "extra_vars", "vault_id", "vault_password_file"):
        command += [f"--{option.replace('_', '-')}={value}" for value in getattr(options, option)]
    command += [f"--limit={limit}"] if limit else []
    command += ["--ask-vault-password"] if options.ask_vault_password else []
    environment = {**os.environ, "ANSIBLE_CONFIG": str(lab / "ansible.cfg")}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, timeout=SECONDS, check=False
        )
        listed: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise LabError(f"the inventory cannot be read: {error}", "./lab check says more") from error
    if not seats.hosts_of(listed):
        said = " ".join(done.stderr.decode("utf-8", "replace").split("[ERROR]: ")[-1].split())
        raise LabError(f"the inventory has no machine: {said[:300]}", "name it with -i")
    return listed


def found_roster(listed: Mapping[str, Any], options: argparse.Namespace) -> Roster:
    """The roster of the room: the one that is named, else the one that lies beside its inventory.

    One beside the inventory that knows none of these machines is another room's. Raises LabError.
    """
    hosts = seats.hosts_of(listed)
    beside = [Path(name) for name in options.inventory if "," not in name]
    beside = [path if path.is_dir() else path.parent for path in beside]
    named = {str(known["lab_roster"]) for known in seats.variables_of(listed).values()
             if known.get("lab_roster")}  # fmt: skip
    if len(named) > 1:
        raise LabError(f"there is more than one lab_roster: {', '.join(sorted(named))}", "name one")
    for name in named:
        places = [Path(name), *(directory / name for directory in beside)]
        path = next((place for place in places if place.exists()), Path(name))
        warn_of_readers(path)
        return read_roster(str(path), hosts)
    for path in (directory / ROSTER for directory in beside):
        if path.is_file():
            if not any(host in path.read_text("utf-8", "replace") for host in hosts):
                continue
            warn_of_readers(path)
            return read_roster(str(path), hosts)
    return Roster()


def warn_of_readers(path: Path) -> None:
    """Say so where others can read the names in ``path``."""
    if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        name = visible(str(path))
        print(f"lab: others can read {name}: chmod 600 {shlex.quote(name)}", file=sys.stderr)


def keep(lab: Path, options: argparse.Namespace) -> None:
    """Keep the results of a room, and print where. Raises LabError."""
    reports = lab / "reports"
    if options.check or not is_room(reports):
        return
    known: list[Mapping[str, object]] = []
    # What is wrong with the inventory, Ansible says; until then results are kept.
    with contextlib.suppress(LabError):
        known = list(seats.variables_of(listed_inventory(lab, options)).values())
    wanted = (variables.get("lab_keep_results", True) for variables in known)
    if not any(str(value).lower() in _FALSE for value in wanted):
        print(keep_results(reports, lab / DIRECTORY, datetime.now()))


def main(verb: str, lab: Path, words: Sequence[str]) -> int:
    """Write the files. Returns the exit status."""
    options = options_of(words)
    try:
        if verb == "keep":
            keep(lab, options)
            return 0
        try:
            listed = listed_inventory(lab, options)
        except LabError:
            if verb == "seats":
                return 0  # Ansible reads the inventory next, and says what is wrong with it
            raise
        room = seats.seats_of(listed, found_roster(listed, options))
        reports = lab / "reports"
        reports.mkdir(exist_ok=True)
        seats.save_seats(str(reports), room)
        if verb == "cards":
            page = reports / "cards.html"
            with atomic_write(
                str(page), encoding="utf-8", only_files=True, mode=seats.PRIVATE
            ) as out:
                sheets.write_cards(room, {}, out)
            known = sum(bool(seat.student.label) for seat in room)
            print(f"{len(room)} cards, {known} with a name, two on a page: {page.resolve()}")
    except LabError as error:
        print(f"lab: {printable(str(error))}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
