"""Machines of scenarios and benchmarks, made by the product's own code (scripts/machines)."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# For `python3 -m tests...`, which has no other way to find it.
sys.path.insert(0, str(ROOT / "scripts"))
