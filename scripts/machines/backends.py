"""The backends by their names."""

from __future__ import annotations

from collections.abc import Callable

from machines.docker_engine import DockerEngine
from machines.incus import Incus
from machines.model import Backend, Kind, MachineError
from machines.place import Place
from machines.qemu import Qemu

BACKENDS: dict[str, Callable[[Place], Backend]] = {
    "docker": DockerEngine,
    "incus": Incus,
    "qemu": Qemu,
}


def backend(name: str, place: Place) -> Backend:
    """The backend called ``name``. Raises MachineError."""
    if name not in BACKENDS:
        raise MachineError(f"no backend is called {name}", f"one of: {', '.join(sorted(BACKENDS))}")
    return BACKENDS[name](place)


def choose(on: str, kind: str, place: Place) -> tuple[Backend, Kind]:
    """The backend and kind that a person means. Raises MachineError for a pair that is not there.

    Without a backend, containers are Docker's and virtual machines QEMU's, which need least.
    """
    chosen = backend(on or ("docker" if kind == Kind.CONTAINER else "qemu"), place)
    wanted = Kind(kind) if kind else chosen.kinds[0]
    if wanted not in chosen.kinds:
        able = sorted(name for name, make in BACKENDS.items() if wanted in make(place).kinds)
        raise MachineError(
            f"{chosen.name} makes no machine of the kind {wanted}", f"--on {' or '.join(able)}"
        )
    return chosen, wanted
