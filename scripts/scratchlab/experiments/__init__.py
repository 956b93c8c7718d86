"""The lab's experiments: claims as data, a probe that observes and a judge that decides, each.

``run`` runs them against an engine; ``EXPERIMENTS`` is the table. The table's texts, the names of
the lab's objects and the observations are all one needs to judge again without an engine.
"""

from scratchlab.experiments.runner import run, select
from scratchlab.experiments.table import EXPERIMENTS, Experiment
from scratchlab.labels import LABEL, Names

__all__ = ["EXPERIMENTS", "LABEL", "Experiment", "Names", "run", "select"]
