"""The experiments on a broken machine: each real fault is found and named, with its remedy."""

from __future__ import annotations

import io
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container

from scratchlab import deadlines
from scratchlab.collect.engines import EngineClient, connect
from scratchlab.experiments.runner import run
from scratchlab.experiments.table import EXPERIMENTS, Experiment
from scratchlab.lab.session import Laboratory
from scratchlab.labels import LABEL, Names
from scratchlab.model import Check, Verdict

from .conftest import LABEL as TEST_LABEL
from .conftest import SESSION, Build, Run
from .engine_proxy import EngineProxy
from .experiments_lab import RunLab, built, lab_container, lab_images, limits_program, run_lab

__all__ = ["built", "lab_container", "lab_images", "limits_program", "run_lab"]
pytestmark = [pytest.mark.engine, pytest.mark.root]


def failed(check: Check, cause: str) -> None:
    """The check failed, with this cause and some help."""
    assert check.verdict is Verdict.FAIL, check
    assert cause in check.cause
    assert check.help


def not_run(checks: dict[str, Check], reason: str, *names: str) -> None:
    """These checks were not run, for this reason."""
    for name in names:
        assert checks[name].verdict is Verdict.SKIP
        assert checks[name].observed == f"not run: {reason}"


def test_empty_engine_fails_with_the_command_to_build(lab_images: Names, run_lab: RunLab) -> None:
    nothing = Names(
        scratchtest="sl-no-empty",
        image="sl-no-sleep",
        container="sl-no-sleep",
        debug="sl-no-debug",
        binary=lab_images.binary,
        limits="sl-no-limits",
    )
    checks = run_lab(nothing)
    assert checks["E01"].verdict is checks["E04"].verdict is Verdict.PASS
    failed(checks["E02"], "no image sl-no-empty")
    not_run(checks, "E02 failed", "E03")
    failed(checks["E05"], "no image sl-no-sleep")
    not_run(checks, "E05 failed", "E06", "E07", "E08", "E09", "E10", "E11", "E12", "E14", "E15")
    failed(checks["E13"], "no image sl-no-limits")


def test_dynamic_program_fails(lab_images: Names, run_lab: RunLab) -> None:
    checks = run_lab(replace(lab_images, binary="/usr/bin/sleep"))
    failed(checks["E04"], "linked dynamically: the kernel would start /lib")
    assert "CGO_ENABLED=0" in checks["E04"].help
    not_run(checks, "E04 failed", "E05", "E06", "E11")


def test_program_that_differs_from_the_built_one_fails(
    lab_images: Names, built: Path, tmp_path: Path, run_lab: RunLab
) -> None:
    changed = tmp_path / "sleep"
    changed.write_bytes(built.read_bytes() + b"\0")
    checks = run_lab(replace(lab_images, binary=str(changed)), "E05")
    failed(checks["E05"], f"was not made from the present {changed}")


def test_without_the_built_file_only_the_images_program_is_examined(
    lab_images: Names, run_lab: RunLab
) -> None:
    checks = run_lab(replace(lab_images, binary="/nonexistent/sleep"), "E05")
    assert checks["E04"].verdict is Verdict.PASS
    assert f"/sleep of image {lab_images.image}" in checks["E04"].observed
    failed(checks["E05"], "There is no file /nonexistent/sleep")


def test_additional_file_in_the_image_fails(
    lab_images: Names, built: Path, build_image: Build, run_lab: RunLab
) -> None:
    dockerfile = 'FROM scratch\nCOPY sleep more /\nENTRYPOINT ["/sleep"]\n'
    build_image(dockerfile, {"sleep": built.read_bytes(), "more": b"more"}, tag="e-more")
    checks = run_lab(replace(lab_images, image=f"{SESSION}-e-more"), "E05")
    failed(checks["E05"], "does not hold exactly its entrypoint")
    assert "/more" in checks["E05"].observed


def test_container_without_the_labs_label_is_not_touched(
    lab_images: Names, run_container: Run, run_lab: RunLab
) -> None:
    stranger = run_container(
        lab_images.image, name=lab_images.container, labels={TEST_LABEL: SESSION}
    )
    before = stranger.attrs
    checks = run_lab(lab_images)
    failed(checks["E06"], "is not the lab's and was not touched")
    not_run(checks, "E06 failed", "E07", "E08", "E09", "E10", "E12")
    assert checks["E11"].verdict is Verdict.PASS
    stranger.reload()
    assert stranger.attrs == before  # no exec was even created in it


