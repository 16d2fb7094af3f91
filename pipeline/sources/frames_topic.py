"""Pictures from grid.frames.v1: a JPEG each, CloudEvents in binary mode, key = camera id.

All ingest processes of one site are one consumer group, so each camera's pictures go to one of
them. One that starts again goes on where it was, and refuses what is no longer fresh.
"""

import hashlib
import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from time import monotonic
from typing import Annotated, Any, Literal

import msgspec
from kafka import KafkaConsumer
from kafka.errors import KafkaError
from kafka.partitioner import murmur2

from detectors.hits import Frame, Instant
from pipeline.connection import Connection
from pipeline.messages import Reason, is_plausible, whole_ms
from pipeline.sources.inbox import Inbox
from pipeline.sources.readers import Backoff, Reader, Tally
from pipeline.sources.video import Unreadable, decoded
from pipeline.topics import FRAMES
from sinks.contract import SinkUnavailable

log = logging.getLogger(__name__)

FRAMES_GROUP = "gridalert-frames"
FRESH_S = 30.0  # of a picture that does not say itself when it expires
AHEAD_S = 5.0  # of our clock; one further ahead would make all right ones after it late
MAX_JPEG_BYTES = 4 * 1024 * 1024  # what the topic takes
_SETTINGS: dict[str, Any] = {
    "group_id": FRAMES_GROUP,
    "auto_offset_reset": "latest",
    "enable_auto_commit": True,  # of what earlier polls gave, whose refusals are acknowledged
    "max_poll_records": 50,
    "fetch_max_bytes": 32 * 1024 * 1024,
    "max_partition_fetch_bytes": 4 * 1024 * 1024,
    "check_crcs": False,  # in Python, picture by picture; the broker has checked them
}
_Digits = Annotated[str, msgspec.Meta(pattern="^[1-9][0-9]{0,4}$")]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=160)]


class Headers(msgspec.Struct, frozen=True):
    """What must stand in the headers of a record, and what is read of them besides."""

    content_type: Literal["image/jpeg"] = msgspec.field(name="content-type")
    ce_specversion: Literal["1.0"]
    ce_type: Literal["cn.gridalert.frame.captured.v1"]
    ce_source: _Text
    ce_id: _Text
    ce_time: Instant
    ce_subject: str
    ce_partitionkey: str
    ce_width: _Digits
    ce_height: _Digits
    ce_masked: Literal["true", "false"]
    ce_expirytime: Instant | None = None
    ce_digest: str | None = None


class Refused(Exception):  # noqa: N818 -- what is wrong, not a Python error
    """Why a record is no picture to look at, and how to mend it."""

    def __init__(self, reason: Reason, what: str, mend: str) -> None:
        super().__init__(what)
        self.reason, self.mend = reason, mend


class Newest:
    """The newest picture of each camera: what is older, or the same again, is refused."""

    def __init__(self) -> None:
        self._at: dict[str, datetime] = {}
        self._id: dict[str, str] = {}

    def take(self, camera_id: str, head: Headers) -> None:
        """Note one that is newer. Raises Refused."""
        before = self._at.get(camera_id)
        if self._id.get(camera_id) == head.ce_id:
            raise Refused(Reason.REPEATED, f"{head.ce_id} again", "nothing: it has been looked at")
        if before is not None and head.ce_time <= before:
            raise Refused(
                Reason.LATE,
                f"{head.ce_time} is not after {before}, the one before it",
                "send a camera's pictures in order, from one producer, with its id as the key",
            )
        self._at[camera_id], self._id[camera_id] = head.ce_time, head.ce_id


def checked(
    key: bytes | None, value: bytes | None, headers: Mapping[str, bytes], reader: Reader | None
) -> Headers:
    """The headers of a record that has a picture of this reader's camera. Raises Refused."""
    if reader is None or not reader.camera.from_topic:
        mend = "add the camera to the site with from_topic = true, or send it elsewhere"
        raise Refused(Reason.UNKNOWN_CAMERA, "no camera of the site", mend)
    if value and len(value) > MAX_JPEG_BYTES:
        raise Refused(
            Reason.TOO_LARGE, f"{len(value)} bytes", f"send less than {MAX_JPEG_BYTES} bytes"
        )
    try:
        texts = {name: text.decode() for name, text in headers.items()}
        head = msgspec.convert(texts, Headers)
    except (msgspec.ValidationError, UnicodeDecodeError, AttributeError) as error:
        mend = "send the headers that docs/contracts/README.md names"
        raise Refused(Reason.SCHEMA_INVALID, f"its headers: {error}", mend) from error
    named = (key or b"").decode(errors="replace")
    if (head.ce_subject, head.ce_partitionkey) != (named, named):
        what = f"its key is {named!r}, its subject {head.ce_subject!r}"
        raise Refused(Reason.SCHEMA_INVALID, what, "key, subject and partition key: the camera id")
    if not value:
        mend = "send the picture itself: one that lies elsewhere is not fetched"
        raise Refused(Reason.SCHEMA_INVALID, "no picture in it", mend)
    if head.ce_digest is not None and hashlib.sha256(value).hexdigest() != head.ce_digest:
        mend = "find what damages pictures on their way, or the bridge that digests another"
        raise Refused(Reason.UNREADABLE_PICTURE, "its bytes are not those of ce_digest", mend)
    return head


