"""Checks of containers: does one run, which process is it, what is left of it, what limits it?"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from scratchlab import mountinfo
from scratchlab.errors import LabError
from scratchlab.experiments import e04_static_program as e04
from scratchlab.experiments import e05_program_image as e05
from scratchlab.experiments import e13_limit_files as files
from scratchlab.labels import Names
from scratchlab.learn.desk import Desk, words_of
from scratchlab.learn.grading import Outcome, Said
from scratchlab.learn.steps import Step
from scratchlab.text import visible

if TYPE_CHECKING:
    from scratchlab.model import Json


def running(desk: Desk, step: Step, _words: tuple[str, ...]) -> Outcome:
    """The image holds exactly the program (E05), and a container of it runs."""
    image, name = desk.named(str(step.options["image"])), desk.named(str(step.options["container"]))
    program = desk.path(str(step.options["directory"]), str(step.options["file"]))
    said = _image_of_program(desk, image, program)
    if not said.right:
        return Outcome((said,))
    there = container_runs(desk, name, image)
    if not there.right:
        return Outcome((said, there))
    found = desk.container(name) or {}
    kept = {"id": str(found.get("Id", "")), "pid": str(found["State"]["Pid"])}
    return Outcome((said, there), kept=kept)


def _image_of_program(desk: Desk, image: str, program: str) -> Said:
    lab = desk.lab(Names(image=image, binary=program))
    values = {"image": image, "path": program}
    if lab.image(image) is None:
        return Said("no-image", False, values)
    try:
        with desk.student.rights():
            if not os.path.isfile(program):
                return Said("no-program", False, values)
            lab.observations["E04"] = e04.probe(lab)
    except (LabError, OSError):
        return Said("no-program", False, values)
    judged = e05.judge(e05.probe(lab))
    if judged.fault is None:
        return Said("image", True, values)
    observed = "; ".join(judged.observed.splitlines()[:4])
    return Said(judged.fault, False, {**values, "observed": observed, **judged.placeholders})


def container_runs(desk: Desk, name: str, image: str) -> Said:
    """Whether ``name`` runs and was created from the present ``image``."""
    found, values = desk.container(name), {"name": name, "image": image}
    if found is None:
        other = _others(desk, image)
        return Said("other-name" if other else "no-container", False, {**values, "other": other})
    state = found["State"]
    if not state.get("Pid"):
        values |= {"status": str(state.get("Status", "")), "error": visible(_error(desk, found))}
        return Said("stopped", False, values)
    made_of = desk.image(image)
    if made_of is None or made_of["Id"] != found["Image"]:
        return Said("other-image", False, values)
    return Said("running", True, values)


def _error(desk: Desk, found: Json) -> str:
    """Why a container does not run: the engine's error, or the last line that was printed."""
    state = found["State"]
    error = " ".join(str(state.get("Error") or "").split())
    if not error:
        logs = desk.engine.client.api.logs(found["Id"], tail=1)
        error = " ".join(bytes(logs).decode("utf-8", "replace").split())
    return error or f"its program ended with status {state.get('ExitCode', 0)}"


def _others(desk: Desk, image: str) -> str:
    """A container of ``image`` that has another name; empty where there is none."""
    listed = desk.engine.client.api.containers(all=True, filters={"ancestor": image})
    names = [str(name).lstrip("/") for item in listed for name in item.get("Names") or ()]
    return visible(names[0]) if names else ""


def process(desk: Desk, step: Step, words: tuple[str, ...]) -> Outcome:
    """The PID of the container's process, as the host counts."""
    name = desk.named(str(step.options["container"]))
    image = desk.named(str(step.options["image"]))
    there = container_runs(desk, name, image)
    if not there.right:
        return Outcome((there,), counts=False)
    given = words_of(words)
    if len(given) != 1 or not given[0].isdecimal():
        return Outcome((Said("no-answer", False, {"name": name}),), counts=False)
    pid = str((desk.container(name) or {})["State"]["Pid"])
    if given[0] == pid:
        return Outcome((Said("right", True, {"pid": pid, "name": name}),), answer=pid)
    key = "inside" if given[0] == "1" else "wrong"
    exists = os.path.exists(f"/proc/{given[0]}")
    values = {"given": given[0], "name": name, "comm": _comm(given[0]) if exists else "no process"}
    return Outcome((Said(key, False, values),), answer=pid)


def _comm(pid: str) -> str:
    with contextlib.suppress(OSError):
        return visible(Path("/proc", pid, "comm").read_text("utf-8", "replace").strip())
    return "no process"


