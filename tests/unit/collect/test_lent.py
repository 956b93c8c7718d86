"""Mounts that a container has from others, which podman's inspect does not list."""

from __future__ import annotations

from typing import Any, cast

from scratchlab.collect.lent import lent_mounts
from scratchlab.errors import LabError


class Engine:
    """In place of an engine: it describes the containers that it is given, and no others."""

    def __init__(self, **containers: dict[str, Any]) -> None:
        self.containers = containers
        self.asked: list[str] = []

    def inspect_container(self, name: str) -> dict[str, Any]:
        self.asked.append(name)
        if name not in self.containers:
            raise LabError(f"no such container: {name}")
        return self.containers[name]


def of(*lenders: str, mounts: tuple[str, ...] = ()) -> dict[str, Any]:
    listed = [{"Type": "bind", "Source": f"/src{m}", "Destination": m, "RW": True} for m in mounts]
    return {"Mounts": listed, "HostConfig": {"VolumesFrom": list(lenders)}}


def lent(engine: Engine, *lenders: str) -> dict[str, bool]:
    """Target of each mount, and whether it may be written to."""
    found = lent_mounts(cast(Any, engine), of(*lenders))
    return {mount["Destination"]: mount["RW"] for mount in found}


def test_they_are_those_that_the_other_container_lists() -> None:
    assert lent(Engine(a=of(mounts=("/x", "/y"))), "a") == {"/x": True, "/y": True}


def test_an_option_makes_them_read_only() -> None:
    engine = Engine(a=of(mounts=("/x",)), b=of("c", mounts=("/y",)), c=of(mounts=("/z",)))
    assert lent(engine, "a", "b:ro,z") == {"/x": True, "/y": False, "/z": False}


def test_a_circle_ends_and_one_that_is_gone_lends_nothing() -> None:
    engine = Engine(a=of("b", mounts=("/x",)), b=of("a", "gone", mounts=("/y",)))
    assert lent(engine, "a") == {"/x": True, "/y": True}
    assert engine.asked == ["a", "b", "gone"]


def test_without_the_option_no_engine_is_asked() -> None:
    engine = Engine()
    assert lent_mounts(cast(Any, engine), {"HostConfig": None}) == ()
    assert engine.asked == []


def test_a_long_chain_is_cut_off() -> None:
    chain = {f"c{n}": of(f"c{n + 1}") for n in range(100)}
    engine = Engine(**chain)
    lent(engine, "c0")
    assert len(engine.asked) == 32
