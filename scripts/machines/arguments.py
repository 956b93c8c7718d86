"""A command line whose errors are one line."""

from __future__ import annotations

import argparse
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """Says what is wrong without repeating its usage, which --help shows."""

    def error(self, message: str) -> NoReturn:
        """End with exit status 2."""
        self.exit(2, f"lab: {message} ({self.prog} --help shows what there is)\n")


def positive(text: str) -> int:
    """A whole number above zero. Raises argparse.ArgumentTypeError."""
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)
