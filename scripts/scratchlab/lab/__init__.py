"""What the ladder and the experiments share: an engine, its probes, and the verification."""
