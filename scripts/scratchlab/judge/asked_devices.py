"""Who asked for a device node that the runtime's config.json lists.

config.json shows what the runtime did, not who wanted it, as of mounts (see unasked.py): an option,
a CDI file, --privileged or a tool has to name the node, or it is unexplained.
"""

from __future__ import annotations

from collections.abc import Callable

from scratchlab.judge.paths import upwards
from scratchlab.judge.places import asked_devices
from scratchlab.judge.tools import DeviceFiles, wrapper
from scratchlab.model import Evidence, Facts
from scratchlab.podman_command import made_through_api


class AskedDevices:
    """The devices that one container was asked for."""

    def __init__(
        self, facts: Facts, device_files: DeviceFiles, resolve: Callable[[str], str]
    ) -> None:
        """``resolve`` returns where a path leads in the container."""
        self._asked = {resolve(path): number for path, number in asked_devices(facts)}
        self._files = {resolve(one.target): one.file for one in facts.devices or () if one.file}
        self._device_files = device_files
        self._resolve = resolve
        host_config = facts.container.inspect.get("HostConfig") or {}
        self._privileged = bool(host_config.get("Privileged"))
        self._wrapper = wrapper(facts)
        self._runtime = facts.runtime.name
        self._words = (
            "is listed; made through podman's API, it has no command line to compare with"
            if facts.engine.name == "podman" and made_through_api(facts.container.inspect)
            else "is asked for"
        )

    def named(self, path: str, number: tuple[int, int] | None) -> tuple[Evidence, ...]:
        """What names the device ``path`` with that number (None: not known); empty where nothing
        does.
        """
        if node := self._device_files.node(path, number, self._resolve):
            return node
        for above in upwards(path):
            if above in self._asked and self._fits(above, path, number):
                file = self._files.get(above)
                if file:
                    return (Evidence("host", f"{file} asks for it in every container"),)
                return (Evidence("inspect", f"a device {above} {self._words}"),)
        if self._privileged and "/dev" in upwards(path):
            return (Evidence("inspect", "it is privileged: it gets the host's devices"),)
        return (self._wrapper,) if self._wrapper is not None else ()

    def _fits(self, asked: str, path: str, number: tuple[int, int] | None) -> bool:
        """An unknown number is that of a node, or of a directory of nodes."""
        known = self._asked[asked]
        return known is None or (asked == path and number in (None, known))

    def nobody(self) -> str:
        """The sentence for a device that nothing names."""
        if unnamed := self._device_files.unnamed():
            return unnamed
        runtime = f"{self._runtime}, or a program in its place," if self._runtime else "a program"
        return (
            "config.json alone lists it: no option and no CDI file names it, and it is not "
            f"privileged; {runtime} may have edited config.json"
        )
