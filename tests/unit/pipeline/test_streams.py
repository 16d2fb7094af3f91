"""What a stream's times, gaps and pictures mean; without a network."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import av
import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from pipeline.messages import Reason
from pipeline.metrics import IngestMetrics, LastFrameAge
from pipeline.sources.frames_topic import FramesTopic, Headers, Newest, Refused, check_time, checked
from pipeline.sources.inbox import Inbox
from pipeline.sources.motion import (
    ALONE_AGAIN_S,
    LOOK_AT_SOMETHING_S,
    LOOK_S,
    Decode,
    Gate,
    Seen,
    moved,
)
from pipeline.sources.readers import Backoff, Reader, Tally
from pipeline.sources.stream import Trouble, joined, shown, with_secrets
from pipeline.sources.stream_clock import StreamClock
from tests.unit.pipeline.clips import camera

NOW = datetime(2026, 7, 1, tzinfo=UTC)


# Event times --------------------------------------------------------------------------------


@dataclass
class Clocks:
    """A machine's two clocks, `shift_s` apart from what they were."""

    elapsed_s: float = 0.0
    shift_s: float = 0.0

    def clock(self) -> StreamClock:
        return StreamClock(
            lambda: NOW + timedelta(seconds=self.elapsed_s + self.shift_s), lambda: self.elapsed_s
        )


def seconds(at: datetime) -> float:
    return (at - NOW).total_seconds()


@given(delays_s=st.lists(st.floats(0, 2), min_size=50, max_size=50), fast=st.booleans())
@settings(max_examples=50)
def test_the_least_delayed_packet_tells_the_time(delays_s: list[float], fast: bool) -> None:
    clocks = Clocks()
    clock, arrived_s, told = clocks.clock(), 0.0, []
    for n, delay_s in enumerate([0.0, *delays_s]):
        sent_s = n * 0.2
        arrived_s = clocks.elapsed_s = max(arrived_s, sent_s + delay_s)
        stamp_s = 1000 + sent_s * (1.0005 if fast else 1)
        assert not clock.arrived(stamp_s)
        told.append(seconds(clock.at(stamp_s)))
        assert sent_s - 0.01 <= told[-1] <= sent_s + 0.02
    assert told == sorted(set(told))


def test_a_slow_camera_clock_is_followed() -> None:
    clocks = Clocks()
    clock = clocks.clock()
    for n in range(6000):  # ten minutes, in which the camera loses 0.6 s
        clocks.elapsed_s = n / 10
        clock.arrived(clocks.elapsed_s * 0.999)
        at = seconds(clock.at(clocks.elapsed_s * 0.999))
        assert clocks.elapsed_s - 0.05 < at <= clocks.elapsed_s


@pytest.mark.parametrize("jump_s", [-3600.0, -5.0, 30.0, 3600.0])
def test_time_stamps_that_jump_change_no_event_time(jump_s: float) -> None:
    clocks = Clocks()
    clock, jumps, told = clocks.clock(), 0, []
    for n in range(100):
        clocks.elapsed_s = n / 10
        stamp_s = 5000 + clocks.elapsed_s + (jump_s if n >= 50 else 0)
        jumps += clock.arrived(stamp_s)
        told.append(seconds(clock.at(stamp_s)))
    assert jumps == 1
    assert told == pytest.approx([n / 10 for n in range(100)], abs=0.003)


def test_the_machines_clock_that_is_set_is_seen_and_believed() -> None:
    clocks = Clocks()
    clock = clocks.clock()
    jumped = []
    for n in range(20):
        clocks.elapsed_s, clocks.shift_s = float(n), -600.0 if n >= 10 else 0.0
        jumped.append(clock.arrived(float(n)))
        assert seconds(clock.at(float(n))) == pytest.approx(n + clocks.shift_s)
    assert [n for n, jump in enumerate(jumped) if jump] == [10]


def test_a_new_connection_begins_anew_and_never_before_the_old_one() -> None:
    clocks = Clocks()
    clock = clocks.clock()
    clock.arrived(100.0)
    first = clock.at(100.0)
    clock.restart()
    assert not clock.arrived(0.0)  # the same instant, other time stamps
    assert clock.at(0.0) > first


