"""What each record that the worker takes causes, sent and acknowledged in order.

a reading, report or feedback ──look──> a record of the log, or a dead letter
a record of the log ──step──> alerts, a decision, a dead letter, states
another site ──> a change of policy on the log, in each partition held
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from time import perf_counter
from typing import Any

from detectors.hits import Hit
from pipeline.alerts import CloudEvent
from pipeline.feeding import look_at_feedback
from pipeline.incidents.decision import Step
from pipeline.incidents.state import head
from pipeline.incidents.step import step
from pipeline.messages import (
    DeadLetter,
    Given,
    Outcome,
    PolicyChange,
    Reported,
    Tick,
    encode,
)
from pipeline.metrics import WorkerMetrics, count_alert
from pipeline.progress import Progress
from pipeline.readings import Watched, look_at_reading, watch_sensors
from pipeline.reload import Reload
from pipeline.reporting import look_at_report, report_map
from pipeline.site.model import Site
from pipeline.site.versions import Shelf, changes_to
from pipeline.topics import (
    ALERTS,
    DEAD_LETTERS,
    DECISIONS,
    FEEDBACK,
    HITS,
    MAX_MESSAGE_BYTES,
    READINGS,
    REPORTS,
)
from pipeline.wire import dead_letter_headers, hit_headers, record_headers, seen_at_of
from sinks.evidence import FolderEvidence

log = logging.getLogger(__name__)

# As much as one record may weigh on its topic; compressed ones can weigh any amount.
MAX_KEPT_BYTES = MAX_MESSAGE_BYTES // 2
RELAYED = (READINGS, REPORTS, FEEDBACK)

Relayed = Hit | Reported | Given
Look = Callable[[bytes | None, datetime], Relayed | DeadLetter]
Send = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the worker works with. `now`: the wall clock, for ticks and headers."""

    reload: Reload
    shelf: Shelf
    evidence: FolderEvidence
    metrics: WorkerMetrics
    now: Callable[[], datetime]


def looks_of(site: Site, watched: Mapping[tuple[str, str], Watched]) -> dict[str, Look]:
    """How each topic that is relayed is looked at. `watched`: the site's sensors."""
    places = report_map(site)
    skew_s = site.settings.worker.max_clock_skew_s
    return {
        READINGS: lambda value, now: look_at_reading(value, watched, now, skew_s),
        REPORTS: lambda value, now: look_at_report(value, places, now, skew_s),
        FEEDBACK: lambda value, now: look_at_feedback(value, now, skew_s),
    }


