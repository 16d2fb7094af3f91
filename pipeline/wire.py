"""Kafka record headers of ours: of hits, of alerts, and of dead letters."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from pipeline import __version__
from pipeline.alerts import CloudEvent
from pipeline.messages import DeadLetter

Headers = list[tuple[str, bytes]]
SEEN_AT = "ga_seen_at_ms"  # of a hit: when its frame or reading came in, epoch ms


def hit_headers(seen_at: datetime) -> Headers:
    """Headers of a hit: when its frame or reading came in."""
    return [(SEEN_AT, str(int(seen_at.timestamp() * 1000)).encode())]


def seen_at_of(headers: Sequence[tuple[str, bytes]] | None) -> datetime | None:
    """When the frame or reading of a hit came in; None where its headers do not say."""
    try:
        return datetime.fromtimestamp(int(dict(headers or ())[SEEN_AT]) / 1000, UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


def dead_letter_headers(
    letter: DeadLetter,
    failed_at: datetime,
    *,
    origin: tuple[str, int, int] | None = None,
    not_kept: bytes | None = None,
) -> Headers:
    """`dlq_*` headers, UTF-8. `origin`: topic, partition and offset of the original record, if it
    was one. `not_kept`: the payload, where only its hash and size are to stay.
    """
    fields = {
        "dlq_reason": letter.reason.value,
        "dlq_stage": letter.stage,
        "dlq_error_message": letter.message[:500],
        "dlq_mend": letter.mend[:500],
        "dlq_failed_at": failed_at.isoformat(),
        "dlq_app": f"gridalert@{__version__}",
        "dlq_payload_policy": "full" if not_kept is None else "hash_only",
    }
    if origin is not None:
        topic, partition, offset = origin
        fields |= {
            "dlq_original_topic": topic,
            "dlq_original_partition": str(partition),
            "dlq_original_offset": str(offset),
        }
    if not_kept is not None:
        fields["dlq_payload_sha256"] = hashlib.sha256(not_kept).hexdigest()
        fields["dlq_payload_bytes"] = str(len(not_kept))
    # A file's name may hold bytes that are no UTF-8.
    return [(name, value.encode(errors="replace")) for name, value in fields.items()]


def record_headers(topic: str, first: tuple[int, int], last: tuple[int, int]) -> dict[str, bytes]:
    """Headers of an alert: the records (partition, offset) it began with and was decided by."""
    return {
        "content-type": CloudEvent.content_type,
        "ga_first_record": f"{topic}/{first[0]}/{first[1]}".encode(),
        "ga_last_record": f"{topic}/{last[0]}/{last[1]}".encode(),
    }
