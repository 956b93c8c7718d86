"""Which of an archive's images is meant."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import replace

from scratchlab.collect.image.candidate import Candidate
from scratchlab.collect.image.members import quoted
from scratchlab.errors import LabError

_SHORTEST_ID = 4
_DOMAINS = ("docker.io/library/", "docker.io/", "localhost/")
# uname -m -> GOARCH, where they differ
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
_MOST_LISTED = 20
_MOST_PLATFORMS = 64


def choose(
    images: Sequence[Candidate], reference: str | None, platform_of: Callable[[Candidate], str]
) -> tuple[Candidate, str | None]:
    """The image that ``reference`` (a tag, or an id or its start) means, and what to say of it.

    None means the only one. Of several platforms of one image, this machine's is meant. Raises
    LabError when there is no such image, or more than one.
    """
    found = _unique(images)
    if reference is not None:
        found = [one for one in found if _is_meant(one, reference)]
        if not found:
            what = f"the archive holds no image {quoted(reference)}"
            raise LabError(what, f"it holds {_listed(_unique(images))}")
    if len(found) == 1:
        return found[0], None
    if len({one.tags for one in found}) == 1 and len(found) <= _MOST_PLATFORMS:
        platforms = {platform_of(one): one for one in found}
        mine = [one for one in platforms if one.split("/")[:2] == ["linux", _architecture()]]
        if len(mine) == 1 and len(platforms) == len(found):
            others = ", ".join(quoted(one) for one in platforms if one != mine[0])
            remark = f"the archive holds the image for {others} too: this machine's was read"
            return platforms[mine[0]], remark
    raise LabError(
        f"the archive holds {len(found)} images", f"say which one by its name: {_listed(found)}"
    )


def _unique(images: Sequence[Candidate]) -> list[Candidate]:
    """Images by what they are, with all their names."""
    found: dict[tuple[str, tuple[str, ...]], Candidate] = {}
    for one in images:
        known = found.get((one.id, one.layers))
        if known is not None:
            one = replace(  # noqa: PLW2901 - the same image with more names
                known,
                tags=tuple(dict.fromkeys(known.tags + one.tags)),
                aliases=tuple(dict.fromkeys(known.aliases + one.aliases)),
            )
        found[one.id, one.layers] = one
    return list(found.values())


def _is_meant(image: Candidate, reference: str) -> bool:
    plain = reference.removeprefix("sha256:")
    ids = [one.removeprefix("sha256:") for one in (image.id, *image.aliases)]
    if len(plain) >= _SHORTEST_ID and any(one.startswith(plain) for one in ids):
        return True
    return _full(reference) in map(_full, image.tags)


def _full(name: str) -> str:
    for domain in _DOMAINS:
        if name.startswith(domain):
            name = name.removeprefix(domain)
            break
    return name if ":" in name.rpartition("/")[2] or "@" in name else f"{name}:latest"


def _listed(images: Sequence[Candidate]) -> str:
    shown = [_shown(one) for one in images[:_MOST_LISTED]]
    if len(images) > _MOST_LISTED:
        shown.append(f"and {len(images) - _MOST_LISTED} more")
    return ", ".join(shown)


def _shown(image: Candidate) -> str:
    short = image.id.removeprefix("sha256:")[:12]
    return f"{quoted(image.tags[0])} ({short})" if image.tags else short


def _architecture() -> str:
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)