# What is decoded and looked at --------------------------------------------------------------


def noisy(random: np.random.Generator, block: bool = False) -> np.ndarray:
    picture = np.full((90, 160), 100.0) + random.normal(0, 1, (90, 160))
    if block:
        picture[40:44, 60:65] = 180
    return picture.clip(0, 255).astype(np.uint8)


def test_what_moves_is_a_block_and_not_light_or_noise() -> None:
    random = np.random.default_rng(7)
    assert moved(noisy(random), noisy(random, block=True))
    assert not moved(noisy(random), noisy(random))
    assert not moved(noisy(random), noisy(random) + np.uint8(40))


def played(
    gate: Gate, seconds_: range, key_every: int, block_from_s: float = 1e9, fps: int = 10
) -> Iterator[tuple[float, Decode, Seen | None]]:
    """A stream through a gate: time stamp, what was decoded, and what was made of the picture."""
    random = np.random.default_rng(7)
    for n in range(seconds_.start * fps, seconds_.stop * fps):
        at_s, seen = n / fps, None
        how = gate.packet(at_s, is_key=n % (key_every * fps) == 0)
        if how is not Decode.NOTHING and gate.is_due(at_s):
            seen = gate.picture(at_s, noisy(random, block=at_s >= block_from_s))
            if how is Decode.ALONE:
                gate.wakes(at_s, shown=True)
        yield at_s, how, seen


@pytest.mark.parametrize("key_every", [1, 2, 4, 5, 10])
@pytest.mark.parametrize("something", [False, True])
def test_a_quiet_scene_is_looked_at_seldom_but_often_enough(
    key_every: int, something: bool
) -> None:
    gate = Gate(2.0)
    gate.sees_something = something
    steps = list(played(gate, range(120), key_every))
    looks_s = [at_s for at_s, _, seen in steps if seen is Seen.LOOK and at_s > 30]
    most_s = LOOK_AT_SOMETHING_S if something else LOOK_S
    assert max(np.diff(looks_s)) <= most_s
    assert len(looks_s) < 90 / most_s * 2.1
    decoded = sum(how is not Decode.NOTHING for _, how, _ in steps)
    if key_every <= most_s:
        assert decoded < 300  # of 1200
    else:
        assert decoded > 1000  # keyframes are too far apart: everything


def test_what_moves_wakes_a_camera_at_the_next_keyframe() -> None:
    steps = list(played(Gate(2.0), range(60), key_every=2, block_from_s=31.0))
    after = [(at_s, how, seen) for at_s, how, seen in steps if 31 <= at_s < 37]
    looks_s = [at_s for at_s, _, seen in after if seen is Seen.LOOK]
    assert looks_s[0] == 32.0
    assert np.diff(looks_s).max() <= 0.5
    assert all(how is Decode.ALL for at_s, how, _ in after if at_s > 32)


def test_nothing_before_the_first_keyframe_can_be_decoded() -> None:
    gate = Gate(2.0)
    assert [gate.packet(n / 10, is_key=n == 5) for n in range(7)] == [
        *[Decode.NOTHING] * 5, Decode.ALL, Decode.ALL,
    ]  # fmt: skip


def test_where_a_keyframe_alone_shows_nothing_all_is_decoded_for_a_while() -> None:
    gate, random = Gate(2.0), np.random.default_rng(7)
    decoded = []
    for n in range(4000):
        at_s = n / 10
        how = gate.packet(at_s, is_key=n % 20 == 0)
        decoded.append(how)
        if how is Decode.ALL and gate.is_due(at_s):
            gate.picture(at_s, noisy(random))
        if how is Decode.ALONE:
            gate.wakes(at_s, shown=False)
    alone_s = [n / 10 for n, how in enumerate(decoded) if how is Decode.ALONE]
    assert len(alone_s) == 2  # nothing moves; it is tried again once
    assert alone_s[1] - alone_s[0] == pytest.approx(ALONE_AGAIN_S, abs=2.0)
    assert Decode.NOTHING not in decoded


