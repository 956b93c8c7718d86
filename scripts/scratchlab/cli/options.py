"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

FINDINGS = click.Choice(["table", "json", "tap", "junit"])
LEDGERS = click.Choice(["table", "json", "mtree"])
Command = TypeVar("Command", bound=Callable[..., Any])


def engine_options(command: Command) -> Command:
    """Which engine is asked, and where."""
    url = click.option(
        "--url",
        metavar="URL",
        help="The engine's socket: unix:///PATH, tcp://HOST:PORT, ssh://HOST",
    )
    name = click.option(
        "--engine", type=click.Choice(["docker", "podman"]), help="Default: the one that is here"
    )
    return name(url(command))


def vantage_option(command: Command) -> Command:
    """Where the live root is read from."""
    return click.option(
        "--vantage",
        type=click.Choice(["host", "debug", "auto"]),
        default="auto",
        show_default=True,
        help="Read from /proc/PID/root, or from a container that shares the PID namespace",
    )(command)
