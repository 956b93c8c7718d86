"""What the user's data costs a verification, as ratios.

    python -m tests.benchmarks.user_data [--runs N] [--user-data none|list|hash]

Needs root, Docker and busybox-static. The same container without mounts, with a volume that holds
a file of 8 GB (sparse), with a volume of 100,000 files, and with -v /:/rootfs:ro.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

_SIZE = 8_000_000_000  # bytes
_FILES = 100_000
_IMAGE = "scratchlab-benchmark-user-data"


def docker(*arguments: str, data: bytes | None = None) -> str:
    done = subprocess.run(["docker", *arguments], input=data, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().strip()


def build() -> None:
    """An image with busybox as its only file."""
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory, "busybox")
        copy.write_bytes(Path("/bin/busybox").read_bytes())
        copy.chmod(0o755)
        Path(directory, "Dockerfile").write_text(
            'FROM scratch\nCOPY busybox /bin/busybox\nCMD ["/bin/busybox", "sleep", "3600"]\n'
        )
        docker("build", "-q", "-t", _IMAGE, directory)


def measure(container: str, mode: str) -> tuple[float, float]:
    """Seconds by the clock, and of the processor, of one verification."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    command = [sys.executable, "-m", "scratchlab", "verify", container, "--user-data", mode]
    done = subprocess.run(
        [*command, "--vantage", "host"], stdout=subprocess.DEVNULL, check=False,
        env={**os.environ, "PYTHONPATH": "scripts"},
    )  # fmt: skip
    if done.returncode not in (0, 3):
        sys.exit(f"scratchlab verify ended with {done.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, used


def main() -> None:
    """Measure each container in turns and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.user_data")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--user-data", default="list", choices=["none", "list", "hash"])
    options = parser.parse_args()
    with ExitStack() as clean, tempfile.TemporaryDirectory() as directory:
        big, many = Path(directory, "big"), Path(directory, "many")
        big.mkdir()
        many.mkdir()
        with open(big / "file", "wb") as file:
            file.truncate(_SIZE)
        for number in range(_FILES):
            (many / str(number)).touch()
        build()
        clean.callback(docker, "rmi", "-f", _IMAGE)
        containers = {}
        for name, binds in (
            ("no mount", []),
            ("a file of 8 GB", ["-v", f"{big}:/data"]),
            ("100,000 files", ["-v", f"{many}:/data"]),
            ("-v /:/rootfs:ro", ["-v", "/:/rootfs:ro"]),
        ):
            containers[name] = docker("run", "-d", "--network", "none", *binds, _IMAGE)
            clean.callback(docker, "rm", "-f", "-v", containers[name])
        best = dict.fromkeys(containers, (float("inf"), float("inf")))
        for _ in range(options.runs):
            for name, container in containers.items():
                one = measure(container, options.user_data)
                best[name] = (min(best[name][0], one[0]), min(best[name][1], one[1]))
    plain = best["no mount"]
    print(f"{'':16} {'clock':>9} {'ratio':>7} {'processor':>10} {'ratio':>7}")
    for name, (clock, used) in best.items():
        print(
            f"{name:16} {clock:7.2f} s {clock / plain[0]:6.2f}x"
            f" {used:8.2f} s {used / plain[1]:6.2f}x"
        )


if __name__ == "__main__":
    main()