def vanished(desk: Desk, step: Step, _words: tuple[str, ...]) -> Outcome:
    """No container, no mount and no directory is left of the one that ran before (E11)."""
    name = desk.named(str(step.options["container"]))
    identity = desk.store.kept(str(step.options["step"]), "id")
    values = {"name": name, "id": identity[:12]}
    if not identity:
        return Outcome((Said("never-ran", False, values),), counts=False)
    found = desk.container(identity)
    if found is not None:
        running_now = bool(found["State"].get("Pid"))
        return Outcome((Said("still-running" if running_now else "still-there", False, values),))
    mounts = _mounts_with(identity)
    if mounts:
        return Outcome((Said("mounts", False, {**values, "mounts": "; ".join(mounts[:3])}),))
    directory = os.path.join(desk.engine.facts().root_dir, "containers", identity)
    said = [Said("gone", True, values)]
    if desk.student.root or desk.student.uid == 0:
        if os.path.lexists(directory):
            return Outcome((Said("directory", False, {**values, "directory": directory}),))
        said.append(Said("directory-gone", True, {**values, "directory": directory}))
    if desk.container(name) is not None:
        said.append(Said("another", True, values))
    return Outcome(tuple(said))


def _mounts_with(identity: str) -> list[str]:
    """The mounts whose path names the container, in every mount namespace that can be read."""
    found, visited = [], set()
    for directory in Path("/proc").iterdir():
        if not directory.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            namespace = os.readlink(directory / "ns" / "mnt")
            if namespace in visited:
                continue
            visited.add(namespace)
            mounts = mountinfo.parse((directory / "mountinfo").read_bytes())
            found += [visible(mount.target) for mount in mounts if identity in mount.target]
    return found


def limits(desk: Desk, step: Step, words: tuple[str, ...]) -> Outcome:
    """A memory limit that is in force, and a namespace that is shared with the host (E13, E14)."""
    name = desk.named(str(step.options["container"]))
    image, wanted = desk.named(str(step.options["image"])), int(step.options["memory"])
    there = container_runs(desk, name, image)
    if not there.right:
        return Outcome((there,), counts=False)
    found = desk.container(name) or {}
    set_to = int(found["HostConfig"].get("Memory") or 0)
    if set_to != wanted:
        values = {"name": name, "memory": str(set_to)}
        return Outcome((Said("no-limit", False, values),), counts=False)
    if found["HostConfig"].get("NetworkMode") != "host":
        return Outcome((Said("own-network", False, {"name": name}),), counts=False)
    in_force, where = _limit_in_force(int(found["State"]["Pid"]))
    shared = _shared_namespaces(int(found["State"]["Pid"])) or {"net", "user", "time", "cgroup"}
    given = words_of(words)
    if len(given) != 2:
        return Outcome((Said("no-answer", False, {"name": name}),), counts=False)
    number = next((word for word in given if word.isdecimal()), "")
    namespace = next((word.lower() for word in given if not word.isdecimal()), "")
    said = [
        Said("number" if number == (in_force or str(wanted)) else "wrong-number",
             number == (in_force or str(wanted)), {"file": where, "given": number}),
        Said("namespace" if namespace == "net" else "wrong-namespace",
             namespace == "net" and "net" in shared, {"given": visible(namespace)}),
    ]  # fmt: skip
    return Outcome(tuple(said), answer=f"{in_force or wanted} net")


def _limit_in_force(pid: int) -> tuple[str, str]:
    """The number in the control group's file, and the file; empty where it cannot be read."""
    try:
        text = Path("/proc", str(pid), "cgroup").read_text("ascii")
        mounts = mountinfo.parse(Path("/proc/self/mountinfo").read_bytes())
        groups = files.parse_groups(text)
        version = 1 if "memory" in groups else 2
        group = groups.get("memory") or groups.get("", "/")
        directory = files.group_directory(version, "memory" if version == 1 else "", group, mounts)
        file = Path(directory, "memory.limit_in_bytes" if version == 1 else "memory.max")
        return file.read_text("ascii").strip(), str(file)
    except (OSError, LabError, ValueError):
        return "", "the file of the control group"


def _shared_namespaces(pid: int) -> set[str]:
    """The namespaces that the process shares with this one; empty where they cannot be read."""
    shared = set()
    with contextlib.suppress(OSError):
        for link in Path("/proc/self/ns").iterdir():
            if os.readlink(link) == os.readlink(f"/proc/{pid}/ns/{link.name}"):
                shared.add(link.name.removesuffix("_for_children"))
    return shared
