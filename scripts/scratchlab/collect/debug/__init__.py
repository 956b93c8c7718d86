"""The other window: a live root read from a container that shares the PID namespace.

Where ``/proc/PID/root`` is out of reach (an engine on another machine, Docker Desktop, no root
here), the engine itself is asked for a container that can see it. Its image holds one static
program, the agent (``scratchlab/agent``, Go), made FROM scratch at the moment it is needed; all
of it goes over the engine's API.
"""

from scratchlab.collect.debug.window import Window, opened

__all__ = ["Window", "opened"]
