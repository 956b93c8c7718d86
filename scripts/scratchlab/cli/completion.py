"""`scratchlab completion`: completion of commands, options and containers in the shell."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem, ShellComplete, get_completion_class

from scratchlab.errors import LabError

PROGRAM = "scratchlab"
VARIABLE = "_SCRATCHLAB_COMPLETE"  # set by the shells' functions: what is asked, and by which shell


@click.command(short_help="Print the completion for SHELL.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> int:
    """Print the completion for SHELL, to be read by it at its start.

    \b
    bash: scratchlab completion bash > /etc/bash_completion.d/scratchlab
    zsh:  scratchlab completion zsh > /usr/local/share/zsh/site-functions/_scratchlab
    fish: scratchlab completion fish > ~/.config/fish/completions/scratchlab.fish
    """  # noqa: D301 - click reads the character
    made = _made(context.find_root().command, shell)
    # Not .source(): for bash that starts a bash to ask for its version.
    click.echo(made.source_template % made.source_vars())
    return 0


def complete(root: click.Command, instruction: str) -> int:
    """Answer the shell's ``instruction``, such as ``bash_complete``; returns the exit status.

    Where nothing else is known, the shell completes names of files, as it does by itself.
    """
    shell, _, action = instruction.partition("_")
    if action != "complete":
        raise LabError(f"{VARIABLE} is {instruction!r}", "unset it: the shell's completion sets it")
    made = _made(root, shell)
    arguments, incomplete = made.get_completion_args()
    items = made.get_completions(arguments, incomplete)
    if not items and not incomplete.startswith("-"):
        items = [CompletionItem(incomplete, type="file")]
    for item in items:
        click.echo(made.format_completion(item))
    return 0


def _made(root: click.Command, shell: str) -> ShellComplete:
    maker = get_completion_class(shell)
    if maker is None:
        raise LabError(f"no completion for the shell {shell!r}", "use bash, zsh or fish")
    return maker(root, {}, PROGRAM, VARIABLE)
