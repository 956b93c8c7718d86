"""The other window: a live root read from a container that shares the PID namespace.

Where ``/proc/PID/root`` is out of reach (an engine on another machine, Docker Desktop, no root
here), the engine itself is asked for a container that can see it. Its image holds one static
program, the agent (``collect/remote/agent``, in Go), made FROM scratch when it is needed; all of
it goes over the engine's API.
"""

from scratchlab.collect.remote.window import Window, open_window

__all__ = ["Window", "open_window", "opened"]
