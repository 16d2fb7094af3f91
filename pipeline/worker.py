"""The worker: Faust agents around the fold, as thin as they can be.

    readings, reports, feedback ──relay──> grid.hits.v1 ──fold──> alerts, decisions, dead letters,
                                    ticks, changes of policy ──^          states

Every record is decided, everything it causes is sent and acknowledged, its state is written and
acknowledged, and only then is it done. What is sent twice after a crash has the same id and bytes.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any

import faust

from pipeline.connection import Connection
from pipeline.progress import LogLost, Progress, Topics
from pipeline.shell import RELAYED, Parts, Shell
from pipeline.topics import ALERTS, DEAD_LETTERS, DECISIONS, HITS, MAX_MESSAGE_BYTES, STATE
from pipeline.worker_group import WORKER_GROUP

log = logging.getLogger(__name__)

# A worker that is silent for so long has lost its partitions; the least that brokers allow.
SESSION_TIMEOUT_S = 6.0
HEARTBEAT_S = 1.0
COMMIT_S = 1.0
LOOK_S = 1.0  # how soon SIGHUP is heard
# Above this a send has failed and the process starts anew; an outage of the broker is shorter.
SEND_TIMEOUT_S = 120.0
STOP_S = 15.0  # a stop that takes longer waits for a broker that does not answer
UNEXPECTED = 70  # EX_SOFTWARE


class GridApp(faust.App):  # type: ignore[misc]
    """A Faust app that leaves no folder behind."""

    def _create_directories(self) -> None:
        """Nothing of ours is kept in files."""

    async def on_stop(self) -> None:
        """Faust waits for ever for a broker that does not answer; we do not."""
        last_resort = threading.Timer(STOP_S, os._exit, [UNEXPECTED])
        last_resort.daemon = True
        last_resort.start()
        await super().on_stop()


def build_app(connection: Connection, parts: Parts) -> tuple[Any, Progress]:
    """The Faust app, ready to run, and its progress."""
    app = GridApp(
        WORKER_GROUP,
        broker=[f"kafka://{server}" for server in connection.bootstrap_servers.split(",")],
        broker_credentials=_credentials(connection),
        store="memory://",
        value_serializer="raw",
        web_enabled=False,
        topic_disable_leader=True,
        topic_partitions=24,
        table_standby_replicas=0,
        broker_session_timeout=SESSION_TIMEOUT_S,
        broker_heartbeat_interval=HEARTBEAT_S,
        producer_request_timeout=SEND_TIMEOUT_S,
        producer_max_request_size=MAX_MESSAGE_BYTES,
        worker_redirect_stdouts=False,
        autodiscover=False,
    )
    taken = (HITS, *RELAYED)
    topics = {
        name: app.topic(name, key_type=bytes, value_type=bytes, acks=name not in taken)
        for name in (*taken, ALERTS, DECISIONS, DEAD_LETTERS, STATE)
    }
    client = {
        "bootstrap_servers": connection.bootstrap_servers,
        "group_id": WORKER_GROUP,
        **connection.aiokafka(),
    }
    progress = Progress(app, Topics(HITS, STATE, RELAYED), topics[STATE], client)
    shell = Shell(parts, progress, topics)
    _agents(app, topics, shell)
    _timers(app, shell)
    return app, progress


@contextmanager
def _ends_at_the_unexpected(app: Any) -> Iterator[None]:
    """As safe as kill -9, while Faust's own way out of an exception can hang."""
    try:
        yield
    except LogLost as error:
        log.error("%s. The worker ends and is to be started again", error)  # noqa: TRY400 -- told
        os._exit(UNEXPECTED)
    except Exception:
        if app.should_stop and not app.crashed:
            return  # it is being stopped in order, and the producer has gone before us
        log.exception("unexpected: the worker ends and is to be started again; nothing is lost")
        os._exit(UNEXPECTED)


def _agents(app: Any, topics: Mapping[str, Any], shell: Shell) -> None:
    """One actor a partition, one record in flight in each."""

    async def take(stream: Any, apply: Callable[[Any], Awaitable[None]]) -> None:
        # A revoked partition cancels its actor; raising that would count as a crash.
        with suppress(asyncio.CancelledError), _ends_at_the_unexpected(app):
            async for event in stream.events():
                if await shell.progress.is_next(event.message):
                    await apply(event.message)
                    shell.progress.done(event.message)

    def start(name: str, apply: Callable[[Any], Awaitable[None]]) -> None:
        @app.agent(topics[name], name=name, isolated_partitions=True, concurrency=1)  # type: ignore[untyped-decorator]
        async def agent(stream: Any) -> None:
            await take(stream, apply)

    start(HITS, shell.fold)
    for name in RELAYED:
        start(name, shell.relay)


def _timers(app: Any, shell: Shell) -> None:
    """The only clock there is, and the housekeeping of every second."""
    assigned_in: list[int] = []  # the generation of an assignment that was not adopted yet

    @app.on_partitions_assigned.connect  # type: ignore[untyped-decorator]
    async def assigned(*_: Any, **__: Any) -> None:
        shell.progress.forget_generation()
        assigned_in[:] = [app.consumer_generation_id]

    @app.timer(COMMIT_S)  # type: ignore[untyped-decorator]
    async def commit() -> None:
        with _ends_at_the_unexpected(app):
            if assigned_in:
                await shell.progress.adopt(assigned_in.pop())
                await shell.take_over()
            await shell.progress.commit()

    @app.timer(LOOK_S)  # type: ignore[untyped-decorator]
    async def look() -> None:
        with _ends_at_the_unexpected(app):
            if shell.parts.reload.is_due(monotonic()):
                await shell.look_at_site()

    tick_s = shell.site.settings.worker.tick_s
    if tick_s:

        @app.timer(tick_s)  # type: ignore[untyped-decorator]
        async def tick() -> None:
            with _ends_at_the_unexpected(app):
                await shell.tick()


def _credentials(connection: Connection) -> Any:
    if connection.uses_sasl:
        return faust.SASLCredentials(
            username=connection.sasl_username,
            password=connection.sasl_password,
            mechanism=connection.sasl_mechanism,
            ssl_context=connection.ssl_context(),
        )
    return faust.SSLCredentials(context=connection.ssl_context()) if connection.uses_ssl else None


def run_worker(app: Any) -> int:
    """Run until SIGTERM or Ctrl-C, in this process; the exit status. Opens no port."""
    worker = faust.Worker(
        app, loglevel="WARNING", override_logging=False, redirect_stdouts=False, quiet=True
    )
    worker.spinner = None
    try:
        worker.execute_from_commandline()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    return 0
