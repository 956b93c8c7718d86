"""Every way to run a container, by engine and runtime, run and verified."""
