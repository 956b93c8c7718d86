"""The first equals sign of a word ends its name: what comes after it may have more of them."""

from __future__ import annotations

import pytest
from tests.unit.judge.handmade import RUNC, bind, bound, causes, config, facts, source

from scratchlab.judge.places import wishes
from scratchlab.model import Evidence, Origin, Runtime

NEW = {"Type": "tmpfs"}
BIND = {"Type": "bind", "Source": "/h/a=b", "Destination": "/a=b"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--tmpfs=/a=b"], NEW), (["--tmpfs", "/a=b:mode=755"], NEW),
        (["--mount", "type=tmpfs,dst=/a=b"], NEW),
        (["--mount=type=tmpfs,destination=/a=b,tmpfs-mode=755"], NEW),
        (["-v", "/h/a=b:/a=b"], BIND), (["--volume=/h/a=b:/a=b:ro"], {**BIND, "RW": False}),
        (["--mount", "type=bind,src=/h/a=b,dst=/a=b"], BIND),
        (["--mount=type=bind,source=/h/a=b,target=/a=b,ro=true"], {**BIND, "RW": False}),
    ],
)  # fmt: skip
def test_a_path_of_the_command_line_may_have_some(
    words: list[str], expected: dict[str, object]
) -> None:
    asked = {"Config": {"CreateCommand": ["podman", "run", *words, "image"]}}
    assert wishes(asked) == {"/a=b": expected}


@pytest.mark.parametrize("runtime", [Runtime("nvidia-container-runtime", "1.17.8"), RUNC])
def test_a_device_that_nvidias_runtime_is_asked_for_may_have_one(runtime: Runtime) -> None:
    """By its CDI name."""
    variable = "NVIDIA_VISIBLE_DEVICES=nvidia.com/gpu=0"
    library = facts(
        bound(9, "/usr/lib/libv.so", root="/h/libv.so"), runtime=runtime,
        config=config(bind("/usr/lib/libv.so", "/h/libv.so")), sources=(source("/h/libv.so", 9),),
        inspect={"Config": {"Env": ["PATH=/bin", variable]}},
    )  # fmt: skip
    cause = causes(library)[9]
    asked = Evidence("inspect", f"the runtime {runtime.name} adds to config.json what {variable} "
                     "asks for")  # fmt: skip
    tool = runtime != RUNC
    assert (asked in cause.evidence) is tool
    assert cause.origin is (Origin.HOOK_OR_TOOL if tool else Origin.UNEXPLAINED)
