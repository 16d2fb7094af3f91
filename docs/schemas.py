"""What `make schemas` writes: the JSON Schemas of our messages, and an example of each."""

import inspect
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from detectors.hits import Reading
from pipeline.alerts import ALERT_SCHEMA, CloudEvent
from pipeline.feedback import FeedbackEvent
from pipeline.messages import Decision, LogRecord, Reason
from pipeline.reports import Report
from tests.contract.examples import examples

CONTRACTS = Path(__file__).parent / "contracts"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
Line = Annotated[str, msgspec.Meta(max_length=500)]
Digits = Annotated[str, msgspec.Meta(pattern="^[0-9]+$")]
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class DeadLetterHeaders(msgspec.Struct, frozen=True):
    """`dlq_original_*`: where it lies, if it was a record. `dlq_payload_sha256` and `_bytes`: of
    what was not kept, with hash_only: pictures, which show people, and what is over 1 MiB.
    """

    dlq_reason: Reason
    dlq_stage: Literal["ingest", "relay", "fold"]
    dlq_error_message: Line
    dlq_mend: Line
    dlq_failed_at: Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
    dlq_app: str
    dlq_payload_policy: Literal["full", "hash_only"]
    dlq_original_topic: str | msgspec.UnsetType = msgspec.UNSET
    dlq_original_partition: Digits | msgspec.UnsetType = msgspec.UNSET
    dlq_original_offset: Digits | msgspec.UnsetType = msgspec.UNSET
    dlq_payload_sha256: Sha256 | msgspec.UnsetType = msgspec.UNSET
    dlq_payload_bytes: Digits | msgspec.UnsetType = msgspec.UNSET


# By the name of its file: what it is of, how it stands there, and its type.
TYPES: dict[str, tuple[str, str, Any]] = {
    "grid-alert": (
        "A value of grid.alerts.v1",
        "A CloudEvent (structured JSON); `data` is the alert, `data.action` says which kind.",
        CloudEvent,
    ),
    "feedback": (
        "A value of grid.dispatch-feedback.v1",
        "A CloudEvent (structured JSON); `data` is the feedback, `data.action` says which kind.",
        FeedbackEvent,
    ),
    "report": ("A value of grid.reports.v1", "Bare JSON.", Report),
    "reading": ("A value of grid.readings.v1", "Bare JSON.", Reading),
    "hit": (
        "A record of the log, grid.hits.v1",
        "Bare JSON that only GridAlert writes; `kind` says which kind of record it is.",
        LogRecord,
    ),
    "decision": ("A value of grid.decisions.v1", "Bare JSON.", Decision),
    "dead-letter-headers": (
        "The headers of a record of grid.dead-letters.v1",
        "UTF-8 each, here as one object by name; the value is the refused one, byte for byte.",
        DeadLetterHeaders,
    ),
}


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one of `TYPES`; its descriptions are the types' docstrings."""
    title, form, kind = TYPES[name]
    address = ALERT_SCHEMA.replace("grid-alert", name)
    generated: dict[str, Any] = _as_on_the_wire(msgspec.json.schema(kind))
    return {"$schema": DRAFT, "$id": address, "title": title, "description": form, **generated}


def documents() -> dict[str, bytes]:
    """Every file of docs/contracts that is made, by its name there, as it must be."""
    made = {f"{name}.schema.json": msgspec.json.encode(schema_of(name)) for name in TYPES}
    made |= {f"examples/{name}.json": value for name, value in examples().items()}
    return {name: msgspec.json.format(value, indent=2) + b"\n" for name, value in made.items()}


def _as_on_the_wire(schema: Any) -> Any:
    """The schema with each docstring as one line of text, and no word against further fields: types
    that a site's file shares are strict there, on the wire a later version may add to them.
    """
    if isinstance(schema, list):
        return [_as_on_the_wire(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {key: _as_on_the_wire(part) for key, part in schema.items()}
    parts.pop("additionalProperties", None)
    if isinstance(text := parts.get("description"), str):
        parts["description"] = " ".join(inspect.cleandoc(text).split())
    return parts


def main() -> None:
    """Write them."""
    (CONTRACTS / "examples").mkdir(parents=True, exist_ok=True)
    for name, content in documents().items():
        (CONTRACTS / name).write_bytes(content)


if __name__ == "__main__":
    main()
