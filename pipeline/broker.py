"""A real Apache Kafka on this machine: one KRaft node on loopback, gone when this process is."""

from __future__ import annotations

import base64
import errno
import fcntl
import os
import random
import secrets
import shutil
import socket
import time
from contextlib import suppress
from pathlib import Path

from pipeline.child import Child
from pipeline.connection import BrokerUnavailable, Connection
from pipeline.jars import DEPLOY, HOME, Tell, find_java, locked, resolve_jars, tell_nobody
from pipeline.topics import admin_client

_HOST = "127.0.0.1"
_STOP_GRACE_S = 20.0
# A broker whose parent was killed a moment ago is still on its way out.
_LOCK_GRACE_S = 3.0
_FORMAT_S = 60.0
_READY_S = 60.0
_PORT_ATTEMPTS = 3

_PROPERTIES = DEPLOY / "server.properties"


class LocalBroker:
    """A single-node Kafka, for `with`: it serves inside the block and is gone after it.

    `data_dir` keeps data and cluster id between runs; None makes a temporary one. `port` 0 picks
    a free one on 127.0.0.1. Java ends with this process even on kill -9 (on Linux), and what a
    killed run left in `home` is removed by the next. Any thread may start it.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        port: int = 0,
        *,
        home: Path = HOME,
        heap_mb: int = 512,
        tell: Tell = tell_nobody,
    ) -> None:
        self._temporary = data_dir is None
        # The name is known before the folder exists: an end in between still finds it.
        temporary = home.resolve() / "run" / f"{os.getpid()}-{secrets.token_hex(4)}"
        self.directory = temporary if data_dir is None else data_dir.resolve()
        self._wanted_port = port
        self._port = self._controller_port = 0
        self._home, self._heap_mb, self._tell = home, heap_mb, tell
        self._lock: int | None = None
        self._jars = Path()
        self._child: Child | None = None
        self.closing = False
        """Whether it is being stopped: a moment to leave it alone with signals."""

    def __enter__(self) -> LocalBroker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def bootstrap(self) -> str:
        """The address for clients, 127.0.0.1:PORT; known once started."""
        return f"{_HOST}:{self._port}"

    @property
    def connection(self) -> Connection:
        """How clients of ours reach it."""
        return Connection(self.bootstrap)

    @property
    def pid(self) -> int | None:
        """The process id of java, while it was started."""
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Start and return when clients are served.

        Raises BrokerUnavailable, with nothing left behind: no Java, Maven or jars; a port or
        directory in use; Kafka ended (with the last lines of its log) or took over a minute.
        """
        self.closing = False
        try:
            if self._wanted_port:
                _refuse_used(self._wanted_port)
            self._jars = resolve_jars(self._home, self._tell)
            self._take_directory()
            self._format()
            self._pick_ports()
            self._launch()
        except BaseException:
            self.close()
            raise

    def kill(self) -> None:
        """Kill -9 java, and wait until it is gone. `restart` brings it back."""
        if self._child is not None:
            self._child.stop()

    def restart(self) -> None:
        """Stop, if it still runs, and start again with the same ports and data."""
        if self._child is not None:
            self._child.stop(_STOP_GRACE_S)
        self._launch()

    def wait(self) -> None:
        """Block while Kafka runs. Raises BrokerUnavailable when it ends without being asked."""
        if self._child is not None:
            self._child.wait()
            raise self._ended(self._child)

    def close(self) -> None:
        """Stop it, in order where its data stay, else at once. Safe at any moment, and twice."""
        self.closing = True
        if self._child is not None:
            self._child.stop(0.0 if self._temporary else _STOP_GRACE_S)
        if self._temporary:
            # What cannot be removed now, the next start removes.
            shutil.rmtree(self.directory, ignore_errors=True)
        if self._lock is not None:
            lock, self._lock = self._lock, None
            os.close(lock)

    def _take_directory(self) -> None:
        if not self._temporary:
            _prepare(self.directory)
            self._lock = _claim(self.directory)
            return
        with locked(self._home):
            _remove_stale(self._home)
            self.directory.mkdir(parents=True)
            self._lock = _claim(self.directory)

    def _pick_ports(self) -> None:
        self._port = self._wanted_port or free_port()
        self._controller_port = free_port(apart_from=self._port)

    def _format(self) -> None:
        """Give a new directory its cluster id; one that has it keeps it."""
        if (self.directory / "logs").is_dir():
            return
        fresh = "logs.new"
        shutil.rmtree(self.directory / fresh, ignore_errors=True)
        self._write_properties(fresh)
        # 16 bytes, the first fixed: an id must not begin with "-".
        cluster_id = base64.urlsafe_b64encode(b"G" + secrets.token_bytes(15)).decode().rstrip("=")
        child = self._run("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c")
        if child.wait(_FORMAT_S) != 0:
            raise self._ended(child)
        # Renamed when whole, so that an end halfway leaves nothing that looks formatted.
        (self.directory / fresh).rename(self.directory / "logs")

    def _launch(self) -> None:
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            self._write_properties("logs")
            child = self._run("kafka.Kafka")
            if self._serves(child):
                self._wanted_port = self._port  # clients know it now: a restart keeps it
                return
            port_taken = "Address already in use" in child.log_tail(100)
            if attempt == _PORT_ATTEMPTS or not port_taken:
                raise self._ended(child)
            self._pick_ports()

    def _run(self, main: str, *arguments: str) -> Child:
        """Start java; `arguments` are followed by the properties file."""
        classpath = os.path.relpath(self._jars, self.directory) + "/*"
        # One thread collects and one compiler compiles: more cost a small broker half its start.
        fewer = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        flags = [f"-Xmx{self._heap_mb}m", *fewer, "-Dlog4j2.level=WARN"]
        self._child = Child(
            [find_java(), *flags, "-cp", classpath, main, *arguments, "server.properties"],
            self.directory / "broker.log",
            cwd=self.directory,
            pass_fds=[] if self._lock is None else [self._lock],
        )
        self._child.start()
        return self._child

    def _write_properties(self, log_dir: str) -> None:
        text = _PROPERTIES.read_text(encoding="ascii").format(
            host=_HOST, port=self._port, controller_port=self._controller_port, log_dir=log_dir
        )
        (self.directory / "server.properties").write_text(text, encoding="ascii")

    def _serves(self, child: Child) -> bool:
        """Wait until clients are served; False when java ended or took too long."""
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline:
            if child.wait(0.02) is not None:
                return False
            with suppress(OSError), socket.create_connection((_HOST, self._port), timeout=1):
                break
        # Returns on metadata with a live broker in it, which is what clients wait for.
        left_s = max(1.0, deadline - time.monotonic())
        with suppress(BrokerUnavailable), admin_client(self.connection, timeout_s=left_s):
            return True
        return False

    def _ended(self, child: Child) -> BrokerUnavailable:
        return BrokerUnavailable(
            f"Kafka ended or does not answer ({self.directory}):\n{child.log_tail()}",
            "the lines above are from its log; free the memory, disk or port they name",
        )