def test_packets_of_one_picture_are_joined_and_a_whole_one_stays_itself() -> None:
    parts: list[Any] = []
    for value in (b"one", b"two"):
        part = av.Packet(value)
        part.pts, part.time_base = 900, Fraction(1, 90_000)
        parts.append(part)
    whole = joined(parts)
    assert (bytes(whole), whole.pts, whole.time_base) == (b"onetwo", 900, Fraction(1, 90_000))
    assert joined(parts[:1]) is parts[0]


def test_frozen_is_the_same_to_the_bit_through_keyframes() -> None:
    same, random = np.full((90, 160), 100, np.uint8), np.random.default_rng(7)
    for picture_of, frozen in ((lambda: same, True), (lambda: noisy(random), False)):
        gate, seen = Gate(2.0), []
        for n in range(80):
            if n % 4 == 0:
                gate.packet(n / 2, is_key=True)
            seen.append(gate.picture(n / 2, picture_of()))
        assert (Seen.FROZEN in seen) is frozen
        assert Seen.FROZEN not in seen[:60]


# Readers ------------------------------------------------------------------------------------


def test_waits_grow_to_a_minute_and_begin_anew_after_a_minute_that_went_well() -> None:
    backoff = Backoff(lambda low, high: high)
    assert [backoff.wait_s(0) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff.wait_s(61.0) == 1
    halves = Backoff(lambda low, high: low)
    assert [halves.wait_s(0) for _ in range(2)] == [0.5, 1]


def test_an_inbox_takes_turns_and_keeps_a_live_cameras_newest_only() -> None:
    inbox, stop = Inbox(), threading.Event()
    inbox.wait_and_put("file", 1, stop)
    assert [inbox.replace("one", n) for n in range(3)] == [False, True, True]
    inbox.replace("two", 7)
    assert [inbox.take(0.0) for _ in range(4)] == [("file", 1), ("one", 2), ("two", 7), None]


def test_a_recording_waits_until_it_is_taken_or_stopped() -> None:
    inbox, stop = Inbox(), threading.Event()
    thread = threading.Thread(
        target=lambda: [inbox.wait_and_put("file", n, stop) for n in range(100)]
    )
    thread.start()
    taken = [inbox.take(10.0) for _ in range(50)]
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert taken == [("file", n) for n in range(50)]


def test_a_camera_that_nobody_hears_is_offline() -> None:
    reader = Reader(camera(stream="rtsp://127.0.0.1/1", start=None), heard_s=100.0)
    assert [str(reader.sight_at(now_s)) for now_s in (105, 111)] == ["clear", "offline"]
    reader.expected = False  # its pictures go to another process
    assert str(reader.sight_at(1000)) == "clear"


def test_a_url_is_shown_without_its_secrets() -> None:
    url = "rtsp://viewer:${CAM7}@10.1.2.3:554/ch1?token=${CAM7}"
    assert shown(url) == "rtsp://10.1.2.3:554/ch1"
    full = with_secrets(url, {"CAM7": "p@ss:w/rd"})
    assert full == "rtsp://viewer:p%40ss%3Aw%2Frd@10.1.2.3:554/ch1?token=p%40ss%3Aw%2Frd"
    with pytest.raises(Trouble, match="needs the environment variable CAM7"):
        with_secrets(url, {})


# grid.frames.v1 -----------------------------------------------------------------------------

JPEG = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()
READER = Reader(camera(id="cam-7", from_topic=True, start=None))
HEADERS = {
    "content-type": "image/jpeg",
    "ce_specversion": "1.0",
    "ce_type": "cn.gridalert.frame.captured.v1",
    "ce_source": "https://fusion.example/wvp",
    "ce_id": "cam-7/1/1",
    "ce_time": "2026-07-01T00:00:00Z",
    "ce_subject": "cam-7",
    "ce_partitionkey": "cam-7",
    "ce_width": "64",
    "ce_height": "48",
    "ce_masked": "false",
    "ce_digest": hashlib.sha256(JPEG).hexdigest(),
    "ce_stream": "sub",  # known to the schema, not to us
}


def raw(**changed: str | None) -> dict[str, bytes]:
    texts = {**HEADERS, **changed}
    return {name: text.encode() for name, text in texts.items() if text is not None}


def test_a_right_record_is_a_picture_of_its_time() -> None:
    head = checked(b"cam-7", JPEG, raw(), READER)
    assert head.ce_time == NOW
    check_time(head, NOW + timedelta(seconds=29))


@pytest.mark.parametrize(
    ("key", "value", "headers", "reader", "reason"),
    [
        (b"cam-8", JPEG, raw(), None, Reason.UNKNOWN_CAMERA),
        (None, JPEG, raw(), READER, Reason.SCHEMA_INVALID),
        (b"cam-7", JPEG, raw(ce_subject="cam-8"), READER, Reason.SCHEMA_INVALID),
        (b"cam-7", JPEG, raw(ce_time="yesterday"), READER, Reason.SCHEMA_INVALID),
        (b"cam-7", JPEG, raw(ce_time="2026-07-01T00:00:00"), READER, Reason.SCHEMA_INVALID),
        (b"cam-7", JPEG, raw(ce_masked="maybe"), READER, Reason.SCHEMA_INVALID),
        (b"cam-7", JPEG, raw(ce_id=None), READER, Reason.SCHEMA_INVALID),
        (b"cam-7", JPEG, {**raw(), "ce_id": b"\xff"}, READER, Reason.SCHEMA_INVALID),
        (b"cam-7", None, raw(), READER, Reason.SCHEMA_INVALID),
        (b"cam-7", JPEG + b"x", raw(), READER, Reason.UNREADABLE_PICTURE),
        (b"cam-7", bytes(5_000_000), raw(), READER, Reason.TOO_LARGE),
    ],
)
def test_a_wrong_record_is_refused_by_name(
    key: bytes | None, value: bytes | None, headers: dict[str, bytes], reader: Reader | None,
    reason: Reason,
) -> None:  # fmt: skip
    with pytest.raises(Refused) as no:
        checked(key, value, headers, reader)
    assert no.value.reason is reason
    assert no.value.mend


@pytest.mark.parametrize(
    ("after_s", "expires", "reason"),
    [
        (31, None, Reason.TOO_OLD),
        (6, "2026-07-01T00:00:05Z", Reason.TOO_OLD),
        (-6, None, Reason.CLOCK_SKEW),
    ],
)
def test_a_record_of_another_time_is_refused(
    after_s: float, expires: str | None, reason: Reason
) -> None:
    head = checked(b"cam-7", JPEG, raw(ce_expirytime=expires), READER)
    with pytest.raises(Refused) as no:
        check_time(head, NOW + timedelta(seconds=after_s))
    assert no.value.reason is reason


def test_the_topics_reader_outlives_the_unforeseen(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pipeline.sources.readers.BACKOFF_S", (0.0, 0.0))
    registry = CollectorRegistry()
    tally = Tally(IngestMetrics(registry), LastFrameAge(lambda: 0.0))
    tries = []

    class Broken:
        """No connection, in a way that nobody foresaw; at the third time it is enough."""

        def kafka_python(self) -> dict[str, str]:
            tries.append(0)
            if len(tries) == 3:
                topic.stop.set()
            raise ZeroDivisionError("unforeseen")

    broken: Any = Broken()
    topic = FramesTopic(broken, {}, Inbox(), tally, lambda *_: None, lambda: NOW)
    topic.run()
    counted = {"reason": str(Reason.GARBAGE)}
    assert registry.get_sample_value("gridalert_camera_troubles_total", counted) == len(tries) == 3
    assert "ZeroDivisionError: unforeseen" in caplog.text


def test_what_is_older_or_comes_again_is_refused() -> None:
    newest = Newest()

    def head(n: int) -> Headers:
        at = NOW + timedelta(seconds=n)
        return msgspec.structs.replace(
            checked(b"cam-7", JPEG, raw(), READER), ce_id=f"cam-7/{n}", ce_time=at
        )

    newest.take("cam-7", head(2))
    newest.take("cam-8", head(1))
    for n, reason in ((2, Reason.REPEATED), (1, Reason.LATE)):
        with pytest.raises(Refused) as no:
            newest.take("cam-7", head(n))
        assert no.value.reason is reason
    newest.take("cam-7", head(3))
