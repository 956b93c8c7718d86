"""The command line: each command is imported when it is asked for, and returns an exit status."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from scratchlab import __version__, deadlines
from scratchlab.commit import commit

# Command -> module of this package that defines it under the same name.
COMMANDS: Mapping[str, str] = {
    "verify": "verification",
    "why": "why",
    "diff": "difference",
    "expect": "expectations",
    "image": "ledgers",
    "live": "ledgers",
    "replay": "verification",
    "report": "verification",
    "experiments": "experiments",
    "ladder": "ladder",
    "timelapse": "ladder",
    "learn": "learn",
    "help-me": "help_me",
    "explain": "explain",
    "try": "typed",
    "page": "page",
    "worksheet": "course",
    "quiz": "course",
    "exercise": "course",
    "results": "course",
    "completion": "completion",
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is asked for.

    ``scratchlab --version`` takes a tenth of a second; all commands together take half a second.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, in the order in which help lists them."""
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command ``cmd_name``, None where there is no such command."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module: Any = import_module(f"{__package__}.{COMMANDS[cmd_name]}")
        # "try" is a keyword of Python, and no name there has a hyphen.
        name = "try_command" if cmd_name == "try" else cmd_name.replace("-", "_")
        command: click.Command = getattr(module, name)
        return command


def _print_version(context: click.Context, _option: click.Parameter, asked: bool) -> None:
    if not asked or context.resilient_parsing:
        return
    made_from = commit()
    click.echo(f"scratchlab {__version__}" + (f" (commit {made_from})" if made_from else ""))
    context.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and the commit, and exit.",
)
@click.option(
    "--patience",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    envvar=deadlines.VARIABLE,
    show_envvar=True,
    metavar="N",
    help="Wait N times as long as usual before anything is given up: for a slow machine",
)
@click.pass_context
def scratchlab(context: click.Context, patience: int) -> None:
    """Where everything in a container's root filesystem came from.

    Exit status: 0 all explained and as predicted, 3 changed since the start, 1 something is
    unexplained, missing or against the prediction, 2 the question could not be answered.
    """
    deadlines.PACE.patience = patience
    if context.invoked_subcommand and os.isatty(0):  # a person typed it, not a playbook
        status: Any = import_module("scratchlab.learn.status")
        status.note_act()
