"""Kafka record headers of ours: what a dead letter carries beside the original bytes."""

from datetime import datetime

from pipeline import __version__
from pipeline.alerts import CloudEvent
from pipeline.messages import DeadLetter

Headers = list[tuple[str, bytes]]
SEEN_AT = "ga_seen_at_ms"  # of a hit: when its frame or reading came in, epoch ms


def dead_letter_headers(
    letter: DeadLetter,
    failed_at: datetime,
    *,
    origin: tuple[str, int, int] | None = None,
    sha256: str | None = None,
    size_bytes: int | None = None,
) -> Headers:
    """`dlq_*` headers, UTF-8. `origin`: topic, partition and offset of the original record, if it
    was one. `sha256` and `size_bytes`: of a payload that is not kept because it shows people.
    """
    topic, partition, offset = origin or ("", -1, -1)
    fields = {
        "dlq_reason": letter.reason.value,
        "dlq_stage": letter.stage,
        "dlq_error_message": letter.message[:500],
        "dlq_mend": letter.mend[:500],
        "dlq_failed_at": failed_at.isoformat(),
        "dlq_app": f"gridalert@{__version__}",
        "dlq_payload_policy": "full" if sha256 is None else "hash_only",
    }
    if origin is not None:
        fields |= {
            "dlq_original_topic": topic,
            "dlq_original_partition": str(partition),
            "dlq_original_offset": str(offset),
        }
    if sha256 is not None:
        fields |= {"dlq_payload_sha256": sha256, "dlq_payload_bytes": str(size_bytes)}
    return [(name, value.encode()) for name, value in fields.items()]


def record_headers(topic: str, first: tuple[int, int], last: tuple[int, int]) -> dict[str, bytes]:
    """Headers of an alert: the records (partition, offset) it began with and was decided by."""
    return {
        "content-type": CloudEvent.content_type,
        "ga_first_record": f"{topic}/{first[0]}/{first[1]}".encode(),
        "ga_last_record": f"{topic}/{last[0]}/{last[1]}".encode(),
    }
