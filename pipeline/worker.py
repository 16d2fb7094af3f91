"""The worker: Faust agents around the fold, as thin as they can be.

    grid.readings.v1 ──relay──> grid.hits.v1 ──fold──> alerts, decisions, dead letters, states
                                     ^────tick─────┘

Every record is decided, everything it causes is sent and acknowledged, its state is written and
acknowledged, and only then is it done. What is sent twice after a crash has the same id and bytes.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any

import faust
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from detectors.hits import Hit
from pipeline.alerts import CloudEvent
from pipeline.connection import Connection
from pipeline.incidents.state import HEAD, Head
from pipeline.incidents.step import Step, step
from pipeline.messages import DeadLetter, Outcome, PolicyChange, Tick, encode
from pipeline.metrics import WorkerMetrics
from pipeline.progress import LogLost, Progress
from pipeline.readings import Watched, look_at_reading
from pipeline.site.model import Site
from pipeline.topics import (
    ALERTS,
    DEAD_LETTERS,
    DECISIONS,
    HITS,
    MAX_MESSAGE_BYTES,
    READINGS,
    STATE,
)
from pipeline.wire import dead_letter_headers, hit_headers, record_headers, seen_at_of
from pipeline.worker_group import WORKER_GROUP
from sinks.evidence import EvidenceStore

log = logging.getLogger(__name__)

# A worker that is silent for so long has lost its partitions; the least that brokers allow.
SESSION_TIMEOUT_S = 6.0
HEARTBEAT_S = 1.0
COMMIT_S = 1.0
# Above this a send has failed and the process starts anew; an outage of the broker is shorter.
SEND_TIMEOUT_S = 120.0
STOP_S = 15.0  # a stop that takes longer waits for a broker that does not answer
UNEXPECTED = 70  # EX_SOFTWARE
# As much as one record may weigh on its topic; compressed ones can weigh any amount.
MAX_KEPT_BYTES = MAX_MESSAGE_BYTES // 2


@dataclass(frozen=True, slots=True)
class Parts:
    """What the worker works with. `now`: the wall clock, for ticks and headers."""

    site: Site
    watched: Mapping[tuple[str, str], Watched]
    evidence: EvidenceStore
    metrics: WorkerMetrics
    now: Callable[[], datetime]


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
    topics = {
        name: app.topic(name, key_type=bytes, value_type=bytes, acks=name not in (HITS, READINGS))
        for name in (HITS, READINGS, ALERTS, DECISIONS, DEAD_LETTERS, STATE)
    }
    client = {
        "bootstrap_servers": connection.bootstrap_servers,
        "group_id": WORKER_GROUP,
        **credentials_to_aiokafka_auth(app.conf.broker_credentials, app.conf.ssl_context),
    }
    progress = Progress(app, (HITS, STATE, READINGS), topics[STATE], client)
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


def _agents(app: Any, topics: Mapping[str, Any], shell: "Shell") -> None:
    """One actor a partition, one record in flight in each."""

    async def take(stream: Any, apply: Callable[[Any], Awaitable[None]]) -> None:
        # A revoked partition cancels its actor; raising that would count as a crash.
        with suppress(asyncio.CancelledError), _ends_at_the_unexpected(app):
            async for event in stream.events():
                if await shell.progress.is_next(event.message):
                    await apply(event.message)
                    shell.progress.done(event.message)

    @app.agent(topics[HITS], isolated_partitions=True, concurrency=1)  # type: ignore[untyped-decorator]
    async def fold(stream: Any) -> None:
        await take(stream, shell.fold)

    @app.agent(topics[READINGS], isolated_partitions=True, concurrency=1)  # type: ignore[untyped-decorator]
    async def relay(stream: Any) -> None:
        await take(stream, shell.relay)


def _timers(app: Any, shell: "Shell") -> None:
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
                await shell.announce_policy()
            await shell.progress.commit()

    tick_s = shell.parts.site.settings.worker.tick_s
    if tick_s:

        @app.timer(tick_s)  # type: ignore[untyped-decorator]
        async def tick() -> None:
            with _ends_at_the_unexpected(app):
                await shell.tick()


class Shell:
    """What a record causes, sent and acknowledged in order."""

    def __init__(self, parts: Parts, progress: Progress, topics: Mapping[str, Any]) -> None:
        self.parts, self.progress, self._topics = parts, progress, topics

    async def fold(self, message: Any) -> None:
        """Apply one record of the log."""
        began = perf_counter()
        where = (message.partition, message.offset)
        states = self.progress.states(message.partition)
        done = step(states, message.key, message.value, where, self.parts.site.policy)
        for alert, first in done.alerts:
            self._keep_evidence(alert)
            headers = record_headers(HITS, first, where)
            await self._send(ALERTS, alert.partitionkey.encode(), encode(alert), headers)
        await self._tell(done, message)
        for key, state in done.changed.items():
            await self.progress.write(message.partition, key, state)
        self._count(done, message, perf_counter() - began)

    async def relay(self, message: Any) -> None:
        """Look at one reading and put what it says on the log."""
        now, skew_s = self.parts.now(), self.parts.site.settings.worker.max_clock_skew_s
        seen = look_at_reading(message.value, self.parts.watched, now, skew_s)
        if isinstance(seen, Hit):
            await self._send(HITS, seen.leaf_code.encode(), encode(seen), dict(hit_headers(now)))
            self.parts.metrics.hits.labels(seen.event_type).inc()
        else:
            await self._refuse(seen, message)

    async def announce_policy(self) -> None:
        """Tell each of our partitions which policy is in force, where it is not yet."""
        version = self.parts.site.policy.version
        for partition in self.progress.partitions():
            known = self.progress.states(partition).get(HEAD)
            if not isinstance(known, Head) or known.policy_version != version:
                await self._send(
                    HITS, b"policy", encode(PolicyChange(version)), partition=partition
                )

    async def tick(self) -> None:
        """Tell each of our partitions what time it is."""
        value = encode(Tick(self.parts.now()))
        for partition in self.progress.partitions():
            await self._send(HITS, b"tick", value, partition=partition)

    async def _tell(self, done: Step, message: Any) -> None:
        decision = done.decision
        if decision and decision.outcome is not Outcome.HELD:
            await self._send(DECISIONS, (decision.leaf_code or "").encode(), encode(decision))
        if done.dead_letter:
            await self._refuse(done.dead_letter, message)

    async def _refuse(self, letter: DeadLetter, message: Any) -> None:
        origin = (message.topic, message.partition, message.offset)
        key, value, not_kept = message.key or b"", message.value or b"", None
        if len(key) + len(value) > MAX_KEPT_BYTES:
            key, value, not_kept = b"", b"", value
        headers = dead_letter_headers(letter, self.parts.now(), origin=origin, not_kept=not_kept)
        await self._send(DEAD_LETTERS, key, value, dict(headers))
        self.parts.metrics.dead_letters.labels(letter.reason, letter.stage).inc()

    async def _send(
        self,
        topic: str,
        key: bytes,
        value: bytes,
        headers: Mapping[str, bytes] | None = None,
        partition: int | None = None,
    ) -> None:
        """Returns once it is acknowledged."""
        sent = await self._topics[topic].send(
            key=key, value=value, headers=headers, partition=partition
        )
        await sent

    def _keep_evidence(self, alert: CloudEvent) -> None:
        """An alert refers to these pictures: they stay for as long as it promises."""
        keep_days = timedelta(days=self.parts.site.settings.evidence.keep_days)
        for evidence in alert.data.evidence:
            if not self.parts.evidence.keep(evidence.sha256, self.parts.now() + keep_days):
                log.warning("evidence %s of alert %s is gone", evidence.uri, alert.id)

    def _count(self, done: Step, message: Any, took_s: float) -> None:
        metrics = self.parts.metrics
        metrics.stage_seconds.labels("fold").observe(took_s)
        if done.decision:
            metrics.decisions.labels(done.decision.outcome, done.decision.reason).inc()
        seen_at = seen_at_of(message.headers)
        for alert, _ in done.alerts:
            action = type(alert.data).__name__.lower()
            kind, level = alert.data.event.type, str(alert.data.event_level)
            metrics.alerts.labels(action, kind, level).inc()
            if seen_at:
                late_s = (self.parts.now() - seen_at).total_seconds()
                metrics.frame_to_alert_seconds.observe(max(late_s, 0.0))


def _credentials(connection: Connection) -> Any:
    given = connection.broker_credentials()
    if given is None:
        return None
    if given.mechanism is None:
        return faust.SSLCredentials(context=given.ssl_context)
    return faust.SASLCredentials(
        username=given.username,
        password=given.password,
        mechanism=given.mechanism,
        ssl_context=given.ssl_context,
    )


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
