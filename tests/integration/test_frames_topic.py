"""Pictures that a fusion platform puts on grid.frames.v1, on the real Kafka."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
from kafka import KafkaProducer
from prometheus_client import CollectorRegistry

from pipeline.broker import LocalBroker
from pipeline.metrics import IngestMetrics, LastFrameAge
from pipeline.sources.frames_topic import FRAMES_GROUP, FramesTopic
from pipeline.sources.inbox import Inbox
from pipeline.sources.readers import Reader, Tally
from pipeline.sources.video import Unreadable
from pipeline.topics import FRAMES, admin_client
from tests.conftest import wait_until
from tests.unit.pipeline.clips import camera

JPEG = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()


class Ingest:
    """The topic's reader in its thread, what it hands over and what it refuses."""

    def __init__(self, kafka: LocalBroker) -> None:
        self.inbox, self.refused = Inbox(), list[tuple[str, Unreadable]]()
        row = camera(id="cam-7", from_topic=True, start=None, sample_fps=100.0)
        self.reader = Reader(row, expected=False)
        tally = Tally(IngestMetrics(CollectorRegistry()), LastFrameAge(lambda: 0.0))
        self.topic = FramesTopic(
            kafka.connection,
            {"cam-7": self.reader},
            self.inbox,
            tally,
            lambda *no: self.refused.append(no),
            lambda: datetime.now(UTC),
        )
        self.thread = threading.Thread(target=self.topic.run, daemon=True)

    def has(self, captured: datetime) -> bool:
        """Whether the picture captured then has come; those before it are let go."""
        found = self.inbox.take(0.1)
        return found is not None and abs(found[1].at - captured) < timedelta(milliseconds=1)

    def sees(self, captured: datetime) -> None:
        wait_until(lambda: self.has(captured), f"the picture of {captured}")

    def listens(self, platform: "Platform") -> None:
        """A group that is new begins with what is sent once it knows where the topic ends."""

        def heard() -> bool:
            platform.send(datetime.now(UTC))
            return self.inbox.take(0.5) is not None

        wait_until(heard, "a first picture")


@contextmanager
def reading(kafka: LocalBroker) -> Iterator[Ingest]:
    ingest = Ingest(kafka)
    ingest.thread.start()
    wait_until(lambda: ingest.reader.expected, "the camera's partition")
    yield ingest
    ingest.topic.stop.set()
    ingest.thread.join(60)
    assert not ingest.thread.is_alive()


class Platform:
    """Who sends."""

    def __init__(self, kafka: LocalBroker) -> None:
        self._producer = KafkaProducer(**kafka.connection.kafka_python(), max_request_size=8 << 20)
        self._sent = 0

    def send(self, at: datetime, value: bytes = JPEG, name: str = "cam-7", **more: str) -> None:
        self._sent += 1
        headers = {
            "content-type": "image/jpeg",
            "ce_specversion": "1.0",
            "ce_type": "cn.gridalert.frame.captured.v1",
            "ce_source": "https://fusion.example/wvp",
            "ce_id": f"{name}/{self._sent}",
            "ce_time": at.isoformat(),
            "ce_subject": name,
            "ce_partitionkey": name,
            "ce_width": "64",
            "ce_height": "48",
            "ce_masked": "false",
            "ce_expirytime": (at + timedelta(minutes=5)).isoformat(),
            "ce_digest": hashlib.sha256(value).hexdigest(),
            **more,
        }
        raw = [(key, text.encode()) for key, text in headers.items()]
        self._producer.send(FRAMES, value, name.encode(), headers=raw).get(60)

    def close(self) -> None:
        self._producer.close()


def test_pictures_come_in_order_and_what_is_wrong_is_refused_by_name(kafka: LocalBroker) -> None:
    platform = Platform(kafka)
    with reading(kafka) as ingest:
        ingest.listens(platform)
        now = datetime.now(UTC)
        platform.send(now, ce_id="the same")
        ingest.sees(now)
        platform.send(now - timedelta(seconds=1))  # after a newer one
        platform.send(now - timedelta(minutes=6))
        platform.send(now, name="cam-8")
        platform.send(now + timedelta(seconds=2), ce_id="the same")
        platform.send(now + timedelta(seconds=1.5))
        platform.send(now + timedelta(seconds=1.6), b"no picture")
        ingest.sees(now + timedelta(seconds=1.5))
        wait_until(lambda: len(ingest.refused) == 5, "five refusals")
    platform.close()
    reasons = {str(no.reason) for _, no in ingest.refused}
    assert reasons == {"late", "unreadable_picture", "too_old", "unknown_camera", "repeated"}
    for _, no in ingest.refused:
        assert no.origin is not None
        assert no.origin[0] == FRAMES


def test_one_that_starts_again_goes_on_where_it_was_but_not_with_stale_pictures(
    kafka: LocalBroker,
) -> None:
    platform = Platform(kafka)
    with reading(kafka) as ingest:
        ingest.listens(platform)
    now = datetime.now(UTC)
    platform.send(now, ce_expirytime=now.isoformat())
    platform.send(now + timedelta(seconds=1))
    with reading(kafka) as again:
        again.sees(now + timedelta(seconds=1))
    platform.close()
    assert [str(no.reason) for _, no in again.refused] == ["too_old"]


def test_two_processes_share_the_cameras(kafka: LocalBroker) -> None:
    with reading(kafka) as one:
        other = Ingest(kafka)
        other.thread.start()
        with admin_client(kafka.connection, timeout_s=60) as admin:
            wait_until(lambda: _members(admin.describe_groups([FRAMES_GROUP])) == 2, "two members")
        wait_until(lambda: one.reader.expected != other.reader.expected, "one of the two")
        other.topic.stop.set()
        other.thread.join(60)
        wait_until(lambda: one.reader.expected, "the one that is left")


def _members(groups: dict) -> int:
    return len(groups[FRAMES_GROUP]["members"])
