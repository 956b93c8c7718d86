"""Options that several commands share, and the engine that they choose."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from scratchlab.errors import LabError

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient
    from scratchlab.render.terminal.rows import RowChoice
    from scratchlab.report.policy.file import Policy

REPORT_FORMATS = click.Choice(["table", "json", "tap", "junit"])
LEDGER_FORMATS = click.Choice(["table", "json", "mtree"])
Command = TypeVar("Command", bound=Callable[..., Any])


def running(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Completion: names of running containers that begin with ``incomplete``; none where no engine
    answers.
    """
    try:
        with connect_engine(context.params.get("engine"), context.params.get("url")) as client:
            found = client.client.api.containers()
    except (LabError, OSError):
        return []
    names = sorted(str(name).lstrip("/") for one in found for name in one.get("Names") or ())
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def engine_options(command: Command) -> Command:
    """Add ``--engine`` and ``--url``."""
    url = click.option(
        "--url",
        metavar="URL",
        help="The engine's socket: unix:///PATH, tcp://HOST:PORT, ssh://HOST",
    )
    name = click.option(
        "--engine",
        type=click.Choice(["docker", "podman"]),
        help="Default: whichever is installed",
    )
    return name(url(command))


def vantage_option(command: Command) -> Command:
    """Add ``--vantage``: where the live root is read from."""
    return click.option(
        "--vantage",
        type=click.Choice(["host", "debug", "auto"]),
        default="auto",
        show_default=True,
        help="Read from /proc/PID/root, or from a container that shares the PID namespace",
    )(command)


def expect_option(command: Command) -> Command:
    """Add ``--expect``: the policy that :func:`read_policy` reads."""
    return click.option(
        "--expect",
        metavar="FILE",
        help="Changes that this policy allows do not count; write one: scratchlab expect",
    )(command)


def row_options(command: Command) -> Command:
    """Add ``--all-rows`` and ``--only``: which rows the table has, see :func:`row_choice`."""
    whole = click.option("--all-rows", is_flag=True, help="Fold no rows of the table")
    only = click.option(
        "--only",
        multiple=True,
        metavar="PATH|ORIGIN|STATUS",
        help="Only these rows of the table: /etc with all below it, written-later, altered",
    )
    return whole(only(command))


def row_choice(form: str, all_rows: bool, only: tuple[str, ...]) -> RowChoice | None:
    """The rows that ``--all-rows`` and ``--only`` choose; None without them. Raises LabError where
    ``form`` has no rows to choose, and where ``only`` chooses none.
    """
    if not all_rows and not only:
        return None
    if form != "table":
        raise LabError(
            f"--all-rows and --only choose rows of the table, not of {form}", "leave --format out"
        )
    from scratchlab.render.terminal.rows import RowChoice

    choice = RowChoice(all_rows, only)
    choice.check()
    return choice


def read_policy(path: str | None) -> Policy | None:
    """The policy in the file ``path``; None without one. Raises LabError where it has a fault.

    The library that reads YAML, 40 ms to import, is loaded only here.
    """
    if path is None:
        return None
    from scratchlab.report.policy.file import read

    return read(path)


def connect_engine(engine: str | None, url: str | None) -> EngineClient:
    """Connect to the chosen engine, as :func:`scratchlab.collect.engines.connect` does.

    For modules whose other commands need no engine: the Docker SDK, 0.2 s to import, is loaded
    only here.
    """
    from scratchlab.collect.engines import connect

    return connect(engine, url)
