"""The commands of the documents do what the documents say, on the engine that ./lab installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import ansible_environment
from tests.commands import classes, written

CLASSES = classes.read(classes.FILE.read_text("utf-8"))
WRITTEN = written.everything()
SECONDS = 300
ANSI = re.compile(r"\x1b\[[0-9;]*m")

Typed = Callable[[classes.Run], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def typed(tmp_path: Path, checkout: Path, programs: Path) -> Typed:
    """Run a command as a newcomer types it: without this environment's programs and variables."""

    def run(one: classes.Run) -> subprocess.CompletedProcess[str]:
        environment = {
            "HOME": str(tmp_path),
            "LAB": str(checkout),
            "LC_ALL": "C.UTF-8",
            "PATH": f"{programs}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "COLUMNS": "100",
        }
        # Standard error is a part of what a person reads; `before` is not.
        script = f"{{\n{one.before or ':'}\n}} >/dev/null || exit 99\nexec 2>&1\n{one.lines}\n"
        return subprocess.run(
            ["sh", "-c", script],
            cwd=checkout if one.checkout else tmp_path,
            env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            timeout=SECONDS,
        )  # fmt: skip

    return run


@pytest.mark.parametrize("one", CLASSES.run, ids=lambda one: one.command)
def test_runs(one: classes.Run, typed: Typed, request: pytest.FixtureRequest) -> None:
    places = [place for place in WRITTEN if place.command == one.command]
    documents = ", ".join(dict.fromkeys(place.document for place in places))
    request.node.user_properties += [("documents", documents), ("command", one.command)]
    for name in one.needs:
        request.getfixturevalue(name)
    done = typed(one)
    printed = ANSI.sub("", done.stdout)
    assert done.returncode in one.status, f"{one.lines}\n{printed}\n{done.stderr}"
    words = " ".join(printed.split())
    assert [text for text in one.prints if text not in words] == [], printed
    for place in places:
        assert written.missing(place.output, printed) == [], f"{place.document} shows\n{printed}"


def test_playbooks_of_the_documents_are_playbooks(tmp_path: Path) -> None:
    files = []
    for number, (name, text) in enumerate(written.playbooks()):
        files.append(tmp_path / f"{number}-{name.replace('/', '-')}.yml")
        files[-1].write_text(text)
    assert len(files) > 1
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "--syntax-check",
         "-i", "localhost,", *map(str, files)],
        cwd=tmp_path, env=ansible_environment.environment(tmp_path) | ansible_environment.PLUGINS
        | {"LC_ALL": os.environ.get("LC_ALL", "C.UTF-8")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
