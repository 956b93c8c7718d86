"""The lab's experiments: a claim in the table, a probe that observes and a judge that decides.

``runner.run`` runs them against an engine; ``table.EXPERIMENTS`` is the table, which needs neither
an engine nor the Docker SDK. Saved observations and names are enough to judge again.
"""
