"""The Kafka topics of GridAlert as one table, and making a cluster fit it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import NoError, RetriableError, TopicAlreadyExistsError, for_code

from pipeline.connection import BrokerUnavailable, Connection, KafkaProblem
from pipeline.reach import served

FRAMES = "grid.frames.v1"
READINGS = "grid.readings.v1"
REPORTS = "grid.reports.v1"
HITS = "grid.hits.v1"
ALERTS = "grid.alerts.v1"
FEEDBACK = "grid.dispatch-feedback.v1"
DECISIONS = "grid.decisions.v1"
DEAD_LETTERS = "grid.dead-letters.v1"
STATE = "grid.state.v1"

_MINUTE_MS = 60_000
_DAY_MS = 24 * 60 * _MINUTE_MS
_MIB = 1024 * 1024
MAX_MESSAGE_BYTES = 2 * _MIB
"""The largest that the worker sends: a state, or a dead letter."""
_RETRY_S = 0.1


class TopicMismatch(KafkaProblem):
    """A topic is there, but not as GridAlert needs it."""


@dataclass(frozen=True)
class Topic:
    """One topic as it is created. `retention_ms` None keeps records until compaction drops them."""

    name: str
    partitions: int
    retention_ms: int | None
    cleanup_policy: str = "delete"
    max_message_bytes: int = _MIB

    def config(self) -> dict[str, str]:
        """The topic's settings in Kafka's own words."""
        config = {
            "cleanup.policy": self.cleanup_policy,
            "retention.ms": str(-1 if self.retention_ms is None else self.retention_ms),
            "max.message.bytes": str(self.max_message_bytes),
        }
        if self.retention_ms is not None:
            # Kafka drops whole segments: with its default of a week, or 1 GiB, in a segment
            # half an hour of frames would stay for days.
            config["segment.ms"] = str(min(self.retention_ms // 6, _DAY_MS))
        if self.name == STATE:
            # Compaction keeps the last record of a key, the worker needs the one that is furthest
            # in the log: a worker that froze and woke up may have written it before. A day is
            # longer than any freeze (docs/adr/0002-worker-store.md).
            config["min.compaction.lag.ms"] = str(_DAY_MS)
        return config


# Every topic that is re-keyed or folded by place has as many partitions as the log, so that one
# number says how far a deployment can spread. Dead letters are rare and read by people.
TOPICS = (
    Topic(FRAMES, 24, 30 * _MINUTE_MS, max_message_bytes=4 * _MIB),
    Topic(READINGS, 24, _DAY_MS),
    Topic(REPORTS, 24, _DAY_MS),
    Topic(HITS, 24, 7 * _DAY_MS),
    Topic(ALERTS, 24, 30 * _DAY_MS, "compact,delete"),
    Topic(FEEDBACK, 24, 30 * _DAY_MS),
    Topic(DECISIONS, 24, 30 * _DAY_MS),
    # Twice the others: a refused record of full size travels with its dlq_* headers.
    Topic(DEAD_LETTERS, 6, 14 * _DAY_MS, max_message_bytes=MAX_MESSAGE_BYTES),
    Topic(STATE, 24, None, "compact", max_message_bytes=MAX_MESSAGE_BYTES),
)


@dataclass(frozen=True)
class TopicReport:
    """One topic as found on the cluster, and whether this call created it."""

    name: str
    partitions: int
    retention_ms: int
    cleanup_policy: str
    created: bool


@contextmanager
def admin_client(connection: Connection, *, timeout_s: float) -> Iterator[KafkaAdminClient]:
    """A connected kafka-python admin client, closed at the end.

    Raises BrokerUnavailable when no broker answers within `timeout_s` seconds, or one fails
    later on.
    """
    deadline = time.monotonic() + timeout_s
    # Reached first: a client leaks a socket each time that no server takes connections.
    with served(connection, deadline):
        client = KafkaAdminClient(
            **connection.kafka_python(),
            client_id="gridalert",
            bootstrap_timeout_ms=_left_ms(deadline),
            reconnect_backoff_max_ms=500,
        )
        with closing(client):
            yield client


def ensure_topics(
    connection: Connection, *, partitions_override: int | None = None, timeout_s: float = 30.0
) -> list[TopicReport]:
    """Create the topics that are missing and check those that are there; never alter one.

    `partitions_override` gives every topic that many partitions (for tests). Returns one report
    a topic in the order of TOPICS. Raises BrokerUnavailable when the cluster does not answer
    within `timeout_s` seconds or refuses, TopicMismatch when a topic there is not as wanted.
    """
    wanted = [
        replace(topic, partitions=partitions_override or topic.partitions) for topic in TOPICS
    ]
    names = [topic.name for topic in wanted]
    deadline = time.monotonic() + timeout_s
    with admin_client(connection, timeout_s=timeout_s) as admin:
        there = set(admin.list_topics())
        missing = {topic.name: topic for topic in wanted if topic.name not in there}
        created = _create(admin, missing, deadline)
        admin.wait_for_topics(names, timeout_ms=_left_ms(deadline))
        partitions = {
            found["name"]: len(found["partitions"]) for found in admin.describe_topics(names)
        }
        configs = _configs(admin, names)
    reports = [
        TopicReport(
            topic.name,
            partitions[topic.name],
            int(configs[topic.name]["retention.ms"]),
            configs[topic.name]["cleanup.policy"],
            topic.name in created,
        )
        for topic in wanted
    ]
    for topic, report in zip(wanted, reports, strict=True):
        _check(topic, report, int(configs[topic.name]["max.message.bytes"]))
    return reports


def _left_ms(deadline: float) -> int:
    # Never 0: kafka-python reads 0 as "no timeout given".
    return max(1, round((deadline - time.monotonic()) * 1000))


def _create(admin: KafkaAdminClient, missing: dict[str, Topic], deadline: float) -> set[str]:
    """Create `missing`; the names this call made. Another starter may have been quicker."""
    created: set[str] = set()
    while missing:
        # Replication is left to the cluster's own default: 1 here, 3 in production.
        request = {
            topic.name: {"num_partitions": topic.partitions, "configs": topic.config()}
            for topic in missing.values()
        }
        answer = admin.create_topics(request, timeout_ms=_left_ms(deadline), raise_errors=False)
        for result in answer["topics"]:
            error = for_code(result["error_code"])
            if issubclass(error, NoError):
                created.add(result["name"])
            elif issubclass(error, RetriableError) and time.monotonic() < deadline:
                continue
            elif not issubclass(error, TopicAlreadyExistsError):
                raise error(f"topic {result['name']}: {result['error_message']}")
            del missing[result["name"]]
        if missing:
            time.sleep(_RETRY_S)
    return created


def _configs(admin: KafkaAdminClient, names: Iterable[str]) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found = admin.describe_configs(resources, config_filter="all")["topic"]
    for name in names:
        # kafka-python drops the error code of an answer without rights; it is then empty.
        if "cleanup.policy" not in found.get(name, {}):
            raise BrokerUnavailable(
                f"topic {name}: its settings cannot be read",
                "grant this user DescribeConfigs on the grid.* topics",
            )
    return {name: {key: item["value"] for key, item in found[name].items()} for name in names}


def _check(topic: Topic, found: TopicReport, max_message_bytes: int) -> None:
    wrong = []
    if found.partitions != topic.partitions:
        wrong.append(("partitions", str(found.partitions), str(topic.partitions)))
    if set(found.cleanup_policy.split(",")) != set(topic.cleanup_policy.split(",")):
        wrong.append(("cleanup.policy", found.cleanup_policy, topic.cleanup_policy))
    if max_message_bytes < topic.max_message_bytes:
        wrong.append(("max.message.bytes", str(max_message_bytes), str(topic.max_message_bytes)))
    if not wrong:
        return
    setting, is_now, should_be = wrong[0]
    # Adding partitions would send a grid's records to another partition than its state.
    mend = (
        "delete the topic if its records are not needed, or use another cluster; "
        "partitions are never changed on a topic in use"
        if setting == "partitions"
        else f"kafka-configs.sh --alter --topic {topic.name} --add-config {setting}=[{should_be}]"
    )
    raise TopicMismatch(f"topic {topic.name}: {setting} is {is_now}, wanted {should_be}", mend)
