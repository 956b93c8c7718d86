"""`scratchlab explain`: the words of the lab."""

from __future__ import annotations

import textwrap

import click

from scratchlab.render.glossary import find_word, words


@click.command(short_help="Explain a WORD of the lab.")
@click.argument("word", nargs=-1)
def explain(word: tuple[str, ...]) -> int:
    """Explain a WORD of the lab: image, ledger, ghost, engine-init-layer. Without one: all."""
    if not word:
        for known in words().values():
            click.echo(f"{known.name:<20} {known.means.split('. ')[0].rstrip('.')}.")
        return 0
    found = find_word(" ".join(word))
    click.secho(found.name, bold=True)
    for line in textwrap.wrap(found.means, 88, break_on_hyphens=False):
        click.echo(f"  {line}")
    if found.command:
        click.echo(f"  try: {found.command}")
    if found.see:
        click.echo(f"  see: {', '.join(found.see)}")
    return 0
