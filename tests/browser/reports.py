"""Reports made by hand, valid by the schema: the sleep container, a hostile one, a huge one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

from scratchlab.model import Engine as EngineFacts
from scratchlab.model import Facts, Json, Runtime
from scratchlab.report import Report
from scratchlab.report.convert import rules_cited
from scratchlab.report.sections import EntrySection, Head, HeadFields
from scratchlab.report.verdict import decide

ZERO = "0" * 64
NAMES = {"mode": "0755", "uid": 0, "gid": 0}


def side(kind: str = "file", **more: Any) -> Json:
    """One side of an entry, as the schema wants it."""
    empty = {"size": 0, "sha256": ZERO if kind == "file" else None, "target": None, "device": None}
    rest: Json = {"xattrs": {}, "mtime": None, "links": None}
    return {"kind": kind, **NAMES, **empty, **rest, **more}


def entry(
    path: str, origin: str, live: Json | None, image: Json | None = None, **more: Any
) -> Json:
    """One entry; its status follows from its two sides unless ``more`` names it."""
    status = "same" if image and live else "only-live" if live else "missing"
    return {
        "path": path, "status": status, "origin": origin, "rule": None, "differences": [],
        "prediction": "agrees", "evidence": [], "image": image, "live": live, **more,
    }  # fmt: skip


def fact(kind: str, detail: str) -> Json:
    return {"kind": kind, "detail": detail}


def ghost(path: str, kind: str, origin: str, actor: str, **more: Any) -> Json:
    return {
        "path": path, "kind": kind, "origin": origin, "actor": actor,
        "evidence": [fact("mountinfo", actor)], "image": side(layer=0), **more,
    }  # fmt: skip


def check(name: str, verdict: str = "pass", **more: Any) -> Json:
    return {
        "id": name, "title": f"title of {name}", "verdict": verdict, "claim": f"claim of {name}",
        "command": f"echo {name}", "observed": f"{name} was seen", "expected": "as claimed",
        "cause": "", "help": "", "depends_on": [], **more,
    }  # fmt: skip


def report(entries: Iterable[Any], **head: Any) -> Report:
    """A report of ``entries``, with a summary that counts them, the rules that they cite and
    the verdict that follows.
    """
    rows = sorted(entries, key=lambda one: str(one["path"]).split("/"))
    ghosts = head.get("ghosts", [])
    live = [one for one in rows if one["live"]]
    unknown = sum(one["origin"] == "unexplained" for one in live)
    facts = Facts(
        engine=EngineFacts(name="docker", version="20.10.24+dfsg1"),
        runtime=Runtime(name="runc", version="1.1.5+ds1"),
    )
    whole = {
        "schema": "scratchlab-report-2",
        "tool": {"name": "scratchlab", "version": "1.0.0"},
        "host": {"name": "student07", "kernel": "6.12.48-cloud-amd64", "cgroup_version": 2,
                 "distribution": "Debian GNU/Linux 13 (trixie)"},
        "engine": {"name": "docker", "version": "20.10.24+dfsg1", "api_version": "1.41",
                   "storage_driver": "overlay2", "containerd_version": "1.6.20"},
        "runtime": {"name": "runc", "version": "1.1.5+ds1"},
        "image": {"id": f"sha256:{ZERO}", "tags": ["sleep:latest"], "diff_ids": [f"sha256:{ZERO}"],
                  "ledger_digest": f"sha256:{ZERO}"},
        "container": {"id": "f" * 64, "name": "sleep", "pid": 4711, "vantage": "host"},
        "summary": {
            "image_entries": sum(bool(one["image"]) for one in rows),
            "live_entries": len(live), "explained": len(live) - unknown, "unexplained": unknown,
            "missing": sum(one["status"] == "missing" for one in rows),
            "altered": sum(one["status"] == "altered" for one in rows), "ghosts": len(ghosts),
        },
        "ghosts": [], "checks": [], "problems": [], "notes": [],
        "not_compared": [{"what": "times of directories", "why": "unpacking touches them"}],
        "rules": rules_cited((one["rule"] for one in rows if one["rule"]), facts),
        **head,
    }  # fmt: skip
    verdict = decide(cast(HeadFields, whole), cast(list[EntrySection], rows))
    return Report(cast(Head, {"verdict": verdict, **whole}), cast(list[EntrySection], rows))


def sleep(**head: Any) -> Report:
    """The report of ``docker run`` of an image with one program: 26 entries."""
    return report(_sleep(), **{"checks": [check(f"E{at:02}") for at in range(1, 13)], **head})


def _sleep() -> Iterator[Json]:
    made = [fact("init-layer", "/var/lib/docker/overlay2/aa-init/diff holds it")]
    directory = side("directory", sha256=None)
    yield entry("/", "storage-driver", directory, directory, rule="docker-root",
                evidence=[fact("mountinfo", "overlay on /")])  # fmt: skip
    yield entry("/.dockerenv", "engine-init-layer", side(), rule="docker-dockerenv", evidence=made)
    yield _mount("/dev", "engine-filesystem")
    for name, device in (("full", [1, 7]), ("null", [1, 3]), ("random", [1, 8]), ("tty", [5, 0]),
                         ("urandom", [1, 9]), ("zero", [1, 5])):  # fmt: skip
        yield entry(f"/dev/{name}", "runtime-device", rule="oci-device",
                    live=side("char-device", mode="0666", device=device, mount=30),
                    evidence=[fact("stat", f"character device {device}")])  # fmt: skip
    for name, target in (("fd", "/proc/self/fd"), ("ptmx", "pts/ptmx"),
                         ("stderr", "/proc/self/fd/2"), ("stdin", "/proc/self/fd/0"),
                         ("stdout", "/proc/self/fd/1")):  # fmt: skip
        yield entry(f"/dev/{name}", "runtime-device", rule="oci-dev-link",
                    live=side("symlink", mode="0777", target=target, mount=30))  # fmt: skip
    yield _mount("/dev/mqueue", "engine-filesystem")
    yield _mount("/dev/pts", "oci-filesystem")
    yield entry("/dev/pts/ptmx", "kernel", side("char-device", device=[5, 2]), rule="devpts-node")
    yield _mount("/dev/shm", "oci-filesystem")
    yield entry("/etc", "engine-init-layer", directory, rule="docker-init-folder", evidence=made)
    for name in ("hostname", "hosts", "resolv.conf"):
        yield entry(f"/etc/{name}", "engine-mount", side(mode="0644", size=174, mount=31),
                    rule="docker-network-files",
                    evidence=[fact("mountinfo", f"31 /etc/{name} bind"),
                              fact("oci-config", "mounts[7]")])  # fmt: skip
    yield entry("/etc/mtab", "engine-init-layer", side("symlink", target="/proc/mounts"),
                rule="docker-mtab", evidence=made)  # fmt: skip
    yield _mount("/proc", "oci-filesystem")
    program = side(size=1261568, sha256="5" * 64, mtime=1_500_000_000_000_000_000)
    yield entry("/sleep", "image-layer", {**program, "mount": 29}, {**program, "layer": 0},
                evidence=[fact("image-layer", "layer 0, tar header sleep")])  # fmt: skip
    yield _mount("/sys", "oci-filesystem")


def _mount(path: str, rule: str) -> Json:
    return entry(path, "runtime-filesystem", side("directory", sha256=None, mount=30), rule=rule,
                 evidence=[fact("oci-config", f"mounts: {path}")])  # fmt: skip


def troubled() -> Report:
    """Ghosts of every kind, entries written and unexplained, checks of every verdict."""
    shipped = side(layer=0, size=18, mtime=1_500_000_000_123_456_789)
    directory = side("directory", sha256=None)
    rows = [
        *_sleep(),
        entry("/data", "user-mount", side("directory", sha256=None), rule="docker-user-mount"),
        entry("/dev/console", "runtime-filesystem", None, shipped, status="shadowed"),
        entry("/app", "image-layer", None, shipped, status="deleted"),
        entry("/opt", "written-later", side("directory", sha256=None),
              evidence=[fact("writable-layer", "/var/lib/docker/overlay2/bb/diff/opt")]),
        entry("/opt/secret", "unexplained", side(size=12), prediction="nothing was predicted here"),
        entry("/run.conf", "written-later", side(size=20), shipped, status="altered",
              differences=["size", "mtime"]),
        entry("/lost", "unexplained", None, shipped),
        entry("/trace", "hook-or-tool", side()),
        entry("/work", "engine-create", directory, rule="docker-workdir"),
        entry("/mnt", "runtime-mountpoint", directory, rule="runtime-mountpoint"),
        entry("/proc/kcore", "runtime-mask", side("char-device", device=[1, 3])),
    ]  # fmt: skip
    ghosts = [
        ghost("/dev/console", "shadowed", "runtime-filesystem", "mount of tmpfs on /dev"),
        ghost("/dev/old", "shadowed", "runtime-filesystem", "mount of tmpfs on /dev"),
        ghost("/etc/hosts", "overridden", "engine-mount", "bind mount on /etc/hosts"),
        ghost("/etc/mtab", "replaced", "engine-init-layer", "the engine's init layer"),
        ghost("/app", "deleted", "written-later", "the writable layer"),
        ghost("/run.conf", "changed", "written-later", "the writable layer"),
    ]
    checks = [
        check("E01"),
        check("E02", "skip", observed="not run: the engine has no such image"),
        check("E07", "fail", cause="something wrote into the root", help="docker diff sleep"),
        check("E12", "error", observed="timed out after 60 s", depends_on=["E07"]),
    ]
    problems = ["manifest.json and index.json name other layers"]
    return report(rows, ghosts=ghosts, checks=checks, problems=problems)


NOTES = [
    "no prediction: docker 99.1 is not among the versions that the rules were read in; origins are "
    "found by evidence alone",
    "layer 0: ../a leads out of the root: read as /a",
]


def drifted() -> Report:
    """All explained, but written to, mounted on and deleted from since the start; with notes."""
    shipped = side(layer=0, size=18)
    directory = side("directory", sha256=None)
    rows = [
        *_sleep(),
        entry("/volume", "user-mount", directory, rule="docker-user-mount"),
        entry("/volume/mine", "user-data", side(mount=40), evidence=[fact("mountinfo", "/volume")]),
        entry("/volume/copy", "volume-copy", side(mount=40), shipped),
        entry("/later", "host-mount", side("directory", sha256=None, mount=41)),
        entry("/mounted", "mounted-inside", side("directory", sha256=None, mount=42)),
        entry("/notes", "written-later", side(),
              evidence=[fact("writable-layer", "/var/lib/docker/overlay2/bb/diff/notes")]),
        entry("/run.conf", "written-later", side(size=20), shipped, status="altered",
              differences=["size"]),
        entry("/busy", "written-later", side(note="changed while read")),
    ]  # fmt: skip
    ghosts = [
        ghost("/app", "deleted", "written-later", "the writable layer"),
        ghost("/etc/old", "changed", "written-later", "the writable layer"),
    ]
    return report(rows, ghosts=ghosts, checks=[check("E01")], notes=NOTES)


def _answer(path: str, given: str, right: str, verdict: str, *, hint: bool = False) -> Json:
    return {"path": path, "given": given, "answer": right, "verdict": verdict, "hint": hint}


def _steps(*names: str) -> list[Json]:
    return [
        {"id": name, "title": f"what {name} adds", "tool": name, "version": "1.0",
         "command": f"{name} --run", "available": name != "gvisor",
         "reason": "not installed: apt-get install runsc" if name == "gvisor" else ""}
        for name in names
    ]  # fmt: skip


def climbed() -> Report:
    """The sleep container with a ladder and a time-lapse."""
    rungs = _steps("chroot", "mounts", "runc", "docker", "gvisor")
    stages = _steps("image", "created", "running", "removed")

    def rung(path: str, origin: str, made: int, maker: str, *, agrees: bool = True) -> Json:
        present = [*(at >= made for at in range(4)), None]
        return {"path": path, "kind": "directory", "present": present, "maker": maker,
                "made_on": rungs[made]["id"], "origin": origin, "agrees": agrees}  # fmt: skip

    def stage(path: str, origin: str, *present: bool) -> Json:
        made = stages[present.index(True)]["id"]
        detail = ["drwxr-xr-x 0:0" if one else "" for one in present]
        return {"path": path, "kind": "directory", "present": [*present], "detail": detail,
                "made_in": made, "origin": origin}  # fmt: skip

    return sleep(
        quiz={
            "seed": "student07", "taken": "2026-11-24T19:22:00+00:00", "container": "f" * 64,
            "problem": "", "points": 3, "of": 8,
            "answers": [_answer("/etc/hosts", "engine-mount", "engine-mount", "right", hint=True),
                        _answer("/usr", "image-layer", "absent", "wrong"),
                        _answer("/dev/null", "", "runtime-device", "unanswered")],
            "exercise": {"seed": "x", "given_path": "/opt", "given_origin": "written-later",
                         "path": "/opt/new", "origin": "written-later", "points": 1, "of": 4},
        },
        ladder={
            "image": "sleep", "ledger_digest": f"sha256:{ZERO}", "engine": "docker", "rungs": rungs,
            "entries": [rung("/", "storage-driver", 0, "image"),
                        rung("/.dockerenv", "engine-init-layer", 3, "engine"),
                        rung("/dev", "runtime-filesystem", 2, "runtime"),
                        rung("/proc", "runtime-filesystem", 1, "kernel", agrees=False),
                        rung("/sleep", "image-layer", 0, "image")],
        },
        timelapse={
            "image": "sleep", "stages": stages,
            "entries": [stage("/", "storage-driver", True, True, True, False),
                        stage("/.dockerenv", "engine-init-layer", False, True, True, False),
                        stage("/dev", "runtime-filesystem", False, True, True, False),
                        stage("/dev/null", "runtime-device", False, False, True, False),
                        stage("/sleep", "image-layer", True, True, True, False)],
        },
        mounts=[
            {"target": path, "fstype": "tmpfs", "source": "tmpfs", "root": "/", "id": at,
             "options": ["rw", "nosuid"], "super_options": ["rw"], "origin": origin, "rule": None,
             "prediction": "agrees", "entry": entry, "evidence": [fact("oci-config", path)]}
            for at, (path, origin, entry) in enumerate(
                (("/dev", "runtime-filesystem", True), ("/proc/acpi", "runtime-mask", False)))
        ],
    )  # fmt: skip


HOSTILE = (
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "<!--", "]]>", "{{7*7}}", "' onmouseover='document.title=1", "\u2028line\u2029", "\ud800lone",
    "\u202egnp.exe", "\x1b[31mred\x07", "a\nb", "\u0661\u05d0\u05d1", "..", " ", "\\x00",
    "__proto__", "constructor", "x" * 5000,
)  # fmt: skip


def hostile() -> Report:
    """Everything that a report's texts can hold within the patterns of the schema."""
    rows = [entry("/", "storage-driver", side("directory", sha256=None))]
    for name in HOSTILE:
        rows.append(entry(f"/{name}", "image-layer", side("symlink", target=name),
                          side("symlink", target=name, note=name, xattrs={name: name}),
                          evidence=[fact(name, name)], prediction=name, rule="evil",
                          differences=[name]))  # fmt: skip
    rows.append(entry("/" + "/".join("d" * 1500), "written-later", side()))
    rule = dict.fromkeys(("title", "stage", "level", "symbol", "removed_by"), HOSTILE[0])
    evil = {**rule, "id": "evil", "origin": "kernel", "source": "javascript:document.title='owned'",
            "clause": "https://example.org/\"><script>document.title='owned'</script>"}  # fmt: skip
    texts = dict.fromkeys(
        ("claim", "command", "observed", "expected", "cause", "help", "title"), "\n".join(HOSTILE)
    )
    return report(
        rows,
        rules=[evil],
        checks=[check(HOSTILE[0] + HOSTILE[9], "fail", **texts, depends_on=[*HOSTILE])],
        ghosts=[ghost(f"/{name}/ghost", "shadowed", "kernel", name) for name in HOSTILE],
        problems=[*HOSTILE],
        notes=[*HOSTILE],
        quiz={"seed": HOSTILE[0], "taken": HOSTILE[1], "container": HOSTILE[0],
              "problem": HOSTILE[1], "points": 0, "of": 0,
              "answers": [_answer(name, name, name, "wrong") for name in HOSTILE],
              "exercise": {"seed": "", "given_path": HOSTILE[0], "given_origin": HOSTILE[1],
                           "path": HOSTILE[0], "origin": HOSTILE[1], "points": 0, "of": 0}},
        mounts=[{"target": name, "fstype": name, "source": name, "root": name, "id": 1,
                 "options": [name], "super_options": [], "origin": "kernel", "rule": None,
                 "prediction": name, "entry": True, "evidence": [fact(name, name)]}
                for name in HOSTILE],
        timelapse={"image": HOSTILE[0], "stages": [{**one, "title": name, "command": name,
                                                    "reason": name, "tool": name}
                                                   for one in _steps("a", "b")
                                                   for name in HOSTILE[:1]],
                   "entries": [{"path": name, "kind": "file", "present": [True, None],
                                "detail": [name, name], "made_in": name, "origin": ""}
                               for name in HOSTILE]},
        container={"id": HOSTILE[0], "name": HOSTILE[1], "pid": 1, "vantage": "host"},
        image={"id": HOSTILE[0], "tags": [*HOSTILE[:2]], "diff_ids": [HOSTILE[1]],
               "ledger_digest": HOSTILE[0]},
    )  # fmt: skip


def huge(count: int = 100_000) -> Report:
    """A big image: ``count`` files in directories of a hundred, beside what Docker adds."""
    return report([*_sleep(), *_files(count)])


def _files(count: int) -> Iterator[Json]:
    directory = side("directory", sha256=None)
    yield entry("/usr", "image-layer", directory, directory)
    for at in range(count):
        name = f"/usr/{at // 10_000:02}/{at // 100 % 100:02}"
        if at % 10_000 == 0:
            yield entry(name[:-3], "image-layer", directory, directory)
        if at % 100 == 0:
            yield entry(name, "image-layer", directory, directory)
        file = side(size=at, sha256=f"{at:064x}", mtime=1_500_000_000_000_000_000 + at)
        yield entry(f"{name}/file{at:06}", "image-layer", {**file, "mount": 29},
                    {**file, "layer": 1},
                    evidence=[fact("image-layer", f"layer 1, header {at}")])  # fmt: skip
