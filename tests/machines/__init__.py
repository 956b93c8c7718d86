"""Machines of scenarios and benchmarks, made by the product's own code (scripts/machines)."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
