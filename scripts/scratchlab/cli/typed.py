"""`scratchlab try`: an experiment's command, typed on this machine, with its raw output."""

from __future__ import annotations

import os
import sys

import click

from scratchlab.errors import LabError
from scratchlab.experiments.runner import select
from scratchlab.experiments.table import fill_template
from scratchlab.experiments.typed import SECONDS, type_command
from scratchlab.labels import Names
from scratchlab.text import printable


@click.command("try", short_help="Type the command of EXPERIMENT here.")
@click.argument("experiment")
def try_command(experiment: str) -> int:
    """Type the command of EXPERIMENT (E05) in a shell here, and show what it prints.

    Nothing is judged: that is `scratchlab experiments --only E05`. The commands need the rights of
    root, as most of the lab does; with the sudo rule: sudo scratchlab try E05.
    """
    names = Names()
    wanted = experiment.strip().upper()
    found = next(one for one in select([wanted]) if one.id == wanted)
    command = fill_template(found.command, names.placeholders())
    if os.geteuid() != 0:
        what = f"{found.id} reads what only root can read"
        raise LabError(what, f"sudo scratchlab try {found.id}")
    click.secho(f"$ {command}", bold=True)
    sys.stdout.flush()
    typed = type_command(found, names)
    click.echo(printable(typed.text).rstrip("\n"))
    if typed.status is None:
        raise LabError(f"{found.id} took longer than {SECONDS:.0f} s", "docker ps")
    if typed.status:
        click.secho(f"(exit status {typed.status})", dim=True)
    article = fill_template(found.article, names.placeholders())
    click.secho(f"The article saw in 2017: {article}", dim=True)
    return 0