def test_stopped_and_missing_containers_have_different_causes(
    lab_images: Names, lab_container: Container, run_lab: RunLab
) -> None:
    lab_container.stop(timeout=0)
    failed(run_lab(lab_images, "E07")["E06"], "The container does not run")
    lab_container.remove()
    failed(run_lab(lab_images, "E07")["E06"], f"There is no container named {lab_images.container}")


def test_container_of_another_image_fails(
    lab_images: Names, shell_image: Any, run_container: Run, run_lab: RunLab
) -> None:
    run_container(shell_image, name=lab_images.container, labels={LABEL: "1"})
    failed(run_lab(lab_images, "E06")["E06"], "not created from the present image")


def test_container_in_the_hosts_pid_namespace_fails(
    lab_images: Names, run_container: Run, run_lab: RunLab
) -> None:
    run_container(lab_images.image, name=lab_images.container, labels={LABEL: "1"}, pid_mode="host")
    failed(run_lab(lab_images, "E06")["E06"], "not PID 1 of a PID namespace below the host's")


def test_file_copied_into_the_container_fails_and_both_vantages_show_it(
    lab_images: Names, lab_container: Container, run_lab: RunLab
) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("copied\nin")
        member.size = 5
        tar.addfile(member, io.BytesIO(b"hello"))
    lab_container.put_archive("/", archive.getvalue())
    checks = run_lab(lab_images, "E07", "E10")
    failed(checks["E07"], r"/copied\x0ain")
    assert checks["E10"].verdict is Verdict.PASS
    assert r"/copied\x0ain" in checks["E10"].observed


def test_option_that_leaves_a_filesystem_out_fails(
    lab_images: Names, run_container: Run, run_lab: RunLab
) -> None:
    run_container(lab_images.image, name=lab_images.container, labels={LABEL: "1"}, ipc_mode="none")
    failed(run_lab(lab_images, "E08")["E08"], "Not mounted: /dev/shm")


def test_bind_mount_over_the_engines_hosts_file_fails(
    lab_images: Names, run_container: Run, run_lab: RunLab, tmp_path: Path
) -> None:
    (tmp_path / "hosts").write_text("127.0.0.1 elsewhere\n")
    run_container(
        lab_images.image,
        name=lab_images.container,
        labels={LABEL: "1"},
        volumes=[f"{tmp_path}/hosts:/etc/hosts"],
    )
    failed(run_lab(lab_images, "E09")["E09"], "/etc/hosts is not the engine's file")


def test_container_with_more_capabilities_is_hidden_from_a_debug_container(
    lab_images: Names, run_container: Run, run_lab: RunLab
) -> None:
    run_container(
        lab_images.image, name=lab_images.container, labels={LABEL: "1"}, cap_add=["SYS_ADMIN"]
    )
    failed(run_lab(lab_images, "E10")["E10"], "The kernel refuses to show the root")


@pytest.mark.usefixtures("lab_container")
def test_debug_image_that_is_missing_or_has_no_shell_is_named(
    lab_images: Names, run_lab: RunLab
) -> None:
    checks = run_lab(replace(lab_images, debug="sl-no-debug"), "E10")
    failed(checks["E10"], "no image sl-no-debug")
    checks = run_lab(replace(lab_images, debug=lab_images.scratchtest), "E10")
    assert checks["E10"].verdict is Verdict.ERROR
    assert '"sh"' in checks["E10"].observed


HOLD = 'mkdir "$2"; mount --bind "$1" "$2" && echo held && exec sleep 60'


class Holding(Laboratory):
    """A laboratory on a host where a process bind-mounts the root of each started container.

    A copy of the engine's own mounts would not do: once a minute the engine removes the files that
    held network namespaces (libnetwork/osl/namespace_linux.go, removeUnusedPaths), and Linux then
    unmounts what is mounted on them in every mount namespace.
    """

    mount_directory: Path
    holders: list[subprocess.Popen[bytes]]

    def create(self, *args: Any, **options: Any) -> Container:
        container = super().create(*args, **options)
        start = container.start

        def start_and_hold() -> None:
            start()
            merged = Path(
                self.api.inspect_container(container.id)["GraphDriver"]["Data"]["MergedDir"]
            )
            mountpoint = self.mount_directory / merged.parent.name
            hold = ["unshare", "--mount", "--propagation", "private", "sh", "-c", HOLD, "hold"]
            holder = subprocess.Popen([*hold, str(merged), str(mountpoint)], stdout=subprocess.PIPE)
            self.holders.append(holder)
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"

        container.start = start_and_hold  # type: ignore[method-assign]
        return container


