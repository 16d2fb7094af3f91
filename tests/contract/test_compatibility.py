"""What was promised with v1 still holds, and each kind of break is caught by who says so."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from docs.schemas import TYPES, schema_of
from tests.contract.compatibility import MEND, Schema, breaks

RELEASED = Path(__file__).parents[1] / "data" / "schemas_v1"
Way = Literal["read", "write"]
# Alerts and decisions of older versions lie on their topics for 30 days and are read back; log
# records go between processes of two versions while one is replaced by the other.
BOTH: tuple[Way, ...] = ("write", "read")
WAYS: dict[str, tuple[Way, ...]] = {
    "grid-alert": BOTH, "decision": BOTH, "hit": BOTH, "dead-letter-headers": ("write",),
    "feedback": ("read",), "report": ("read",), "reading": ("read",),
}  # fmt: skip


def released(name: str) -> Schema:
    schema: Schema = json.loads((RELEASED / f"{name}.schema.json").read_text("utf-8"))
    return schema


def test_every_published_schema_is_held_to_what_was_released() -> None:
    files = {path.name.removesuffix(".schema.json") for path in RELEASED.iterdir()}
    assert files == set(TYPES) == set(WAYS), f"released schemas are kept in {RELEASED}"


@pytest.mark.parametrize(("name", "way"), [(name, way) for name in WAYS for way in WAYS[name]])
def test_what_was_released_still_holds(name: str, way: Way) -> None:
    now = json.loads(msgspec.json.encode(schema_of(name)))
    broken = breaks(released(name), now, way)
    assert not broken, f"{name}, which we {way}: " + "; ".join(broken) + f". {MEND}"


Change = Callable[[Any], object]


def rename(field: str, to: str) -> Change:
    def change(definition: Schema) -> None:
        fields, required = definition["properties"], definition["required"]
        fields[to] = fields.pop(field)
        definition["required"] = [to if name == field else name for name in required]

    return change


def drop(key: str) -> Change:
    return lambda schema: schema.pop(key)


def put(**fields: Any) -> Change:
    return lambda schema: schema.update(fields)


def require(*names: str) -> Change:
    return lambda schema: schema.update(required=[*schema["required"], *names])


def excuse(name: str) -> Change:
    return lambda schema: schema["required"].remove(name)


def add_field(*, required: bool) -> Change:
    def change(definition: Schema) -> None:
        definition["properties"]["of_v2"] = {"type": "string"}
        definition["required"] += ["of_v2"] * required

    return change


def without(value: str) -> Change:
    return lambda values: values.remove(value)


def with_value(value: str | None) -> Change:
    return lambda schema: schema["enum"].append(value)


def without_alternative(n: int) -> Change:
    return lambda schema: schema["anyOf"].pop(n)


def maybe_null(schema: Schema) -> None:
    plain = dict(schema)
    schema.clear()
    schema["anyOf"] = [plain, {"type": "null"}]


OPENED, ACCEPTED, REPORT = "Opened/properties", "Accepted/properties", "Report/properties"


def changed(name: str, path: str, change: Change) -> Schema:
    schema = released(name)
    target: Any = schema["$defs"]
    for step in path.split("/"):
        target = target[int(step)] if isinstance(target, list) else target[step]
    change(target)
    return schema


@pytest.mark.parametrize(
    ("way", "name", "path", "change", "told"),
    [
        pytest.param(
            "write", "grid-alert", OPENED, drop("severity"),
            ".data(opened).severity: is gone", id="written: a field removed",
        ),
        pytest.param(
            "write", "grid-alert", "AdminUnit", rename("code", "id"),
            ".data(opened).grid.city.code: is gone", id="written: a field renamed, deep",
        ),
        pytest.param(
            "write", "grid-alert", "AdminUnit/properties", drop("label"),
            ".data(opened).grid.city.label: is gone", id="written: an optional field removed",
        ),
        pytest.param(
            "write", "grid-alert", "Opened", excuse("confidence"),
            ".data(opened).confidence: may be absent now", id="written: a field may be absent",
        ),
        pytest.param(
            "write", "grid-alert", f"{OPENED}/confidence", maybe_null,
            ".data(opened).confidence: may now be null", id="written: a field may be null",
        ),
        pytest.param(
            "write", "grid-alert", "Handled/properties/handling", with_value(None),
            ".data(opened).handled[].handling: may now be null", id="written: a word may be null",
        ),
        pytest.param(
            "write", "grid-alert", f"{OPENED}/sequence", put(type="string"),
            ".data(opened).sequence: may now be string", id="written: a type changed",
        ),
        pytest.param(
            "write", "grid-alert", f"{OPENED}/confidence", put(maximum=100.0),
            ".data(opened).confidence: maximum was 1.0, is 100.0", id="written: a limit widened",
        ),
        pytest.param(
            "write", "grid-alert", f"{OPENED}/confidence", drop("minimum"),
            ".data(opened).confidence: minimum was 0.0, is None", id="written: a limit dropped",
        ),
        pytest.param(
            "write", "grid-alert", f"{OPENED}/opened_at", drop("format"),
            ".data(opened).opened_at: format was date-time, is None", id="written: no time",
        ),
        pytest.param(
            "write", "grid-alert", f"{OPENED}/severity/enum", without("Minor"),
            ".data(opened).severity: the value 'Minor' is gone", id="written: a word not used",
        ),
        pytest.param(
            "write", "grid-alert", "CloudEvent/properties/data", without_alternative(2),
            ".data: =resolved is gone", id="written: an action not used any more",
        ),
        pytest.param(
            "write", "grid-alert", f"{OPENED}/evidence/items", put(**{"$ref": "#/$defs/Measure"}),
            ".data(opened).evidence[].sha256: is gone", id="written: another thing in a list",
        ),
        pytest.param(
            "write", "hit", "SeenObject/properties/xyxy/prefixItems/2", put(type="string"),
            "(hit).objects[].xyxy[2]: may now be string", id="written: a coordinate as text",
        ),
        pytest.param(
            "read", "feedback", "Accepted", add_field(required=True),
            ".data(accepted).of_v2: is required now", id="read: a new required field",
        ),
        pytest.param(
            "read", "feedback", "Accepted", require("work_order_no"),
            ".data(accepted).work_order_no: is required now", id="read: an optional field required",
        ),
        pytest.param(
            "read", "feedback", ACCEPTED, drop("work_order_no"),
            ".data(accepted).work_order_no: is gone", id="read: a field not read any more",
        ),
        pytest.param(
            "read", "feedback", "Actor/properties/role/enum", without("resident"),
            ".data(accepted).actor.role: the value 'resident' is gone", id="read: a word refused",
        ),
        pytest.param(
            "read", "feedback", "FeedbackEvent/properties/data", without_alternative(0),
            ".data: =accepted is gone", id="read: an action refused",
        ),
        pytest.param(
            "read", "feedback", f"{ACCEPTED}/based_on_sequence", without_alternative(1),
            ".data(accepted).based_on_sequence: null is gone", id="read: null refused",
        ),
        pytest.param(
            "read", "feedback", f"{ACCEPTED}/based_on_sequence", put(default=1),
            ".data(accepted).based_on_sequence: when absent, it does not mean None any more",
            id="read: absent means something else",
        ),
        pytest.param(
            "read", "feedback", f"{ACCEPTED}/feedback_id", put(maxLength=32),
            ".data(accepted).feedback_id: maxLength was 64, is 32", id="read: a limit narrowed",
        ),
        pytest.param(
            "read", "report", f"{REPORT}/at", put(pattern="Z$"),
            ".at: pattern was None, is Z$", id="read: a new pattern",
        ),
        pytest.param(
            "read", "report", "Photo/properties/sha256", put(pattern="^[0-9A-F]{64}$"),
            ".photo.sha256: pattern was ^[0-9a-f]{64}$, is ^[0-9A-F]{64}$", id="read: pattern",
        ),
        pytest.param(
            "read", "report", "Point/properties/lon", put(type="string"),
            ".point.lon: number is gone", id="read: a type changed",
        ),
        pytest.param(
            "read", "report", "Report", put(additionalProperties=False),
            ": additionalProperties was None, is False", id="read: no further fields any more",
        ),
    ],
)  # fmt: skip
def test_a_break_is_told_with_its_path(
    way: Way, name: str, path: str, change: Change, told: str
) -> None:
    broken = breaks(released(name), changed(name, path, change), way)
    assert told in broken, broken


@pytest.mark.parametrize("name", WAYS)
def test_no_field_can_go_and_no_list_may_hold_anything(name: str) -> None:
    old = released(name)
    for kind, definition in old["$defs"].items():
        for field, schema in definition.get("properties", {}).items():
            changes = [(f"{kind}/properties", drop(field))]
            if isinstance(schema.get("items"), dict):
                changes += [(f"{kind}/properties/{field}", drop("items"))]
            for path, change in changes:
                assert breaks(old, changed(name, path, change), WAYS[name][0]), path


@pytest.mark.parametrize(
    ("way", "name", "path", "change"),
    [
        pytest.param(
            "write", "grid-alert", "Opened", add_field(required=True), id="written: a field"
        ),
        pytest.param(
            "write", "grid-alert", f"{OPENED}/severity", with_value("Odd"), id="written: a word"
        ),
        pytest.param(
            "write", "grid-alert", f"{OPENED}/alarm_priority", put(maximum=4), id="written: a limit"
        ),
        pytest.param(
            "write", "grid-alert", "Address/properties/micro_grid", without_alternative(1),
            id="written: never null any more",
        ),
        pytest.param("read", "feedback", "Accepted", add_field(required=False), id="read: a field"),
        pytest.param(
            "read", "feedback", "Actor/properties/role", with_value("robot"), id="read: a word"
        ),
        pytest.param("read", "feedback", "Accepted", excuse("grid_code"), id="read: one less"),
        pytest.param("read", "report", f"{REPORT}/words", drop("maxLength"), id="read: no limit"),
        pytest.param("read", "report", "Point/properties/lon", maybe_null, id="read: null too"),
    ],
)  # fmt: skip
def test_an_addition_breaks_nothing(way: Way, name: str, path: str, change: Change) -> None:
    new = changed(name, path, change)
    assert new != released(name)
    assert breaks(released(name), new, way) == []


def test_a_new_action_and_new_words_of_explanation_break_nothing() -> None:
    new = deepcopy(released("grid-alert"))
    fourth = deepcopy(new["$defs"]["Opened"]) | {"description": "Another."}
    fourth["properties"]["action"] = {"enum": ["escalated"]}
    new["$defs"]["Escalated"] = fourth
    new["$defs"]["CloudEvent"]["properties"]["data"]["anyOf"].append({"$ref": "#/$defs/Escalated"})
    for way in BOTH:
        assert breaks(released("grid-alert"), new, way) == []


def test_the_record_kinds_of_the_log_are_told_apart() -> None:
    new = deepcopy(released("hit"))
    new["anyOf"] = [one for one in new["anyOf"] if one["$ref"] != "#/$defs/Tick"]
    assert breaks(released("hit"), new, "read") == [": =tick is gone"]
