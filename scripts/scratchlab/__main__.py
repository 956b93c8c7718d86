"""The entry point: run a command; every error ends as one line on standard error."""

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
_COMPLETE = "_SCRATCHLAB_COMPLETE"  # set by a shell's completion (scratchlab.cli.completion)
_DEBUG = "SCRATCHLAB_DEBUG"  # environment variable: print the traceback, too


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns the exit status: 0, 1, 2, or 128 plus the number of the signal that ended the run.
    """
    _prepare()
    try:
        # Late: an error of the import is one line, too.
        from scratchlab.cli.commands import scratchlab

        instruction = os.environ.get(_COMPLETE)
        if instruction:
            from scratchlab.cli.completion import complete

            return complete(scratchlab, instruction)
        argv = list(sys.argv[1:] if arguments is None else arguments)
        # Not scratchlab.main(): that ends with status 1 when the reader of a pipe is gone.
        with scratchlab.make_context("scratchlab", argv) as context:
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
    except BrokenPipeError:  # the reader of our output is gone: no message
        _drop_output()
        return 128 + signal.SIGPIPE
    except OSError as error:
        _drop_output()
        return _unexpected(error)
    except Exception as error:  # a user reads a line, not a traceback
        return _unexpected(error)
    return status if isinstance(status, int) else 0


def _prepare() -> None:
    """Make the streams print any name, and a signal end the program with its cleanup."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _exit_by_signal)


def _exit_by_signal(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _drop_output() -> None:
    """Discard buffered output, so that Python does not fail again when it closes the stream."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "scratchlab"
    return f"{error.format_message().rstrip('.')}; see: {path} --help"


def _unexpected(error: Exception) -> int:
    if os.environ.get(_DEBUG):
        traceback.print_exc()
    from scratchlab.ledger import is_full, no_space

    if is_full(error):
        return _end(str(no_space()))
    if isinstance(error, OSError) and error.strerror:  # a full disk, a dead device
        what = f"system error: {error.strerror}"
        if isinstance(error.filename, str | bytes):
            what += f": {os.fsdecode(error.filename)}"
    else:
        what = f"unexpected error ({type(error).__name__}: {error})"
    return _end(f"{what}; run again with {_DEBUG}=1 to see the traceback")


def _end(line: str) -> int:
    print(f"scratchlab: {printable(' '.join(line.split()))}", file=sys.stderr)
    return UNANSWERED


if __name__ == "__main__":
    sys.exit(main())
