"""The lab's experiments: a claim in the table, a probe that observes and a judge that decides.

``run`` runs them against an engine; ``EXPERIMENTS`` is the table. Saved observations and the names
of the lab's objects are enough to judge again without an engine.
"""

from scratchlab.experiments.runner import run, select
from scratchlab.experiments.table import EXPERIMENTS, Experiment
from scratchlab.labels import LABEL, Names

__all__ = ["EXPERIMENTS", "LABEL", "Experiment", "Names", "run", "select"]
