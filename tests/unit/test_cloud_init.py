"""./lab cloud-init: what it prints is valid, pinned, and says what it was given."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import cloud_init

COMMIT = "ab" * 20
NO_PEM = cloud_init.ROOT / "galaxy.yml"
URL = "https://git.example/lab.git"


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert cloud_init.main([f"--git={URL}", f"--commit={COMMIT}", *arguments]) == 0
    text = capsys.readouterr().out
    assert text.startswith("#cloud-config\n")
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def test_files_arrive_as_they_were_written(capsys: pytest.CaptureFixture[str]) -> None:
    files = {one["path"]: one for one in printed(capsys)["write_files"]}
    assert files[cloud_init.PROGRAM]["content"] == cloud_init.script(URL, COMMIT)
    assert files[cloud_init.PROGRAM]["permissions"] == "0755"
    unit = files[f"/etc/systemd/system/{cloud_init.SERVICE}"]["content"]
    assert unit == cloud_init.UNIT
    assert "Restart=on-failure" in unit


def test_script_is_pinned_and_takes_hostile_options_as_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hostile = "lab_x=a b;$(id)"
    document = printed(capsys, "--report-to=https://e.example/?a=1&b='", "--", "-e", hostile)
    text = document["write_files"][0]["content"]
    assert f"git checkout --quiet --detach {COMMIT}\n" in text
    assert "./lab -e 'lab_x=a b;$(id)' </dev/null" in text
    assert subprocess.run(["sh", "-n"], input=text, text=True, check=False).returncode == 0
    if shutil.which("shellcheck"):
        command = ["shellcheck", "--exclude=SC2016", "-"]  # the test's own $(id) is meant so
        done = subprocess.run(command, input=text, text=True, check=False)
        assert done.returncode == 0


@pytest.mark.skipif(
    not (shutil.which("git") and shutil.which("curl")), reason="the script would install them"
)
def test_commit_that_was_not_pushed_is_named(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "lab.git"], check=True)
    url = f"file://{tmp_path}/lab.git"
    text = cloud_init.script(url, COMMIT).replace(cloud_init.HOME, str(tmp_path / "here"))
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"scratchlab: commit {COMMIT} is not in {url} -- push it there" in done.stdout


def test_authority_of_a_proxy_is_trusted_by_the_machine_and_by_pip(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pem = "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"
    file = tmp_path / "ca.pem"
    file.write_text(pem)
    document = printed(capsys, f"--ca-cert={file}")
    assert document["ca_certs"] == {"trusted": [pem]}
    assert f"PIP_CERT={cloud_init.CERTIFICATES}" in document["write_files"][0]["content"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--git=nonsense", f"--commit={COMMIT}"], "'nonsense' is no address of a repository"),
        ([f"--git={URL}", "--commit=main"], "'main' is no commit"),
        ([f"--git={URL}", f"--commit={COMMIT}", "--report-to=x"], "is no http(s) address"),
        ([f"--git={URL}", f"--commit={COMMIT}", "--ca-cert=/nowhere"], "/nowhere"),
        (
            [f"--git={URL}", f"--commit={COMMIT}", f"--ca-cert={cloud_init.ROOT / 'galaxy.yml'}"],
            "holds no certificate",
        ),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cloud_init.main(arguments) == 2
    output = capsys.readouterr()
    assert words in output.err
    assert output.err.count("\n") == 1
    assert output.out == ""
