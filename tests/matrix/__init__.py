"""Engine by runtime by variant: every way to run a container, verified for real."""
