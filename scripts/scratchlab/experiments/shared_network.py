"""The network namespace of the lab's container, shared with containers that need none.

To make such a namespace and to remove it takes an engine and its kernel as long as the rest of a
container does, and nine of the eleven containers that E10, E13 and E14 start need none.
"""

from __future__ import annotations

from scratchlab.experiments.e14_namespace_table import remaps_users
from scratchlab.lab.session import Laboratory
from scratchlab.labels import is_ours


def shared_network(lab: Laboratory) -> str:
    """What follows ``--network`` for a container that shares it; empty where none can be shared.

    That is where no container of the lab runs, and on an engine that remaps users: it would share
    the user namespace as well (moby v20.10.24 daemon/oci_linux.go WithNamespaces()).
    """

    def find() -> str:
        inspect = lab.container(lab.names.container)
        if inspect is None or not inspect["State"].get("Running"):
            return ""
        ours = is_ours(inspect["Config"].get("Labels"))
        remapped = remaps_users(lab.engine.facts().security_options)
        return f"container:{lab.names.container}" if ours and not remapped else ""

    return lab.once("shared_network", find)
