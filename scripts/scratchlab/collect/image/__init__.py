"""Image archives: from a stream of ``docker save`` or its like to the image and its ledger."""

from scratchlab.collect.image.archive import ImageArchive, read_archive, read_directory
from scratchlab.collect.image.limits import ArchiveLimits

__all__ = ["ArchiveLimits", "ImageArchive", "read_archive", "read_directory"]
