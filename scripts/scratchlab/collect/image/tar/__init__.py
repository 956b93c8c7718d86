"""A bounded reader of tar streams, in the formats that Go's archive/tar (every engine) reads."""

from scratchlab.collect.image.tar.header import BLOCK, Header, Type, looks_like_tar
from scratchlab.collect.image.tar.reader import TarReader

__all__ = ["BLOCK", "Header", "TarReader", "Type", "looks_like_tar"]
