"""The ladder and the time-lapse: who makes an entry, shown by building the root step by step.

``collect`` observes (it starts the root filesystem on each rung, and lives through one container's
life), ``judge`` and ``stages`` are pure, ``shapes`` gives what report.json holds.
"""
