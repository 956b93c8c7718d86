"""What may start now: each experiment, and its command as it is typed, by what it waits for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from scratchlab.experiments.table import Experiment


class Act(NamedTuple):
    """One thing to do: the experiment with this id, or (``typed``) its command in a shell."""

    id: str
    typed: bool = False


Plan = Mapping[Act, frozenset[Act]]  # what each act waits for, in the table's order


def plan(chosen: Sequence[Experiment], *, typed: bool) -> Plan:
    """The acts of the experiments, and (``typed``) of their commands, each after its experiment."""
    acts: dict[Act, frozenset[Act]] = {}
    for one in chosen:
        earlier = {Act(name) for name in (*one.depends_on, *one.after)}
        earlier |= {Act(name, typed=True) for name in one.after_command}
        acts[Act(one.id)] = frozenset(earlier & acts.keys())  # of those that are chosen
        if typed:
            acts[Act(one.id, typed=True)] = frozenset({Act(one.id)})
    return acts


def next_act(
    planned: Plan, ended: Collection[Act], running: Collection[Act], at_once: int
) -> Act | None:
    """The act that starts now, or None: at most ``at_once`` run at the same time.

    Of those that wait for nothing any more, it is the one that most others wait for; of several,
    the last in the table, since the later ones take longer. With one at a time all run in the
    table's order.
    """
    if len(running) >= at_once:
        return None
    waiting = [act for act in planned if act not in ended and act not in running]
    ready = [act for act in waiting if planned[act].issubset(ended)]
    if at_once == 1:
        return next(iter(ready), None)
    return max(reversed(ready), key=lambda act: len(_later(planned, act)), default=None)


def _later(planned: Plan, act: Act) -> set[Act]:
    """All acts that wait for ``act``, or for one that does."""
    later = {act}
    for other, needs in planned.items():  # in the table's order, so none waits for a later one
        if needs & later:
            later.add(other)
    return later - {act}
