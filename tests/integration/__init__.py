"""Tests with a real engine; see conftest.py for what they share."""
