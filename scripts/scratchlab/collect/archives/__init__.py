"""Image archives: from a stream of ``docker save`` or its like to the image and its ledger."""

from scratchlab.collect.archives.limits import Limits
from scratchlab.collect.archives.reading import ImageArchive, read_archive

__all__ = ["ImageArchive", "Limits", "read_archive"]
