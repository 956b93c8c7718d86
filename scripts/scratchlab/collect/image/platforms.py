"""Platforms of images, as ``linux/arm64/v8`` and ``windows(10.0.17763.1)/amd64``.

The form, and which names mean the same, are those of containerd and ``docker --platform``
(containerd/platforms v0.2.1 platforms.go FormatAll, database.go normalizeArch).
"""

from __future__ import annotations

import platform as machine
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scratchlab.collect.image.problems import display
from scratchlab.errors import LabError

_FORM = re.compile(r"[A-Za-z0-9_.-]+(?:\([A-Za-z0-9_.-]*\))?(?:/[A-Za-z0-9_.-]+){0,2}\Z")
# Other names of architectures -> name, variant.
_ARCHITECTURES = {
    "i386": ("386", ""), "i686": ("386", ""),
    "x86_64": ("amd64", ""), "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""), "armhf": ("arm", "v7"), "armel": ("arm", "v6"),
    "armv7l": ("arm", "v7"), "armv6l": ("arm", "v6"),
}  # fmt: skip
# What an architecture without a variant means, and its variant under another name.
_VARIANTS = {"arm64": "v8", "arm": "v7", "amd64": "v1"}
_SYSTEMS = {"macos": "darwin"}


@dataclass(frozen=True, slots=True)
class Platform:
    """Operating system, architecture and variant by Go's names; "" where one is not known."""

    os: str = ""
    architecture: str = ""
    variant: str = ""
    os_version: str = ""

    def __str__(self) -> str:
        system = f"{self.os}({self.os_version})" if self.os_version else self.os
        return "/".join(filter(None, (system, self.architecture, self.variant)))

    def matches(self, wanted: Platform) -> bool:
        """Whether this platform is the ``wanted`` one, or one of its variants."""
        own, other = self._normal(), wanted._normal()
        return (
            (own.os, own.architecture) == (other.os, other.architecture)
            and (not wanted.variant or own.variant == other.variant)
            and wanted.os_version in ("", self.os_version)
        )

    def equals(self, wanted: Platform) -> bool:
        """Whether it is the ``wanted`` one; without a variant, the architecture's usual one."""
        return self.matches(wanted) and self._normal().variant == wanted._normal().variant

    def _normal(self) -> Platform:
        system = self.os.lower()
        name, variant = _ARCHITECTURES.get(
            self.architecture.lower(), (self.architecture.lower(), "")
        )
        variant = self.variant.lower() or variant
        if variant[:1].isdigit():  # "8" for "v8"
            variant = f"v{variant}"
        return Platform(_SYSTEMS.get(system, system), name, variant or _VARIANTS.get(name, ""))


def described(fields: Mapping[str, Any]) -> Platform:
    """The platform in ``fields``: an image configuration, or ``platform`` of a descriptor."""
    names = ("os", "architecture", "variant", "os.version")
    return Platform(*(str(value) if (value := fields.get(name)) else "" for name in names))


def parse(text: str) -> Platform:
    """The platform that a user names: ``linux/arm64``, ``linux/arm/v7``, ``arm64``.

    Raises LabError.
    """
    if not _FORM.match(text):
        raise LabError(
            f"{display(text)} is not a platform", "write it as linux/amd64 or linux/arm/v7"
        )
    system, *rest = text.split("/")
    system, _, version = system.rstrip(")").partition("(")
    if not rest:  # an architecture alone, or an operating system
        own = Platform(system)._normal().os
        if own in ("linux", "windows", "darwin", "freebsd"):
            return Platform(own, this_machine().architecture, "", version)
        return Platform("linux", system)
    architecture, variant = rest if len(rest) > 1 else (rest[0], "")
    return Platform(system, architecture, variant, version)


def this_machine() -> Platform:
    """The machine's own, for the Linux images that it runs."""
    name = machine.machine().lower()
    return Platform("linux", *_ARCHITECTURES.get(name, (name, "")))
