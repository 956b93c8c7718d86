"""What a report's reader sees first: what decides, by weight; the rest folded."""

from __future__ import annotations

import io
from typing import Any

import pytest
from tests.browser import reports

from scratchlab import render
from scratchlab.errors import LabError
from scratchlab.render.terminal.rows import RowChoice
from scratchlab.report import Report
from scratchlab.report.listing import deciding


def written(path: str, weight: str, live: dict[str, Any] | None = None, **fields: Any) -> Any:
    drift = {"weight": weight, **fields.pop("drift", {})}
    side = reports.side() | (live or {})
    return {**reports.entry(path, "written-later", side), "drift": drift, **fields}


def groups(
    *entries: Any, whole: bool = False, **head: Any
) -> list[tuple[str, int, list[str], list[str]]]:
    report = reports.report([*entries])
    report = Report({**report.head, **head}, list(report.entries))  # type: ignore[typeddict-item]
    return [
        (group.title, group.count, [row.path for row in group.rows], group.lines)
        for group in deciding(report, whole=whole)
    ]


def test_the_heaviest_stand_first() -> None:
    found = groups(
        reports.entry("/a", "image-layer", reports.side()),
        written("/b.log", "passing"),
        written("/c", "privilege"),
        written("/d", "data"),
        reports.entry("/e", "unexplained", reports.side()),
        written("/f", "program"),
    )
    assert [(title, rows) for title, _, rows, _ in found] == [
        ("not explained, missing, or against the prediction", ["/e"]),
        ("set-uid files, devices and mounts", ["/c"]),
        ("programs and libraries", ["/f"]),
        ("data", ["/d"]),
        ("caches, logs, temporary files", ["/b.log"]),
    ]


def test_many_light_changes_are_folded() -> None:
    logs = [written(f"/var/log/{number}", "passing") for number in range(6)]
    assert groups(*logs) == [
        ("caches, logs, temporary files", 6, [], ["6 written, all below /var/log"])
    ]
    (whole,) = groups(*logs, whole=True)
    assert len(whole[2]) == 6
    (few,) = groups(*logs[:5])
    assert (len(few[2]), few[3]) == (5, [])


def test_of_many_programs_the_first_are_listed() -> None:
    (found,) = groups(*(written(f"/bin/{number:03}", "program") for number in range(45)))
    assert (found[1], len(found[2]), found[3]) == (45, 40, ["5 more written, all below /bin"])


def test_changes_of_packages_are_told_as_packages() -> None:
    package = {"drift": {"package": "dpkg: nginx:amd64 1.22"}}
    files = [written(f"/usr/share/doc/{number}", "package", **package) for number in range(9)]
    listed = written("/var/lib/dpkg/info/nginx:amd64.list", "data")
    other = written("/etc/r.conf", "package", drift={"package": "dpkg: redis 7"})
    (packages, data) = groups(*files, listed, other)
    assert packages == ("files of packages", 10, [], [
        "dpkg: redis 7: 1 written (/etc/r.conf)",
        "dpkg: nginx:amd64 1.22 (installed since the start): 9 written",
    ])  # fmt: skip
    assert data[1] == 1


def ghost(path: str, kind: str, **fields: Any) -> Any:
    return {"path": path, "kind": kind, "origin": "written-later", "actor": "the writable layer",
            "evidence": [], "image": reports.side(), **fields}  # fmt: skip


def test_what_was_deleted_is_folded_and_what_a_mount_hides_is_none_of_it() -> None:
    gone = [ghost(f"/usr/share/doc/{n}", "deleted", drift={"weight": "data"}) for n in range(1722)]
    hidden = ghost("/dev/x", "shadowed")
    allowed = ghost("/x", "deleted", drift={"weight": "data"}, allowed="/x")
    assert groups(ghosts=[*gone, hidden, allowed]) == [
        ("data", 1722, [], ["1,722 deleted, all below /usr/share/doc"])
    ]


def test_what_packages_lost_is_folded_by_directory() -> None:
    def gone(package: str) -> list[Any]:
        drift = {"weight": "package", "package": package}
        return [ghost(f"/usr/share/man/{package}{n}", "deleted", drift=drift) for n in range(9)]

    assert groups(ghosts=gone("dpkg: a 1"))[0][3] == [
        "9 deleted, of dpkg: a 1, all below /usr/share/man"
    ]
    assert groups(ghosts=gone("dpkg: a 1") + gone("dpkg: b 1"))[0][3] == [
        "18 deleted, of 2 packages, all below /usr/share/man"
    ]


def test_a_report_without_weights_says_so() -> None:
    entry = reports.entry("/x", "written-later", reports.side())
    assert groups(entry)[0][0] == "changes that this report does not weigh"


def shown(entry: Any, choice: RowChoice | None = None) -> str:
    out = io.StringIO()
    render.report("table", reports.report([entry]), out, choice)
    return out.getvalue()


def test_an_altered_entry_is_told_from_what_to_what() -> None:
    fields = ["mode", "uid", "sha256", "mtime", "target", "device", "xattrs"]
    entry = written(
        "/x", "privilege", {"mode": "4755", "uid": 5, "device": [1, 3], "target": "b"},
        status="altered", differences=fields,
        image=reports.side() | {"mode": "0644", "target": "a"},
    )  # fmt: skip
    assert (
        "/x  mode 0644 -> 4755, owner 0 -> 5, content, time, target a -> b, device None -> 1:3, "
        "attributes"
    ) in " ".join(shown(entry).split()).replace("/x mode", "/x  mode")


def test_only_what_is_chosen_is_shown() -> None:
    entry = written("/etc/x", "data")
    for only in ("/etc", "/etc/x", "/", "written-later", "only-live"):
        assert "1 rows as --only" in shown(entry, RowChoice(only=(only,))), only
    for only in ("/et", "/etc/x/y", "image-layer", "deleted"):
        assert "0 rows as --only" in shown(entry, RowChoice(only=(only,))), only


def test_what_chooses_nothing_is_refused() -> None:
    RowChoice(only=("/anything", "altered", "kernel")).check()
    with pytest.raises(LabError, match="--only etc: not a path, an origin or a status"):
        RowChoice(only=("etc",)).check()
