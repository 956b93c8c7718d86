"""A bounded reader of tar streams, in the formats that Go's archive/tar (every engine) reads.

Why not Python's ``tarfile``: a header whose checksum is wrong, and an archive that is cut within a
header, end its list of members without a word, as if the archive ended there, in the modes ``r:``
and ``r|`` and at every errorlevel (Python 3.11.7 and 3.13.5, Lib/tarfile.py TarFile.next: only the
first header raises). An image ledger that lacks half a layer would then look complete; the layer's
diff_id cannot tell, as the bytes are the same ones. tests/unit/image/test_tarfile.py fails when
this changes. The filters of ``tarfile`` (3.12) guard unpacking, and nothing is unpacked here.
"""

from scratchlab.collect.image.tar.header import BLOCK, Header, Type, looks_like_tar
from scratchlab.collect.image.tar.reader import TarReader

__all__ = ["BLOCK", "Header", "TarReader", "Type", "looks_like_tar"]
