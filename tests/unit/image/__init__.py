"""Tests of the archive reader."""
