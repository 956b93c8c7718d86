"""The path as a catalog of dsoxlab (PyPI dsoxlab 0.5.5): its lesson contract, version 1. Pure.

The same texts and hints, in the files that dsoxlab reads (models/repo.py, models/lab.py,
models/hint.py); the tests ask `scratchlab learn check STEP --format json`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from string import Template
from typing import Any

from scratchlab.learn.steps import Step, fill

SECTION = "path"
ADDRESS = "https://pypi.org/project/dsoxlab/"
_POINTS = 100  # of every lab, in dsoxlab
_CONFTEST = '''"""Begins the path of this account where it was not begun."""

import subprocess


def pytest_sessionstart():
    if subprocess.run(["scratchlab", "learn", "status"], capture_output=True).returncode:
        subprocess.run(["scratchlab", "learn", "start"], check=True, capture_output=True)
'''
_TEST = Template('''"""$title: judged by scratchlab on the live system."""

import json
import pathlib
import subprocess

WORK = pathlib.Path(__file__).parent.parent / "work"


def test_step_is_solved():
    command = ["scratchlab", "learn", "check", "$id", "--format", "json"]
    answer = WORK / "answer.txt"
    if answer.exists():
        command += answer.read_text(encoding="utf-8").split()
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(done.stdout)
    wrong = [item for item in found["said"] if not item["right"]]
    assert found["right"], "; ".join(f"{item['text']} (look: {item['look']})" for item in wrong)
''')


def catalog_files(steps: Sequence[Step], values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each file of the catalog: its path in the catalog's directory, and its text.

    ``values`` fill in the texts: how this account calls docker, and its names.
    """
    labs = [f"{SECTION}/{step.id}" for step in steps]
    repo = {
        "id": "scratchlab",
        "category": "containers",
        "title": "Who put that into my container?",
        "description": "A container FROM scratch, step by step, each judged on the live system.",
    }
    section = {
        "id": SECTION,
        "title": "The guided path",
        "description": "From `docker pull scratch` to a container that was tampered with.",
        "labs": labs,
    }
    yield "meta.yml", _yaml({"schema_version": 1, "repo": repo, "sections": [section]})
    for step in steps:
        for name, text in _lab_files(step, values):
            yield f"labs/{SECTION}/{step.id}/{name}", text


def _lab_files(step: Step, values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    description = fill(step.description, values).strip()
    lab = {
        "schema_version": 1,
        "id": step.id,
        "title": step.title,
        "level": step.level,
        "section": SECTION,
        "description": description.splitlines()[0],
        "skills": list(step.skills),
        "distros": ["any"],
        "doc_url": ADDRESS,
        "lab_type": "lab",
        "estimated_time": step.estimated_time,
        "runtime": {"type": "shell", "workdir": "challenge/work"},
        "validation": {"functional": True},
    }
    yield "lab.yaml", _yaml(lab)
    yield "scenario.md", f"# {step.title}\n\n{description}\n"
    yield "README.md", f"# {step.id}\n\n{step.title}: scenario.md, challenge/README.md\n"
    yield "challenge/README.md", _challenge(step, values)
    hints = [
        {"text_en": _encoded(fill(hint.text, values)), "cost": hint.cost * _POINTS // step.points}
        for hint in step.hints
    ]
    yield "challenge/hints.yaml", _yaml({"points": _POINTS, "hints": hints})
    yield "challenge/tests/conftest.py", _CONFTEST
    yield "challenge/tests/test_functional.py", _TEST.substitute(title=step.title, id=step.id)


def _challenge(step: Step, values: Mapping[str, str]) -> str:
    parts = [f"# {step.title}\n"]
    lines = [
        line.removeprefix("root: ")
        for line in fill(step.do, values).strip("\n").splitlines()
        if not line.startswith("window: ")
    ]
    if lines:
        parts.append("```bash\n" + "\n".join(lines) + "\n```\n")
    if step.ask:
        question = fill(step.ask, values).strip().splitlines()[0]
        parts.append(f"{question} Write the answer into `answer.txt` here.\n")
    parts.append(f"Then: `dsoxlab check {step.id}`\n")
    return "\n".join(parts)


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def _yaml(value: Mapping[str, Any]) -> str:
    """``value`` as YAML 1.2, of which JSON is a part: one key a line."""
    return "".join(
        f"{key}: {json.dumps(item, ensure_ascii=False)}\n" for key, item in value.items()
    )
