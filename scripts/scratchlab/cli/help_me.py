"""`scratchlab help-me`: ask the person in front of the room to come."""

from __future__ import annotations

import click

from scratchlab.learn import status
from scratchlab.learn.place import find_student


@click.command("help-me")
@click.argument("text", nargs=-1)
@click.option("--done", is_flag=True, help="Take it back: nobody needs to come any more")
def help_me(text: tuple[str, ...], *, done: bool) -> int:
    """Ask for help, and say in TEXT what it is about. Who watches the room sees it.

    Ask again to change the text; `scratchlab help-me --done` takes it back.
    """
    student = find_student()
    if done:
        if text:
            raise click.UsageError("--done takes no text")
        asked = status.take_back(student)
        click.echo("Taken back." if asked else "You had not asked for help.")
        return 0
    called = status.ask_for_help(student, " ".join(text))
    click.echo("You asked for help" + (f": {called.text}" if called.text else "."))
    click.echo("Whoever watches the room sees it. When it is solved: scratchlab help-me --done")
    return 0
