"""report.json: the findings of one verification, in the form that other programs read.

What makes a report is in ``report.build``: it needs the judge, and who reads a report does not.
"""

from scratchlab.report.document import Report
from scratchlab.report.file import canonical, dump, read, write

__all__ = ["Report", "canonical", "dump", "read", "write"]
