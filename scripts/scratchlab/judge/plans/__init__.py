"""What each engine promises: one file an engine."""
