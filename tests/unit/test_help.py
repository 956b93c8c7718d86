"""What `--help` prints: every line whole, and no mark of the program that prints it."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from scratchlab.cli.commands import scratchlab


def commands(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            below = command.get_command(click.Context(command), name)
            assert below is not None
            yield from commands(below, (*words, name))


@pytest.mark.parametrize("words", tuple(commands(scratchlab)), ids=" ".join)
def test_help_has_whole_lines(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(scratchlab, [*words, "--help"], terminal_width=80)
    assert result.exit_code == 0
    assert "\\b" not in result.output
    lines = [line for line in result.output.splitlines() if not line.startswith("Usage:")]
    assert not [line for line in lines if line.endswith("...")]