def _prepare(directory: Path) -> None:
    """Make a data directory, or refuse one that holds something else."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        strange = any(directory.iterdir()) and not (directory / "broker.lock").exists()
    except OSError as error:
        raise BrokerUnavailable(
            f"data directory {directory} cannot be used: {error.strerror}",
            "name a directory you may write to with --data DIR",
        ) from error
    if strange:
        raise BrokerUnavailable(
            f"data directory {directory} holds files that are not of `gridalert broker`",
            "name an empty or new directory with --data DIR",
        )


def _claim(directory: Path) -> int:
    """Lock a data directory. The descriptor also goes to java, which holds the lock like us."""
    descriptor = os.open(directory / "broker.lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _LOCK_GRACE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            holder = os.pread(descriptor, 20, 0).decode().strip()
            os.close(descriptor)
            raise BrokerUnavailable(
                f"another broker (process {holder}) uses {directory}",
                "stop it, or give this one another directory with --data DIR",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        return descriptor


def _remove_stale(home: Path) -> None:
    """Remove temporary data of runs that were killed. Call with `home` locked."""
    for directory in (home / "run").glob("*"):
        # No lock file: killed between making the directory and locking it.
        with suppress(FileNotFoundError), (directory / "broker.lock").open("r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
        shutil.rmtree(directory, ignore_errors=True)


def _refuse_used(port: int) -> None:
    if not _port_is_free(port):
        raise BrokerUnavailable(
            f"port {port} on {_HOST} is in use",
            f"stop what listens there (ss -ltnp 'sport = :{port}' shows it) or choose --port N",
        )


def _port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As Kafka binds: connections of the broker before in TIME_WAIT are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise BrokerUnavailable(
                f"port {port} on {_HOST} cannot be used: {error.strerror}",
                "choose a port above 1023 with --port N",
            ) from error
    return True


def free_port(apart_from: int = 0) -> int:
    """A port of 127.0.0.1 that nobody uses now."""
    # Below the range from which Linux gives ports to clients: the seconds until Kafka listens
    # are long enough for one to take it.
    while True:
        port = random.randint(15000, 31000)  # noqa: S311 -- no secret
        if port != apart_from and _port_is_free(port):
            return port
