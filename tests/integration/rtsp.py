"""Starts and stops a real RTSP server for tests."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

SERVER = Path(__file__).parent / "rtsp_server.py"
PYTHON = "/usr/bin/python3"
PACKAGES = (
    "gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-good gstreamer1.0-plugins-bad"
)
USER, PASSWORD = "viewer", "p@ss:w/rd"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class RtspServer:
    """GStreamer's, in a process of its own, on a port that it keeps when it is started again."""

    def __init__(self) -> None:
        self.port = free_port()
        self.start()

    def start(self) -> None:
        command = [PYTHON, str(SERVER), str(self.port), USER, PASSWORD]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._answer()

    def show(self, path: str, film: Path, fps: float, codec: str = "h264") -> str:
        """Serve the film; the URL of a camera."""
        self._say(f"show {path} {film} {fps} {codec}")
        return f"rtsp://{USER}:${{RTSP_PASSWORD}}@127.0.0.1:{self.port}{path}"

    def hide(self, path: str) -> None:
        self._say(f"hide {path}")

    def pause(self) -> None:
        """It keeps its connections and says nothing more."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        self._answer()

    def _answer(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ok\n", f"no RTSP server: install {PACKAGES}"


def need_server() -> None:
    """Skip where the server is not installed; in CI it must be."""
    probe = "import gi; gi.require_version('GstRtspServer', '1.0')"
    command = [PYTHON, "-c", probe]
    there = (
        Path(PYTHON).exists()
        and not subprocess.run(command, check=False, capture_output=True).returncode
    )
    if not there and not os.environ.get("CI"):
        pytest.skip(f"there is no RTSP server: apt-get install {PACKAGES}")
