"""A dispatch service to begin with: reads grid alerts, tells each change, may accept by itself.

It needs kafka-python and nothing of GridAlert. docs/consuming.md says what the fields mean.
"""

import argparse
import json
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

ALERTS, FEEDBACK = "grid.alerts.v1", "grid.dispatch-feedback.v1"
ACTIONS = {"opened": "新警情", "updated": "更新", "resolved": "已解除"}
WHY = {
    "measure_grew": "数量增加",
    "severity_changed": "情况加重",
    "confidence_rose": "更确定",
    "evidence_added": "补充取证",
    "reopened": "再次出现",
    "handling_changed": "处置进展",
    "officer_changed": "改派",
    "level_changed": "等级调整",
    "deadline_recomputed": "时限重算",
    "reminder": "时限临近",
    "deadline_breached": "已超时限",
}
Alert = dict[str, Any]


def batches(consumer: KafkaConsumer) -> Iterator[tuple[list[Alert], bool]]:
    """The events of each poll, and whether all that was there at the start has been read."""
    partitions = [TopicPartition(ALERTS, n) for n in consumer.partitions_for_topic(ALERTS) or ()]
    if not partitions:
        sys.exit(f"topic {ALERTS} is not there: is this GridAlert's Kafka?")
    # All partitions, without a group: every start reads the whole topic. Several instances of a
    # service share a group_id instead, and keep what they know in a database.
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    ends = consumer.end_offsets(partitions)
    while True:
        polled = consumer.poll(timeout_ms=500).values()
        values = [record.value for records in polled for record in records]
        events = [json.loads(value) for value in values if value is not None]  # else: deleted
        yield events, all(consumer.position(one) >= end for one, end in ends.items())


def changes(consumer: KafkaConsumer, area: str, event_type: str) -> Iterator[Alert]:
    """The newest state of each alert that is not over, then every change as it comes."""
    sequences: dict[str, int] = {}
    history: dict[str, Alert] | None = {}
    for events, caught_up in batches(consumer):
        for event in events:
            alert, id_ = event["data"], event["data"]["alert_id"]
            if not event["subject"].startswith(area):
                continue
            if event_type and event_type != alert["event"]["type"]:
                continue
            # An event's id is alert_id/sequence: this drops repeats, and older ones after newer.
            if alert["sequence"] > sequences.get(id_, 0):
                sequences[id_] = alert["sequence"]
                if history is None:
                    yield alert
                else:
                    history[id_] = alert
        if caught_up and history is not None:
            yield from (alert for alert in history.values() if not is_over(alert))
            history = None


def is_over(alert: Alert) -> bool:
    """Nobody has to do anything about it any more, whether it is still there or not."""
    return alert["handling"] in ("closed", "verified_false", "expired")


def line(alert: Alert) -> str:
    """One line of Chinese: what and why, the notice, who, by when, which number."""
    routing, deadline, due = alert["routing"], alert["deadline"], "无时限"
    officer = routing["assignee"]["number"] if routing["mode"] == "direct" else None
    if deadline["due_at"]:
        at = datetime.fromisoformat(deadline["due_at"]).astimezone(ZoneInfo(deadline["timezone"]))
        due = f"{at:%m-%d %H:%M}前" + ("（暂定）" if deadline["status"] == "provisional" else "")
    action: str = ACTIONS.get(alert["action"]) or alert["action"]
    why: str | None = alert.get("update_reason")
    if why:
        action += f"（{WHY.get(why, why)}）"
    who = f"网格员{officer}" if officer else "值班席"
    return f"{action}｜{alert['text']['notice']}｜{who}｜{due}｜{alert['alert_no']}"


def accept(producer: KafkaProducer, alert: Alert) -> None:
    """Tell GridAlert that somebody takes it on; returns once Kafka has it."""
    feedback = {
        # The same again changes nothing; what was reopened is accepted anew. 64 characters at most.
        "feedback_id": f"accepted-{alert['alert_id']}-{alert['reopened']}",
        "alert_id": alert["alert_id"],
        "grid_code": alert["grid"]["leaf_code"],
        "action": "accepted",
        "at": datetime.now(UTC).isoformat(),
        "actor": {"id": "consumer", "role": "system"},
        "based_on_sequence": alert["sequence"],
    }
    event = {
        "specversion": "1.0",
        "id": feedback["feedback_id"],
        "source": "https://dispatch.example/consumer",
        "type": "cn.gridalert.dispatch.accepted.v1",
        "data": feedback,
    }
    headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
    value, key = json.dumps(event).encode(), alert["alert_id"].encode()
    producer.send(FEEDBACK, value, key, headers).get(timeout=60)


def main() -> None:
    """Read until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, epilog="e.g. consumer.py --area 510117")
    parser.add_argument("--bootstrap-servers", default="127.0.0.1:9092", metavar="HOST:PORT,...")
    parser.add_argument("--area", default="", help="only grid codes that begin so: 6, 9, 12 digits")
    parser.add_argument("--event", default="", help="only this event type, e.g. crowding")
    parser.add_argument("--accept", action="store_true", help="accept direct alerts (writes!)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Where Kafka asks for a password or TLS: security_protocol, sasl_*, ssl_* go in here too.
    servers = options.bootstrap_servers.split(",")
    kafka = {"bootstrap_servers": servers, "bootstrap_timeout_ms": 5_000}
    try:
        consumer = KafkaConsumer(**kafka, enable_auto_commit=False)
        producer = KafkaProducer(**kafka, acks="all") if options.accept else None
        for alert in changes(consumer, options.area, options.event):
            print(line(alert), flush=True)  # noqa: T201 -- what it is for
            waits = alert["routing"]["mode"] == "direct" and alert["handling"] == "open"
            if producer and waits and not alert["exercise"]:
                accept(producer, alert)
    except KafkaError as error:
        sys.exit(f"Kafka at {options.bootstrap_servers}: {error}")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
