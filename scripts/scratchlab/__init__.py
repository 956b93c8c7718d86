"""scratchlab: where everything in a running container's root filesystem came from.

Data flows one way: ``collect`` reads (as root, judging nothing), ``judge`` is pure
(evidence in, findings out), ``render`` reads the report only.
"""

__version__ = "0.1.0"
