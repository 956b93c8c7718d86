"""Tests: unit (fast, no engine), integration (a real engine), and more."""
