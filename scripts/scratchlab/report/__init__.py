"""report.json: the findings of one verification, in the form that other programs read."""

from scratchlab.report.build import Report, build
from scratchlab.report.file import canonical, dump, read, write

__all__ = ["Report", "build", "canonical", "dump", "read", "write"]
