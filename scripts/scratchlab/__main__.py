"""The program: run a command, and end with one clear line whatever happens."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType

import click

from scratchlab.errors import LabError
from scratchlab.text import printable

UNANSWERED = 2  # exit status: the question could not be answered
_DEBUG = "SCRATCHLAB_DEBUG"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit status (0, 1, 2, or 128 and the signal's number)."""
    _prepare()
    try:
        from scratchlab.cli import scratchlab  # inside: even its failure is one line

        words = list(sys.argv[1:] if arguments is None else arguments)
        # Not scratchlab.main(): that ends with status 1 where a reader went away.
        with scratchlab.make_context("scratchlab", words) as context:
            status = scratchlab.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as help_text:
        print(help_text.format_message(), file=sys.stderr)
        return UNANSWERED
    except LabError as error:
        return _end(str(error))
    except click.ClickException as error:
        return _end(_usage(error))
    except (click.Abort, KeyboardInterrupt):
        return 128 + signal.SIGINT
    except BrokenPipeError:  # who reads our output has gone: nothing is to be said
        _drop_output()
        return 128 + signal.SIGPIPE
    except OSError as error:
        _drop_output()
        return _unexpected(error)
    except Exception as error:  # a person gets a line, never a traceback
        return _unexpected(error)
    return status if isinstance(status, int) else 0


def _prepare() -> None:
    """Streams that print any name, and an end by signal that still cleans up."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ended)


def _ended(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _drop_output() -> None:
    """Let nothing that is still buffered fail again when Python closes the stream."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "scratchlab"
    return f"{error.format_message().rstrip('.')}; see: {path} --help"


def _unexpected(error: Exception) -> int:
    if os.environ.get(_DEBUG):
        traceback.print_exc()
    if isinstance(error, OSError) and error.strerror:  # a full disk, a dead device
        what = f"the system refused: {error.strerror}" + (
            f": {os.fsdecode(error.filename)}" if isinstance(error.filename, str | bytes) else ""
        )
    else:
        what = f"something unexpected went wrong ({type(error).__name__}: {error})"
    return _end(f"{what}; see it all with {_DEBUG}=1")


def _end(line: str) -> int:
    print(f"scratchlab: {printable(' '.join(line.split()))}", file=sys.stderr)
    return UNANSWERED


if __name__ == "__main__":
    sys.exit(main())
