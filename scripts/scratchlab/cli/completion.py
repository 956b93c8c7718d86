"""`scratchlab completion`: completion of commands, options and containers in the shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class, shell_complete

PROGRAM = "scratchlab"
VARIABLE = "_SCRATCHLAB_COMPLETE"  # set by the shells' functions: what is asked, and by which shell


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> int:
    r"""Print the completion for SHELL, to be read by it at its start.

    \b
    bash: scratchlab completion bash > /etc/bash_completion.d/scratchlab
    zsh:  scratchlab completion zsh > /usr/local/share/zsh/site-functions/_scratchlab
    fish: scratchlab completion fish > ~/.config/fish/completions/scratchlab.fish
    """
    maker = get_completion_class(shell)
    if maker is None:
        raise AssertionError(f"click has no completion for {shell}")
    root = context.find_root().command
    # Not .source(): for bash that starts a bash to ask for its version.
    made = maker(root, {}, PROGRAM, VARIABLE)
    click.echo(made.source_template % made.source_vars())
    return 0


def complete(root: click.Command, instruction: str) -> int:
    """Answer the shell's ``instruction``, such as ``bash_complete``; returns the exit status."""
    return shell_complete(root, {}, PROGRAM, VARIABLE, instruction)
