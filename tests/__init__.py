"""Tests: unit (fast, no engine), integration (a real engine), and more."""

from __future__ import annotations

import sys
from pathlib import Path

# For `python3 -m tests...`, which has no other way to find the product's packages.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
