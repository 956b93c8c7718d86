"""What commands import: nothing that they do not need, and nothing that only Linux has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scratchlab.cli.commands import COMMANDS

SCRIPTS = Path(__file__).parents[2] / "scripts"
LINUX_ONLY = ("O_PATH", "getxattr", "listxattr", "pidfd_open", "setns", "unshare")


def run_python(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("command", ["--version", "image", "report", "replay"])
def test_command_without_an_engine_does_not_import_the_docker_sdk(
    command: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("neither an archive nor a report")
    code = (
        "import sys\n"
        "from scratchlab.__main__ import main\n"
        "main(sys.argv[1:])\n"
        "print(sorted(name for name in sys.modules if name.partition('.')[0] == 'docker'))\n"
    )
    arguments = [command] if command == "--version" else [command, str(tmp_path / "file")]
    assert run_python(code, *arguments).splitlines()[-1] == "[]"


def test_verify_does_not_wait_for_what_it_needs_only_once_the_image_is_read() -> None:
    code = (
        "import sys\n"
        "import scratchlab.cli.verification, scratchlab.lab.verification\n"
        "late = ('rich', 'jinja2', 'scratchlab.judge', 'scratchlab.report', 'scratchlab.render')\n"
        "print([name for name in sys.modules if name.startswith(late)])\n"
    )
    assert run_python(code) == "[]\n"


HEAVY = ("click", "concurrent.futures", "docker", "multiprocessing", "requests", "ruamel", "yaml")


def imported(code: str, *unwanted: str) -> list[str]:
    """Which of the packages ``unwanted`` the ``code`` imports."""
    output = run_python(f"{code}\nimport sys\nprint(*sorted(sys.modules))")
    modules = output.splitlines()[-1].split()
    return [name for name in modules if any(f"{name}.".startswith(f"{one}.") for one in unwanted)]


def test_the_table_of_a_run_judges_nothing() -> None:
    code = f"import sys\nsys.path.insert(0, {str(SCRIPTS)!r})\nimport show_reports"
    collecting = ("scratchlab.judge", "scratchlab.collect", "scratchlab.evidence", "scratchlab.lab")
    assert imported(code, *HEAVY, *collecting) == []


def test_a_build_that_may_find_nothing_to_do_imports_no_writer() -> None:
    code = f"import sys\nsys.path.insert(0, {str(SCRIPTS)!r})\nimport build_zipapp"
    writers = ("dataclasses", "tempfile", "zipfile", "scratchlab.collect", "scratchlab.errors")
    assert imported(code, *HEAVY, *writers) == []


def test_the_page_of_a_report_needs_no_table_no_class_and_no_other_process() -> None:
    others = ("scratchlab.classroom", "scratchlab.collect", "scratchlab.lab")
    assert imported("import scratchlab.cli.pages", *HEAVY, *others, "junitparser", "rich") == []


@pytest.mark.parametrize("module", sorted(set(COMMANDS.values())))
def test_command_can_be_imported_on_other_systems(module: str) -> None:
    code = (
        "import os, sys\n"
        f"for name in {LINUX_ONLY}: vars(os).pop(name, None)\n"
        "__import__('scratchlab.cli.' + sys.argv[1])\n"
    )
    run_python(code, module)
