"""What ``./lab check`` foretells of apt, from what apt prints while it changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from ansible_collections.scratchlab.lab.plugins.module_utils import apt_forecast

ROOT = Path(__file__).resolve().parents[3]
MAIN = "http://deb.debian.org/debian/dists/bookworm/InRelease"
UPDATES = "http://deb.debian.org/debian/dists/bookworm-updates/InRelease"
VENDOR = "https://dead.example.org/apt/dists/stable/InRelease"
LISTING = f"""'{MAIN}' deb.debian.org_debian_dists_bookworm_InRelease 0
'{UPDATES}' deb.debian.org_debian_dists_bookworm-updates_InRelease 0
'{VENDOR}' dead.example.org_apt_dists_stable_InRelease 0
"""
POLICY = str(
    json.loads((Path(__file__).with_name("printed") / "bookworm-held.json").read_text())["policy"]
)


def judge(dead: dict[str, str], policy: str = POLICY) -> tuple[bool, str]:
    uris = apt_forecast.addresses(LISTING)
    ready, observed = apt_forecast.judge_sources(["docker.io"], uris, dead, policy, "bookworm")
    return ready, observed


def test_all_sources_of_the_machine_are_asked() -> None:
    assert apt_forecast.addresses(LISTING) == [MAIN, UPDATES, VENDOR]


def test_dead_source_that_the_lab_does_not_need_is_only_mentioned() -> None:
    for policy in (POLICY, ""):
        ready, observed = judge({VENDOR: "Name or service not known"}, policy)
        assert ready
        assert observed.startswith(f"{MAIN} answers; {VENDOR} does not (Name or service not known)")


def test_dead_source_of_the_package_is_named() -> None:
    for policy in (POLICY, ""):
        ready, observed = judge({MAIN: "timed out"}, policy)
        assert not ready
        assert observed == f"{MAIN} does not answer, and docker.io comes from there: timed out"


def test_machine_without_sources_is_not_ready() -> None:
    assert apt_forecast.judge_sources(["docker.io"], [], {}, "", "bookworm") == (
        False,
        "apt has no sources",
    )


def test_release_without_a_codename_needs_one_source_that_answers() -> None:
    uris = ["http://a/dists/sid/InRelease", "http://b/dists/x/InRelease"]
    assert apt_forecast.judge_sources(["docker.io"], uris, {uris[1]: "no"}, "", "forky")[0]
    assert not apt_forecast.judge_sources(
        ["docker.io"], uris, dict.fromkeys(uris, "no"), "", "forky"
    )[0]


def test_half_installed_package_of_someone_else_is_only_mentioned() -> None:
    cause, note = apt_forecast.judge_states(
        ["docker.io"], {"vendor-agent": "iF", "docker.io": "ii"}
    )
    assert cause is None
    assert note == "; half installed, and apt tries to finish: vendor-agent (iF)"


def test_unpacked_engine_is_finished_by_the_lab() -> None:
    cause, note = apt_forecast.judge_states(["docker.io"], {"docker.io": "iU"})
    assert cause is None
    assert note == "; half installed, and apt tries to finish: docker.io (iU)"


def test_engine_to_reinstall_is_named_with_the_command() -> None:
    cause, _ = apt_forecast.judge_states(["docker.io"], {"docker.io": "iHR"})
    assert cause.remedy.endswith("apt-get install --reinstall docker.io")


def test_half_installed_engine_of_another_vendor_is_named() -> None:
    cause, _ = apt_forecast.judge_states([], {"docker-ce": "iU", "runc": "ii"})
    assert cause.what == "docker-ce is half installed (dpkg: iU)"


def test_package_with_the_command_docker_is_named() -> None:
    cause = apt_forecast.judge_owner(["docker.io"], "my-docker: /usr/bin/docker\n")
    assert cause.remedy == "apt-get remove my-docker"
    assert apt_forecast.judge_owner(["docker.io"], "docker-cli: /usr/bin/docker\n") is None
    assert apt_forecast.judge_owner(["docker.io"], "") is None
    assert apt_forecast.judge_owner([], "my-docker: /usr/bin/docker\n") is None


def test_check_looks_at_the_packages_that_the_roles_install() -> None:
    check = (ROOT / "roles/lab_check/defaults/main.yml").read_text()
    for role, name in (("docker_host", "docker_host_packages"), ("golang", "golang_packages")):
        defaults = yaml.safe_load((ROOT / f"roles/{role}/defaults/main.yml").read_text())
        assert f"{name} | default({defaults[name]!r})" in check


def test_check_and_engine_know_the_same_other_vendors() -> None:
    variables = yaml.safe_load((ROOT / "roles/docker_host/vars/main.yml").read_text())
    assert tuple(variables["__docker_host_others"]) == apt_forecast.OTHER_ENGINES
