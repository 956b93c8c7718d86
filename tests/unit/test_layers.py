"""The layers of ``[tool.importlinter]`` hold: an upward import is red, late imports included."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "scripts" / "scratchlab"
SETTINGS = ROOT / "pyproject.toml"
LINTER = Path(sys.executable).with_name("lint-imports")
LAYERS: list[str] = tomllib.loads(SETTINGS.read_text())["tool"]["importlinter"]["contracts"][0][
    "layers"
]
HEIGHT = {
    name.strip(): height
    for height, layer in enumerate(reversed(LAYERS))
    for name in layer.split("|")
}


def lint(scripts: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINTER, "--no-cache", "--no-logo", "--config", SETTINGS],
        env=os.environ | {"PYTHONPATH": str(scripts)},
        cwd=scripts,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the packages' Python files, for a test to plant imports in."""
    copy = tmp_path_factory.mktemp("scripts")
    for file in PACKAGE.parent.rglob("*.py"):
        target = copy / file.relative_to(PACKAGE.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    return copy


def test_no_import_runs_up() -> None:
    done = lint(ROOT / "scripts")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("package", "planted"),
    [
        ("judge", "import scratchlab.cli.options"),
        ("collect", "import scratchlab.judge"),
        ("collect", "if __debug__:\n    import scratchlab.lab"),
        ("report", "def late() -> None:\n    from scratchlab import render"),
        ("collect", "import typing\nif typing.TYPE_CHECKING:\n    from scratchlab import ladder"),
    ],
    ids=["upward", "between siblings", "under a condition", "in a function", "for types only"],
)
def test_planted_upward_import_is_red(scripts: Path, package: str, planted: str) -> None:
    file = scripts / "scratchlab" / package / "__init__.py"
    before = file.read_text()
    file.write_text(f"{before}\n{planted}\n")
    try:
        done = lint(scripts)
    finally:
        file.write_text(before)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "No import runs up, types included BROKEN" in done.stdout
    assert f"scratchlab.{package} -> scratchlab." in done.stdout


def test_module_outside_every_layer_is_red(scripts: Path) -> None:
    file = scripts / "scratchlab" / "unplaced.py"
    file.touch()
    try:
        done = lint(scripts)
    finally:
        file.unlink()
    assert done.returncode == 1, done.stdout
    assert "unplaced" in done.stdout


def test_machines_never_import_the_program(scripts: Path) -> None:
    file = scripts / "machines" / "place.py"
    before = file.read_text()
    file.write_text(f"{before}\nimport scratchlab.errors\n")
    try:
        done = lint(scripts)
    finally:
        file.write_text(before)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "The program knows nothing of machines, and they nothing of it BROKEN" in done.stdout


def late_imports(file: Path) -> list[str]:
    """The fixed beginning, a dotted name, of each name that ``file`` passes to import_module."""
    module = ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
    package = module.rpartition(".")[0]
    own_name = module.removesuffix(".__init__")
    names = {"__name__": own_name, "__package__": package}
    calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    return [
        fixed_part(call.args[0], names)
        for call in calls
        if ast.unparse(call.func) in ("import_module", "importlib.import_module")
    ]


def fixed_part(argument: ast.expr, names: dict[str, str]) -> str:
    """What is known of ``argument`` without running it, up to the last dot."""
    parts = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
    known = ""
    for part in parts:
        if isinstance(part, ast.Constant):
            known += str(part.value)
        elif isinstance(part, ast.FormattedValue) and ast.unparse(part.value) in names:
            known += names[ast.unparse(part.value)]
        else:
            return known.rpartition(".")[0]
    return known


def height(module: str) -> int:
    return HEIGHT[module.split(".")[1]]


@pytest.mark.parametrize(
    ("call", "known"),
    [
        ('f"{__name__}.{TABLE[key]}"', "scratchlab.render"),
        ('f"scratchlab.judge.{name}"', "scratchlab.judge"),
        ('"scratchlab.cli.options"', "scratchlab.cli.options"),
        ("name", ""),
    ],
)
def test_fixed_part_of_a_late_import_is_known(call: str, known: str) -> None:
    names = {"__name__": "scratchlab.render"}
    assert fixed_part(ast.parse(call, mode="eval").body, names) == known


def test_late_imports_stay_within_or_below_their_layer() -> None:
    importers = set()
    for file in PACKAGE.rglob("*.py"):
        for target in late_imports(file):
            importer = ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
            importers.add(importer)
            assert target.startswith("scratchlab."), (importer, target)
            same = importer.split(".")[1] == target.split(".")[1]
            assert same or height(target) < height(importer), (importer, target)
    assert {f"scratchlab.{name}" for name in ("cli.commands", "render.__init__")} <= importers