def test_mount_that_a_process_still_holds_fails(
    lab_images: Names, engine: EngineClient, tmp_path: Path
) -> None:
    lab = Holding(engine, lab_images)
    lab.mount_directory, lab.holders = tmp_path, []
    try:
        checks = {check.id: check for check in run(lab, ["E11"])}
    finally:
        for holder in lab.holders:
            with holder:
                holder.kill()
    failed(checks["E11"], "Mounts of the container are left behind: ")
    assert f"overlay on {tmp_path}/" in checks["E11"].cause


def _short(seconds: float) -> tuple[Experiment, ...]:
    return tuple(replace(experiment, timeout=seconds) for experiment in EXPERIMENTS)


@pytest.mark.usefixtures("lab_container")
@pytest.mark.parametrize("victim", ["E02", "E05", "E06", "E07", "E10", "E11"])
def test_engine_that_dies_is_one_error_and_the_rest_is_not_run(
    victim: str, lab_images: Names, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines.Pace, "at_once", lambda _: 1)
    checks, _, _ = _killed_at(victim, lab_images, tmp_path)
    at = [check.id for check in checks].index(victim)
    assert {check.verdict for check in checks[:at]} <= {Verdict.PASS}
    assert checks[at].verdict is Verdict.ERROR
    assert "\n" not in checks[at].observed
    assert checks[at].help
    assert {check.verdict for check in checks[at + 1 :]} == {Verdict.SKIP}


@pytest.mark.usefixtures("lab_container")
@pytest.mark.parametrize("victim", ["E05", "E10", "E13"])
def test_engine_that_dies_is_an_error_of_all_that_needs_it_at_that_moment(
    victim: str, lab_images: Names, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines.Pace, "at_once", lambda _: 3)
    checks, begun, ended = _killed_at(victim, lab_images, tmp_path)
    errors = [check for check in checks if check.verdict is Verdict.ERROR]
    assert victim in [check.id for check in errors]
    assert len(errors) <= 3
    for check in checks:
        assert "\n" not in check.observed or check.verdict is Verdict.PASS
        if check.id in ended:
            assert check.verdict is Verdict.PASS
        elif check.id not in begun:  # what runs may have its answer already
            assert check.verdict in (Verdict.ERROR, Verdict.SKIP)


def _killed_at(
    victim: str, names: Names, directory: Path
) -> tuple[tuple[Check, ...], frozenset[str], frozenset[str]]:
    """The checks where the engine dies as ``victim`` begins; what had begun and ended by then."""
    proxy = EngineProxy(directory / "engine.sock")
    begun: set[str] = set()
    ended: set[str] = set()
    before: list[frozenset[str]] = []

    def kill(experiment: Experiment, check: Check | None) -> None:
        (begun if check is None else ended).add(experiment.id)
        if check is None and experiment.id == victim:
            before.extend((frozenset(begun), frozenset(ended)))
            proxy.die()

    with connect("docker", proxy.url) as engine:
        checks = run(Laboratory(engine, names), progress=kill)
    return checks, before[0], before[1]


def test_engine_that_hangs_is_given_up(
    lab_images: Names, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines.Pace, "at_once", lambda _: 1)
    proxy = EngineProxy(tmp_path / "engine.sock")

    def hang(experiment: Experiment, check: Check | None) -> None:
        if check is None and experiment.id == "E02":
            proxy.hang()

    with connect("docker", proxy.url) as engine:
        checks = run(Laboratory(engine, lab_images), progress=hang, table=_short(1.0))
        proxy.die()
    assert checks[1].verdict is Verdict.ERROR
    assert checks[1].observed == "the engine stopped answering (no answer within 1 s)"
    assert {check.observed for check in checks[2:]} == {
        "not run: the engine stopped answering in E02"
    }