def check_time(head: Headers, now: datetime) -> None:
    """Whether it is of now. Raises Refused."""
    ahead_s = (head.ce_time - now).total_seconds() if is_plausible(head.ce_time) else float("inf")
    if ahead_s > AHEAD_S:
        mend = "let the camera, the bridge and this machine follow one time server"
        raise Refused(Reason.CLOCK_SKEW, f"{head.ce_time} is in the future", mend)
    expires = head.ce_expirytime or head.ce_time + timedelta(seconds=FRESH_S)
    if expires < now:
        mend = "nothing, after a pause of ingest; else send pictures on as they are captured"
        raise Refused(Reason.TOO_OLD, f"it expired at {expires}", mend)


class FramesTopic:
    """Reads the topic in a thread until `stop` is set. `readers`: by camera, as they are now."""

    def __init__(
        self,
        connection: Connection,
        readers: Mapping[str, Reader],
        inbox: Inbox,
        tally: Tally,
        refuse: Callable[[str, Unreadable], None],
        now: Callable[[], datetime],
    ) -> None:
        self._connection, self._readers = connection, readers
        self._inbox, self._tally, self._refuse, self._now = inbox, tally, refuse, now
        self._newest = Newest()
        self._slots: dict[str, int] = {}
        self._partition: dict[str, int] = {}  # of each camera
        self.stop = threading.Event()

    def run(self) -> None:
        """Read, and connect again whenever that fails."""
        backoff = Backoff()
        while not self.stop.is_set():
            began_s, consumer = monotonic(), None
            try:
                consumer = KafkaConsumer(FRAMES, **_SETTINGS, **self._connection.kafka_python())
                while not self.stop.is_set():
                    self._poll(consumer)
            except (KafkaError, SinkUnavailable) as error:
                why = f"{error or type(error).__name__}: this user must read it in {FRAMES_GROUP}"
                reason, comes_again = Reason.CANNOT_CONNECT, True  # what could not be refused
            except Exception as error:  # noqa: BLE001 -- no camera is lost to the unforeseen
                why = f"{type(error).__name__}: {error}"
                reason, comes_again = Reason.GARBAGE, False  # it would fail again, for ever
            else:
                consumer.close()
                return
            if consumer is not None:
                consumer.close(autocommit=not comes_again)
            log.warning(f"{FRAMES}: {why}")
            self._tally.metrics.camera_troubles.labels(reason).inc()
            self.stop.wait(backoff.wait_s(monotonic() - began_s))

    def _poll(self, consumer: KafkaConsumer) -> None:
        for records in consumer.poll(timeout_ms=500).values():
            for record in records:
                self._take(record)
        mine = {at.partition for at in consumer.assignment()}
        total = len(consumer.partitions_for_topic(FRAMES) or ())
        for name, reader in list(self._readers.items()):
            if not reader.camera.from_topic or not total:
                continue
            hashed = (murmur2(name.encode()) & 0x7FFFFFFF) % total
            expected = self._partition.get(name, hashed) in mine
            if expected and not reader.expected:
                reader.heard_s = monotonic()
            reader.expected = expected

    def _take(self, record: Any) -> None:
        name = (record.key or b"").decode(errors="replace")
        reader = self._readers.get(name)
        try:
            head = checked(record.key, record.value, dict(record.headers or ()), reader)
            check_time(head, self._now())
            self._newest.take(name, head)
            self._partition[name] = record.partition
            self._hand_over(self._readers[name], head, record.value)
        except Refused as no:
            origin = (FRAMES, record.partition, record.offset)
            self._refuse(name, Unreadable(no.reason, str(no), record.value or b"", no.mend, origin))

    def _hand_over(self, reader: Reader, head: Headers, value: bytes) -> None:
        camera = reader.camera
        slot = int(head.ce_time.timestamp() * camera.sample_fps)
        if self._slots.get(camera.id) == slot:
            self._tally.came_in(reader)
            return
        image = decoded(value, head.ce_id)
        if isinstance(image, Unreadable):
            mend = "send JPEG; the pictures after it are looked at"
            raise Refused(image.reason, image.what, mend)
        self._slots[camera.id] = slot
        self._tally.came_in(reader)
        if self._inbox.replace(reader, Frame(camera.id, whole_ms(head.ce_time), image)):
            self._tally.metrics.frames_dropped.labels(Reason.SHED).inc()
