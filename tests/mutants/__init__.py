"""Faults put into the judge, one at a time: its own unit tests have to notice each.

``python -m tests.mutants [MODULE...]`` makes the faults with mutmut in build/mutants, a copy, and
prints the score and every survivor that survivors.toml does not list with its reason. Modules are
names such as ``scratchlab.judge.ghosts`` or ``MODULE:CLASS.METHOD``; by default all of DECIDING.
The order is by chance, and the same each time: ``--sample N`` takes the first N, ``--minutes N`` as
many as there is time for. A fault that survivors.toml lists counts as not noticed, and is tried
only with ``--listed``. What is found is kept in build/mutants.jsonl as it is found (kept.py says
how long it holds): a run that was cut off, or a sample, is gone on with.
Tables are not changed by mutmut: tests/unit/judge/test_rules.py holds each row.
"""

from __future__ import annotations

# What decides, and the tests that have to notice: all of the judge, and of the collector what says
# what is proved.
_READER = ("tests/unit/collect", "tests/unit/image/test_formats.py",
           "tests/unit/image/test_from_engine.py", "tests/unit/image/test_members.py",
           "tests/unit/image/test_proof.py")  # fmt: skip
_ANSWERS = ("tests/unit/collect/test_engine_answers.py",)
_SOURCES = ("tests/unit/remote/test_sources.py", "tests/unit/remote/test_masks_of_both.py")
DECIDING = {
    "scratchlab.judge": ("tests/unit/judge",),
    "scratchlab.collect.container_facts": ("tests/unit/collect",),
    "scratchlab.collect.runtime_config": ("tests/unit/collect",),
    "scratchlab.collect.holding": ("tests/unit/collect",),
    "scratchlab.collect.process": ("tests/unit/collect", "tests/unit/live/test_process.py"),
    "scratchlab.collect.namespace_root": ("tests/unit/collect",),
    "scratchlab.collect.second_look": ("tests/unit/collect",),
    "scratchlab.collect.cdi": ("tests/unit/collect",),
    "scratchlab.collect.engines.docker:DockerEngine": _ANSWERS,
    "scratchlab.collect.engines.podman:PodmanEngine.facts": _ANSWERS,
    "scratchlab.collect.engines.podman:PodmanEngine.runtime": _ANSWERS,
    "scratchlab.collect.remote.sources": _SOURCES,
    "scratchlab.collect.image.from_engine": _READER,
    "scratchlab.collect.image.ledger_cache": _READER,
    "scratchlab.collect.image.tar.reader": _READER,
}
LEAST = 0.95  # of the faults have to be noticed
