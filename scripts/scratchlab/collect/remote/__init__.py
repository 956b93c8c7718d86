"""The debug vantage: a live root read from a container that shares the PID namespace.

Where ``/proc/PID/root`` is out of reach (an engine on another machine, Docker Desktop, no root on
this machine), the engine is asked for a container that can see it. Its image has one static
program, the agent (``collect/remote/agent``, in Go), and is made FROM scratch when it is needed.
All of it goes over the engine's API.
"""
