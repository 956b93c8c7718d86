"""A bounded reader of tar streams: the formats that Go's archive/tar, and so the engines, read."""

from scratchlab.collect.image.tar.header import BLOCK, Header, Type, looks_like_tar
from scratchlab.collect.image.tar.members import Tar

__all__ = ["BLOCK", "Header", "Tar", "Type", "looks_like_tar"]
