"""Image archives: from a stream of ``docker save`` or its like to the image and its ledger."""

from scratchlab.collect.image.limits import ArchiveLimits
from scratchlab.collect.image.reading import ImageArchive, read_archive

__all__ = ["ArchiveLimits", "ImageArchive", "Limits", "read_archive"]
