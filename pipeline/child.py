"""A child process that cannot outlive this one, however this one ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

# Runs between fork and the program itself, in a fresh interpreter: code between fork and exec in
# a process with threads (preexec_fn) may deadlock. 1 is PR_SET_PDEATHSIG, 9 SIGKILL; exec keeps
# it. The parent may be gone before prctl was called, hence the look at getppid after it.
_DIE_WITH_PARENT = """
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""

# Java decodes paths by the locale: in a container's C locale it fails on a path in Chinese.
_ENVIRONMENT = {"LC_ALL": "C.UTF-8"}


class Child:
    """A program in a session of its own, so that a Ctrl-C in the terminal does not reach it.

    When this process ends, be it by kill -9, Linux kills the child (elsewhere only `stop` does).
    Linux ties that to the *thread* that forked, so each child has a thread of this process that
    starts it and waits for it: any thread may call `start`, and end before the child does.
    """

    def __init__(
        self, command: Sequence[str], log: Path, *, cwd: Path, pass_fds: Sequence[int] = ()
    ) -> None:
        """`command[0]` is a path; output goes to `log`, emptied; `pass_fds` stay open in it."""
        self._command = list(command)
        self._log = log
        self._cwd = cwd
        self._pass_fds = tuple(pass_fds)
        self._lock = threading.Lock()
        self._stopped = False
        self._process: subprocess.Popen[bytes] | None = None
        self._failure: OSError | None = None
        self._exited = threading.Event()

    @property
    def pid(self) -> int | None:
        """The process id, once started."""
        with self._lock:
            return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the program; returns at once."""
        threading.Thread(target=self._live, name="child", daemon=True).start()

    def wait(self, timeout_s: float | None = None) -> int | None:
        """The exit status, negative for a signal; None when it still runs after `timeout_s`.

        Raises OSError when the program could not be started.
        """
        if not self._exited.wait(timeout_s):
            return None
        if self._failure is not None:
            raise self._failure
        return self._process.returncode if self._process else -signal.SIGKILL

    def stop(self, grace_s: float = 0.0) -> None:
        """SIGTERM, then SIGKILL after `grace_s` seconds (0: at once); returns when it is gone.

        Safe at any moment: before `start`, while it starts, after the end, and twice.
        """
        with self._lock:  # _live starts the program under the same lock, or then never
            self._stopped = True
            process = self._process
        if process is None:
            return
        if grace_s > 0:
            process.terminate()
            if self._exited.wait(grace_s):
                return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        self._exited.wait()

    def log_tail(self, lines: int = 12) -> str:
        """The last lines of what the program wrote."""
        try:
            text = self._log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _live(self) -> None:
        wrapper = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid())]
        with self._lock:
            try:
                if not self._stopped:
                    with self._log.open("wb") as log:
                        self._process = subprocess.Popen(  # noqa: S603 -- a list, no shell
                            wrapper + self._command,
                            cwd=self._cwd,
                            env=os.environ | _ENVIRONMENT,
                            stdin=subprocess.DEVNULL,
                            stdout=log,
                            stderr=subprocess.STDOUT,
                            start_new_session=True,
                            pass_fds=self._pass_fds,
                        )
            except OSError as error:
                self._failure = error
        if self._process is not None:
            self._process.wait()
        self._exited.set()