class Shell:
    """Everything around the fold that sends. `site`: the one that runs."""

    def __init__(self, parts: Parts, progress: Progress, topics: Mapping[str, Any]) -> None:
        self.parts, self.progress, self._topics = parts, progress, topics
        self.site = parts.reload.site
        self._watched = watch_sensors(self.site)
        self._looks = looks_of(self.site, self._watched)
        self._changing = asyncio.Lock()  # site and policies change one at a time

    async def fold(self, message: Any) -> None:
        """Apply one record of the log."""
        began = perf_counter()
        done = await self._step(message)
        if done.decision or not self.progress.may_repeat(message):
            self.parts.metrics.log_records.inc()
        where = (message.partition, message.offset)
        for alert, first in done.alerts:
            self._keep_evidence(alert)
            headers = record_headers(HITS, first, where)
            await self._send(ALERTS, alert.partitionkey.encode(), encode(alert), headers)
        await self._tell(done, message)
        for key, state in done.changed.items():
            await self.progress.write(message.partition, key, state)
        self._count(done, message, perf_counter() - began)

    async def relay(self, message: Any) -> None:
        """Look at one record from outside and put what it says on the log."""
        now = self.parts.now()
        seen = self._looks[message.topic](message.value, now)
        if isinstance(seen, DeadLetter):
            await self._refuse(seen, message)
            return
        leaf = seen.feedback.grid_code if isinstance(seen, Given) else seen.leaf_code
        await self._send(HITS, leaf.encode(), encode(seen), dict(hit_headers(now)))
        if isinstance(seen, Hit):
            self.parts.metrics.hits.labels(seen.event_type).inc()

    async def tick(self) -> None:
        """Tell each of our partitions what time it is."""
        value = encode(Tick(self.parts.now()))
        for partition in self.progress.partitions():
            await self._send(HITS, b"tick", value, partition=partition)

    # Policies ---------------------------------------------------------------------------------

    async def take_over(self) -> None:
        """Partitions are ours since just now: know what each was decided by, and tell by what next.

        Where another worker changed a partition, the site on disk is newer than ours, or about to
        be: it is looked at before anything is announced, so that no partition goes back and forth.
        """
        current = self.parts.shelf.policies.current.version
        others = {version for version in self._in_force() if version not in ("", current)}
        for version in others:
            if not await self._know(version):
                log.warning(
                    "policy %s was not kept here: %s goes on in its place", version, current
                )
        if not (others and await self.look_at_site(at_once=True)):
            await self._announce()

    async def look_at_site(self, *, at_once: bool = False) -> bool:
        """Run the site on disk from now on, where it is right and another; whether it is."""
        async with self._changing:
            was_refused = bool(self.parts.reload.refused)
            site = await asyncio.to_thread(partial(self.parts.reload.look, at_once=at_once))
            mended = was_refused and not self.parts.reload.refused
            if site is None and not mended:
                return False
            site = site or self.site  # mended to what runs: partitions taken over may differ
            self._watched = await asyncio.to_thread(watch_sensors, site, self._watched)
            self._looks = await asyncio.to_thread(looks_of, site, self._watched)
            self.site = site
            self.parts.shelf.change(site.policy, self._in_force())
        await self._announce()
        return True

    async def _announce(self) -> None:
        """Put the policy in force on the log of each of our partitions, where it is another.

        A partition stays with the version it has while the site on disk is refused: what runs here
        is then only the last right one, maybe older than what another worker has announced. But a
        version that can't be had decides nothing; then the log says by what it goes on.
        """
        policies = self.parts.shelf.policies
        for partition in self.progress.partitions():
            version = head(self.progress.states(partition)).policy_version
            stays = self.parts.reload.refused and version in policies.known
            if version != policies.current.version and not stays:
                value = encode(PolicyChange(policies.current.version, version))
                await self._send(HITS, b"policy", value, partition=partition)

    def _in_force(self) -> set[str]:
        """The versions that our partitions are decided by."""
        partitions = self.progress.partitions()
        return {head(self.progress.states(p)).policy_version for p in partitions}

    async def _step(self, message: Any) -> Step:
        """The fold, by the policy that this partition is decided by."""
        states = self.progress.states(message.partition)
        where = (message.partition, message.offset)
        await self._know(head(states).policy_version)
        shelf = self.parts.shelf
        done = step(states, message.key, message.value, where, shelf.policies)
        version = changes_to(done, message.value)
        if version is None:
            return done
        # Announced by a worker that knew it sooner: kept by it, or on our disk by now.
        if not await self._know(version):
            # Goes on when this actor is cancelled: half a change of site would stay one.
            await asyncio.shield(asyncio.ensure_future(self.look_at_site(at_once=True)))
        return step(states, message.key, message.value, where, shelf.policies)

    async def _know(self, version: str) -> bool:
        """Have a version at hand; whether it is. Told once where it can't be had."""
        shelf = self.parts.shelf
        if not shelf.is_at_hand(version):
            async with self._changing:
                if not shelf.is_at_hand(version):  # another partition may have fetched it
                    await asyncio.to_thread(shelf.fetch, version)
        return version in shelf.policies.known

    # Sending ----------------------------------------------------------------------------------

    async def _tell(self, done: Step, message: Any) -> None:
        decision = done.decision
        if decision and (decision.outcome is not Outcome.HELD or decision.alerts):
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
        keep_days = timedelta(days=self.site.settings.evidence.keep_days)
        for evidence in alert.data.evidence:
            if evidence.kind == "photo":  # in its reporter's own store
                continue
            if not self.parts.evidence.keep(evidence.sha256, self.parts.now() + keep_days):
                log.warning("evidence %s of alert %s is gone", evidence.uri, alert.id)

    def _count(self, done: Step, message: Any, took_s: float) -> None:
        metrics = self.parts.metrics
        metrics.stage_seconds.labels("fold").observe(took_s)
        if done.decision is None:
            return
        metrics.decisions.labels(done.decision.outcome, done.decision.reason).inc()
        seen_at = seen_at_of(message.headers)
        for alert, _ in done.alerts:
            count_alert(metrics, alert.data, done.decision.hit_id)
            if seen_at:
                late_s = (self.parts.now() - seen_at).total_seconds()
                metrics.frame_to_alert_seconds.observe(max(late_s, 0.0))
