"""What `make schemas` writes: the JSON Schemas of our messages, and an example of each."""

import inspect
from pathlib import Path
from typing import Any

import msgspec

from detectors.hits import Reading
from pipeline.alerts import ALERT_SCHEMA, CloudEvent
from pipeline.messages import Decision, LogRecord
from tests.contract.examples import examples

CONTRACTS = Path(__file__).parent / "contracts"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
# By the name of its file: what others read or write, and its type.
TYPES: dict[str, tuple[str, Any]] = {
    "grid-alert": ("A value of grid.alerts.v1", CloudEvent),
    "hit": ("A record of the log, grid.hits.v1", LogRecord),
    "reading": ("A value of grid.readings.v1", Reading),
    "decision": ("A value of grid.decisions.v1", Decision),
}


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one of `TYPES`; its descriptions are the types' docstrings."""
    title, kind = TYPES[name]
    address = ALERT_SCHEMA.replace("grid-alert", name)
    generated: dict[str, Any] = _on_one_line(msgspec.json.schema(kind))
    return {"$schema": DRAFT, "$id": address, "title": title, **generated}


def documents() -> dict[str, bytes]:
    """Every file of docs/contracts that is made, by its name there, as it must be."""
    made = {f"{name}.schema.json": msgspec.json.encode(schema_of(name)) for name in TYPES}
    made |= {f"examples/{name}.json": value for name, value in examples().items()}
    return {name: msgspec.json.format(value, indent=2) + b"\n" for name, value in made.items()}


def _on_one_line(schema: Any) -> Any:
    """The schema with each docstring as one line of text."""
    if isinstance(schema, list):
        return [_on_one_line(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {key: _on_one_line(part) for key, part in schema.items()}
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
