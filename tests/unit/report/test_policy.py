"""The policy of --expect: what its file may hold, what a rule allows, what it never allows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchlab.errors import LabError
from scratchlab.model import Entry, Kind, Origin
from scratchlab.report.policy.file import Policy, parse, read
from scratchlab.report.policy.fold import fold, generalized
from scratchlab.report.policy.propose import propose
from scratchlab.report.policy.rule import Change, ChangeKind, needs_naming

ADDED, ALTERED, DELETED = ChangeKind.ADDED, ChangeKind.ALTERED, ChangeKind.DELETED


def policy(rules: str) -> Policy:
    return parse(f"allow:\n{rules}\n".encode(), "dir/expect.yml")


def change(path: str, kind: ChangeKind = ADDED, entry: Kind = Kind.FILE, **fields: Any) -> Change:
    origin = fields.pop("origin", Origin.WRITTEN_LATER)
    mountpoint, unstable = fields.pop("mountpoint", False), fields.pop("unstable", False)
    entry_fields = {"mode": 0o644, **fields}
    return Change(path, kind, origin, Entry(path, entry, **entry_fields), mountpoint, unstable)


def allows(rules: str, *args: Any, **fields: Any) -> bool:
    return policy(rules).judge(change(*args, **fields))[0] is not None


# What a rule allows:


@pytest.mark.parametrize(
    ("pattern", "path", "entry", "allowed"),
    [
        ("/run/nginx.pid", "/run/nginx.pid", Kind.FILE, True),
        ("/run/nginx.pid", "/opt/run/nginx.pid", Kind.FILE, False),
        ("'*.pid'", "/run/a/b.pid", Kind.FILE, True),
        ("/var/cache/nginx/", "/var/cache/nginx", Kind.DIRECTORY, True),
        ("/var/cache/nginx/", "/var/cache/nginx", Kind.FILE, False),
        ("/var/cache/nginx/", "/var/cache/nginx/a/b", Kind.FILE, True),
        ("/var/cache/*/", "/var/cache/a/b/c", Kind.FILE, True),
        ("/a/*", "/a/b", Kind.FILE, True),
        ("/a/**/c", "/a/x/y/c", Kind.FILE, True),
        ('["/a/", "!/a/b"]', "/a/b", Kind.FILE, False),
    ],
)
def test_patterns_are_those_of_gitignore(
    pattern: str, path: str, entry: Kind, allowed: bool
) -> None:
    assert allows(f"- path: {pattern}", path, entry=entry) is allowed


def test_added_is_the_default_change() -> None:
    assert allows("- path: /x", "/x", ADDED)
    assert not allows("- path: /x", "/x", ALTERED)
    assert not allows("- path: /x", "/x", DELETED)
    assert allows("- path: /x\n  change: [altered, deleted]", "/x", DELETED)


@pytest.mark.parametrize(
    ("condition", "fields", "refused"),
    [
        ("kind: file", {}, {"entry": Kind.FIFO}),
        ('mode: "0640"', {"mode": 0o640}, {"mode": 0o644}),
        ("owner: 33", {"uid": 33, "gid": 1}, {"uid": 34}),
        ('owner: "33:4"', {"uid": 33, "gid": 4}, {"uid": 33, "gid": 5}),
        ("max_size: 10", {"size": 10}, {"size": 11}),
        ("max_size: 1 KiB", {"size": 1024}, {"size": 1025}),
        ("origin: mounted-inside", {"origin": Origin.MOUNTED_INSIDE}, {}),
    ],
)
def test_each_condition_can_refuse(
    condition: str, fields: dict[str, Any], refused: dict[str, Any]
) -> None:
    rule = f'- path: "*.x"\n  {condition}'
    assert allows(rule, "/a.x", **fields)
    found, reasons = policy(rule).judge(change("/a.x", **refused))
    assert found is None
    assert len(reasons) == 1


# What no rule allows but one that names just that:

NAMED = [
    ({"origin": Origin.UNEXPLAINED}, "origin: unexplained"),
    ({"mode": 0o4755}, 'mode: "4755"'),
    ({"mode": 0o2755}, 'mode: "2755"'),
    ({"entry": Kind.CHAR, "device": (1, 3)}, "kind: char-device"),
    ({"entry": Kind.BLOCK, "device": (8, 0)}, "kind: block-device"),
    ({"origin": Origin.HOST_MOUNT, "mountpoint": True, "entry": Kind.DIRECTORY},
     "origin: host-mount"),
    ({"xattrs": (("security.capability", b"\1"),)}, "capabilities: true"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "name"), NAMED)
def test_only_a_rule_that_names_just_that_allows_it(fields: dict[str, Any], name: str) -> None:
    assert needs_naming(change("/opt/x", **fields))
    assert allows(f"- path: /opt/x\n  {name}", "/opt/x", **fields)
    assert not allows(f'- path: "/opt/[x]"\n  {name}', "/opt/x", **fields)
    assert not allows(f"- path: /opt/\n  {name}", "/opt/x", **fields)
    assert not allows(f"- path: x\n  {name}", "/opt/x", **fields)
    plain = "origin: [written-later, unexplained, host-mount]" if "origin" not in fields else ""
    assert not allows(f"- path: /opt/x\n  {plain}", "/opt/x", **fields)


def test_a_set_uid_bit_of_another_mode_is_not_named() -> None:
    assert not allows('- path: /opt/x\n  mode: "4755"', "/opt/x", mode=0o4711)


def test_a_mount_without_entry_fulfils_no_condition() -> None:
    hidden = Change("/proc/x", ADDED, Origin.MOUNTED_INSIDE, None, mountpoint=True)
    rule = "- path: /proc/x\n  origin: mounted-inside"
    assert policy(rule).judge(hidden)[0] is not None
    assert policy(f"{rule}\n  kind: file").judge(hidden)[0] is None


def test_a_file_that_changed_while_it_was_read_needs_no_origin() -> None:
    data = change("/srv/x", origin=Origin.USER_DATA, unstable=True)
    assert policy("- path: /srv/x").judge(data)[0] is not None
    unknown = change("/srv/x", origin=Origin.UNEXPLAINED, unstable=True)
    assert policy("- path: /srv/x").judge(unknown)[0] is None


# What the file may hold:


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("- path: /x", None, "mapping"),
        ("rules: []", 1, "unknown key rules"),
        ("{}", None, "allow is missing"),
        ("allow: /x", 1, "list of rules"),
        ("allow:\n- /x", 2, "a rule is a mapping"),
        ("allow:\n- kind: file", 2, "no path"),
        ("allow:\n- path: /x\n  knd: file", 3, "did you mean kind?"),
        ("allow:\n- path: /x\n  path: /y", 3, "path stands twice"),
        ("allow: []\nallow: []", 2, "allow stands twice"),
        ("allow:\n- path: 5", 2, "path must be a text"),
        ("allow:\n- path: []", 2, "path must be a text"),
        ("allow:\n- path: ''", 2, "path must be a text"),
        ("allow:\n- path: '# x'", 2, "matches nothing"),
        ("allow:\n- path: '/'", 2, "matches nothing"),
        ("allow:\n- path: '!'", 2, "not a pattern"),
        ("allow:\n- path: /x\n  kind: fle", 3, "did you mean file?"),
        ("allow:\n- path: /x\n  change: new", 3, "added, altered, deleted"),
        ("allow:\n- path: /x\n  mode: 0644", 3, "in quotes"),
        ("allow:\n- path: /x\n  mode: '0999'", 3, "octal"),
        ("allow:\n- path: /x\n  owner: root", 3, "user id"),
        ("allow:\n- path: /x\n  owner: true", 3, "user id"),
        ("allow:\n- path: /x\n  max_size: many", 3, "bytes"),
        ("allow:\n- path: /x\n  max_size: true", 3, "bytes"),
        ("allow:\n- path: /x\n  capabilities: yes", 3, "true or false"),
        ("allow:\n- path: [/x", 2, "not YAML"),
        ("allow:\n- path: *.pid", 2, "needs quotes"),
        ("allow: !!python/object:os.system x", 1, "list of rules"),
        ("[" * 5000, None, "not YAML"),
        ("\x00", None, "not YAML"),
        ("", None, "mapping"),
    ],
)
def test_a_fault_is_one_line_with_its_place(text: str, line: int | None, says: str) -> None:
    with pytest.raises(LabError, match=r"expect\.yml") as caught:
        parse(text.encode(), "expect.yml")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    if line is not None:
        assert str(caught.value).startswith(f"expect.yml:{line}: ")


@pytest.mark.parametrize(
    "pattern", ["*", "**", "/*", "/**", "/*/", "/*/*", "/*/**", "/[a-z]*", "!/x", "/**/*", "?*"]
)
def test_a_pattern_that_matches_every_top_level_name_is_refused(pattern: str) -> None:
    rules = f'- path: "{pattern}"' if pattern != "!/x" else '- path: ["/[a-m]*", "/[n-z]*"]'
    with pytest.raises(LabError, match=r"every top-level name"):
        policy(rules)


@pytest.mark.parametrize("pattern", ["*.pid", "__pycache__/", "/tmp/", "/var/**/x", "/*/x.log"])
def test_a_pattern_for_names_in_many_places_is_taken(pattern: str) -> None:
    assert policy(f'- path: "{pattern}"').rules


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="cannot read"):
        read(str(tmp_path / "none.yml"))
    (tmp_path / "bad.yml").write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(LabError, match="not UTF-8"):
        read(str(tmp_path / "bad.yml"))
    (tmp_path / "big.yml").write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(LabError, match="larger"):
        read(str(tmp_path / "big.yml"))


@given(st.binary(max_size=200))
@example(b"allow: [{path: \xc2\x85}]")
def test_any_bytes_are_a_policy_or_one_line(data: bytes) -> None:
    try:
        parse(data, "expect.yml")
    except LabError as error:
        assert "\n" not in str(error)  # noqa: PT017


# What `scratchlab expect` writes:

NAMES = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..")
)
PATHS = st.lists(
    st.one_of(NAMES, st.sampled_from(["var", "lib", "run", "tmp", "__pycache__", "x-2026-11-28"])),
    min_size=1, max_size=5,
).map(lambda names: "/" + "/".join(names))  # fmt: skip
CHANGES = st.lists(
    st.builds(
        change,
        PATHS,
        st.sampled_from(ChangeKind),
        st.sampled_from([Kind.FILE, Kind.DIRECTORY, Kind.SOCKET]),
    ),
    max_size=30,
    unique_by=lambda item: item.path,
)


@given(CHANGES)
@example([change(f"/var/lib/pg/base/{n}/{m}", ALTERED) for n in range(3) for m in range(4)])
@example([change(f"/{name}/__pycache__", ADDED, Kind.DIRECTORY) for name in "abc"])
@example([change("/a\udcff\n b ", ADDED)])
@example([change(f"/{n}", ADDED) for n in ("abcd", "bbcd", "cbcd", "dbcd")])
def test_what_it_writes_allows_all_that_changed(changes: list[Change]) -> None:
    written = parse(propose("web", changes).encode(), "expect.yml")
    for item in changes:
        assert written.judge(item)[0] is not None, propose("web", changes)


@given(CHANGES)
def test_every_change_is_in_one_fold(changes: list[Change]) -> None:
    folded = [item for one in fold(changes) for item in one.changes]
    assert sorted(folded, key=repr) == sorted(changes, key=repr)


def patterns(*changes: Change) -> list[str]:
    return [item.pattern for item in fold(changes)]


def test_folds_are_what_a_person_writes() -> None:
    temporary = [
        change(f"/var/lib/nginx/{name}", ADDED, Kind.DIRECTORY)
        for name in ("body", "fastcgi", "proxy", "scgi", "uwsgi")
    ]
    assert patterns(*temporary, change("/run/nginx.pid")) == ["/run/nginx.pid", "/var/lib/nginx/"]
    directory = change("/opt/data", ADDED, Kind.DIRECTORY)
    assert patterns(directory, change("/opt/data/a"), change("/opt/data/b/c")) == ["/opt/data/"]
    several = [change(f"/tmp/{name}.sock", ADDED, Kind.SOCKET) for name in ("a", "b", "c")]
    assert patterns(*several) == ["/tmp/*.sock"]


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("nginx.pid", "nginx.pid"),
        (".s.PGSQL.5432.lock", ".s.PGSQL.[0-9]*.lock"),
        ("PostgreSQL.2720220922", "PostgreSQL.[0-9]*"),
        ("tmpab12cd_3", "tmp*"),
        ("wgunicorn-ab3_x9q1", "wgunicorn-*"),
        ("log-2026-11-28", "log-*"),
        ("postgresql-15-main.log", "postgresql-15-main.log"),
        ("0123456789abcdef", "0123456789abcdef"),
        ("star*[x]", "star\\*\\[x\\]"),
    ],
)
def test_names_that_are_another_each_time(name: str, pattern: str) -> None:
    assert generalized(name) == pattern


def test_what_must_be_named_is_a_comment() -> None:
    changes = [
        change("/opt/root-shell", mode=0o4755),
        change("/opt/who", origin=Origin.UNEXPLAINED),
        change("/run/lock", entry=Kind.DIRECTORY, origin=Origin.MOUNTED_INSIDE, mountpoint=True),
    ]
    text = propose("web", changes)
    assert parse(text.encode(), "e").rules == ()
    assert '#     mode: "4755"' in text
    assert "# /opt/who: it is unexplained" in text
    lines = text[text.index("#   - path") :].splitlines()
    taken = [line[2:] for line in lines if line.startswith("#   ")]
    named = parse("\n".join(["allow:", *taken]).encode(), "e")
    assert [named.judge(item)[0] is not None for item in changes] == [True, False, True]
