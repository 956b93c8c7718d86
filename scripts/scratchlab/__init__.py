"""scratchlab: find out where everything in a running container's root filesystem came from.

Data flows one way: ``collect`` reads as root and judges nothing, ``judge`` is pure (evidence in,
findings out), ``report`` writes them down, and ``render`` shows reports. The layers, and what each
may import, are in ``pyproject.toml`` under ``[tool.importlinter]``.
"""

__version__ = "0.2.0"
