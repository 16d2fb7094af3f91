"""The demo, stopped: whenever, and however."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.conftest import wait_until

GRIDALERT = [sys.executable, "-m", "pipeline.cli.main"]
ROOT = Path(__file__).parents[2]
Started = subprocess.Popen[bytes]


@contextmanager
def running(out: Path) -> Iterator[Started]:
    started = subprocess.Popen(
        [*GRIDALERT, "demo", "--out", str(out)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def processes_of(out: Path, pid: int) -> list[str]:
    """Command lines of what the demo with this pid started: ours by `out`, java by its folder."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [x for x in lines if f"--site {out}" in x or ("kafka.Kafka" in x and f"/{pid}-" in x)]


def began(out: Path, pid: int) -> dict[str, bool]:
    """Which moments of a run have come."""
    return {
        "at once": out.exists(),
        "while the broker starts": bool(processes_of(out, pid)),
        "while the worker starts": (out / "worker.log").exists(),
        "while ingest runs": (out / "ingest.log").exists(),
    }


@pytest.mark.parametrize(
    ("moment", "how"),
    [
        *((moment, signal.SIGINT) for moment in began(Path("/nowhere"), 0)),
        ("while ingest runs", signal.SIGKILL),
    ],
)
def test_stopped_at_any_moment_nothing_is_left(
    moment: str, how: signal.Signals, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with running(out) as started:
        wait_until(lambda: began(out, started.pid)[moment], moment)
        started.send_signal(how)
        wait_until(lambda: started.poll() is not None, "the demo to end")
    wait_until(lambda: not processes_of(out, started.pid), "its processes to end")
