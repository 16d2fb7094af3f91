"""What we publish is what docs/contracts says, held against an independent validator."""

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from jsonschema import Draft202012Validator

from docs.schemas import CONTRACTS, TYPES, documents, schema_of
from pipeline.feedback import Verified, decode_feedback
from pipeline.messages import DeadLetter, Reason, encode, outcome_of
from pipeline.topics import TOPICS
from pipeline.wire import SEEN_AT, dead_letter_headers, record_headers
from tests.builders import at
from tests.contract.examples import examples

DATA = Path(__file__).parents[1] / "data"
CONSUMING = CONTRACTS.parent / "consuming.md"
ABSENT = object()


def validator(name: str) -> Draft202012Validator:
    """Of the schema as published, with formats checked."""
    schema = json.loads((CONTRACTS / f"{name}.schema.json").read_text("utf-8"))
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


@pytest.mark.parametrize("name", documents())
def test_docs_contracts_is_what_the_types_and_the_fold_make(name: str) -> None:
    path = CONTRACTS / name
    assert path.exists(), f"{path} is missing: run make schemas"
    assert path.read_bytes() == documents()[name], f"{path} is out of date: run make schemas"


def test_docs_contracts_holds_nothing_that_is_not_made() -> None:
    there = {path.relative_to(CONTRACTS).as_posix() for path in CONTRACTS.rglob("*.json")}
    assert there == set(documents()), "delete what is not made any more"


@pytest.mark.parametrize("name", TYPES)
def test_the_schema_is_json_schema_2020_12_and_says_what_its_parts_are(name: str) -> None:
    schema = schema_of(name)
    Draft202012Validator.check_schema(schema)
    for part, definition in schema["$defs"].items():
        assert "\n" not in definition["description"], part
        assert definition["description"].endswith("."), part


@pytest.mark.parametrize("name", examples())
def test_an_example_is_valid_and_reads_back_to_the_same_bytes(name: str) -> None:
    kind = name.split(".", maxsplit=1)[0]
    value = examples()[name]
    written = (CONTRACTS / "examples" / f"{name}.json").read_bytes()
    assert list(validator(kind).iter_errors(json.loads(written))) == []
    assert encode(msgspec.json.decode(written, type=TYPES[kind][2])) == value


def changed(example: str, path: str, value: Any) -> dict[str, Any]:
    """The example with the field at `path` (dots between) set to `value`, or gone."""
    whole: dict[str, Any] = deepcopy(json.loads(examples()[example]))
    *parents, last = path.split(".")
    part: Any = whole
    for parent in parents:
        part = part[int(parent)] if isinstance(part, list) else part[parent]
    if value is ABSENT:
        del part[last]
    else:
        part[last] = value
    return whole


OPENED, UPDATED = "grid-alert.crowding-opened", "grid-alert.crowding-updated"
RESOLVED, QUEUED = "grid-alert.crowding-resolved", "grid-alert.residual_current-opened"


@pytest.mark.parametrize(
    ("example", "path", "value"),
    [
        pytest.param(OPENED, "data.action", "escalated", id="an action of nobody"),
        pytest.param(OPENED, "data.action", "updated", id="an update that gives no reason"),
        pytest.param(UPDATED, "data.update_reason", "bored", id="an update for an unknown reason"),
        pytest.param(RESOLVED, "data.resolution", ABSENT, id="resolved, and not how"),
        pytest.param(RESOLVED, "data.resolution", "opened", id="resolved by a word of elsewhere"),
        pytest.param(OPENED, "data.deadline.basis", "none", id="no deadline, yet an instant"),
        pytest.param(OPENED, "data.deadline.basis", "soon", id="a deadline counted in no unit"),
        pytest.param(QUEUED, "data.deadline.due_at", ABSENT, id="working days without an end"),
        pytest.param(QUEUED, "data.deadline.due_at", None, id="working days that end never"),
        pytest.param(OPENED, "data.routing.mode", "queue", id="queued, and nobody proposed"),
        pytest.param(QUEUED, "data.routing.mode", "direct", id="direct, and to nobody"),
        pytest.param(QUEUED, "data.routing.reason", "leaf_grid", id="queued for a direct reason"),
        pytest.param(OPENED, "data.first_seen_at", "2026-06-01T00:00:00", id="a time without zone"),
        pytest.param(OPENED, "time", "yesterday", id="a time that is none"),
        pytest.param(OPENED, "data.sequence", "1", id="a sequence as text"),
        pytest.param(OPENED, "data.confidence", None, id="no confidence"),
        pytest.param(OPENED, "data.grid.district", ABSENT, id="an address without a district"),
        pytest.param(OPENED, "data.grid.city.name", ABSENT, id="a city without a name"),
        pytest.param(OPENED, "data.severity", "Bad", id="a severity that CAP has not"),
        pytest.param(OPENED, "data.evidence.0.redaction", ["faces"], id="an unknown redaction"),
        pytest.param(OPENED, "specversion", "0.3", id="another CloudEvents"),
        pytest.param("hit.crowding", "kind", "guess", id="a log record of an unknown kind"),
        pytest.param("hit.crowding", "score", 1.01, id="a score above 1"),
        pytest.param("hit.crowding", "quality", -0.1, id="a quality below 0"),
        pytest.param("hit.crowding", "leaf_code", ABSENT, id="a hit without a grid"),
        pytest.param(
            "hit.crowding", "occurred_at", "2026-06-01T00:00:00", id="a hit without a zone"
        ),
        pytest.param("reading.residual_current", "quality", "fine", id="an unknown quality"),
        pytest.param("reading.residual_current", "result", "420", id="a result as text"),
        pytest.param(
            "reading.residual_current", "phenomenon_time", "2026-06-01 00:00", id="a loose time"
        ),
        pytest.param("feedback.accepted", "data.action", "seen", id="an unknown action"),
        pytest.param("feedback.accepted", "data.grid_code", ABSENT, id="feedback of no grid"),
        pytest.param("feedback.accepted", "data.feedback_id", "", id="feedback without an id"),
        pytest.param("feedback.accepted", "data.at", "2026-06-01 08:00", id="a looser time"),
        pytest.param("feedback.accepted", "data.actor.role", "boss", id="an unknown role"),
        pytest.param("feedback.accepted", "data.action", "closed", id="closed, and not how"),
        pytest.param("feedback.verified", "data.verified.result", True, id="a boolean verdict"),
        pytest.param("feedback.evaluated", "data.evaluation.score", 6, id="six stars"),
        pytest.param("feedback.accepted", "specversion", ABSENT, id="feedback, bare"),
        pytest.param("feedback.accepted", "data", ABSENT, id="a CloudEvent without feedback"),
        pytest.param("report.citizen_photo", "point.crs", ABSENT, id="a point on no map"),
        pytest.param("report.citizen_photo", "point.crs", "BD-09", id="a point on a map unknown"),
        pytest.param("report.citizen_photo", "point.lat", 103.9, id="swapped lon and lat"),
        pytest.param("report.citizen_photo", "photo.sha256", "ab", id="a photo's hash cut off"),
        pytest.param("report.citizen_photo", "words", "a" * 501, id="a report too long"),
        pytest.param("decision.opened", "reason", "because", id="a reason without a name"),
        pytest.param("decision.opened", "outcome", "lost", id="an outcome that loses a record"),
    ],
)
def test_what_is_wrong_is_refused_by_the_schema_and_by_the_types(
    example: str, path: str, value: Any
) -> None:
    kind = example.split(".", maxsplit=1)[0]
    wrong = changed(example, path, value)
    assert not validator(kind).is_valid(wrong)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(wrong), type=TYPES[kind][2])


@pytest.mark.parametrize("example", [name for name in examples() if "feedback." not in name])
def test_a_field_of_a_later_version_is_ignored(example: str) -> None:
    kind = example.split(".", maxsplit=1)[0]
    later = changed(example, "of_a_later_version", 1)
    assert validator(kind).is_valid(later)
    read = msgspec.json.decode(msgspec.json.encode(later), type=TYPES[kind][2])
    assert encode(read) == examples()[example]


@pytest.mark.parametrize("stage", get_args(DeadLetter.__annotations__["stage"]))
@pytest.mark.parametrize("not_kept", [None, b"a picture"])
def test_the_headers_of_any_dead_letter_are_valid(stage: Any, not_kept: bytes | None) -> None:
    for reason in Reason:
        letter = DeadLetter(reason, stage, "what" * 200, "how" * 200)
        for origin in (None, ("grid.reports.v1", 0, 12)):
            headers = dead_letter_headers(letter, at(0), origin=origin, not_kept=not_kept)
            named = {name: value.decode() for name, value in headers}
            assert list(validator("dead-letter-headers").iter_errors(named)) == []


def test_feedback_as_the_shared_contract_drew_it_is_read_as_it_is() -> None:
    value = (DATA / "dispatch-feedback-verified.json").read_bytes()
    assert validator("feedback").is_valid(json.loads(value))
    read = decode_feedback(value)
    assert isinstance(read, Verified)
    assert (read.verified.result, read.actor.role, read.based_on_sequence) == (
        "true", "grid_officer", 1,
    )  # fmt: skip


def blocks(kind: str) -> list[str]:
    """The JSON in docs/consuming.md that follows a line `<!-- KIND -->`."""
    return re.findall(rf"<!-- {kind} -->\n+```json\n(.*?)```", CONSUMING.read_text("utf-8"), re.S)


@pytest.mark.parametrize("kind", ["feedback", "report"])
def test_what_consuming_md_says_to_send_is_valid_and_is_read(kind: str) -> None:
    assert blocks(kind)
    for block in blocks(kind):
        assert list(validator(kind).iter_errors(json.loads(block))) == []
        msgspec.json.decode(block, type=TYPES[kind][2])


def test_consuming_md_has_each_action_of_feedback_and_what_it_must_hold() -> None:
    rows = re.findall(r"^\| `(\w+)` [^|]+\| (?:`(.+?)` )?\| ", CONSUMING.read_text("utf-8"), re.M)
    named = schema_of("feedback")["$defs"]["FeedbackEvent"]["properties"]["data"]["discriminator"]
    whole = json.loads(blocks("feedback")[0])
    actions = []
    for action, more in rows:
        if action in named["mapping"]:
            data = whole["data"] | {"action": action} | json.loads(more or "{}")
            assert list(validator("feedback").iter_errors(whole | {"data": data})) == [], action
            actions.append(action)
    assert actions == list(named["mapping"])


def test_consuming_md_names_every_word_that_an_alert_may_hold() -> None:
    text = CONSUMING.read_text("utf-8")
    parts = schema_of("grid-alert")["$defs"]
    words = [
        *parts["Updated"]["properties"]["update_reason"]["enum"],
        *parts["Resolved"]["properties"]["resolution"]["enum"],
        *parts["Opened"]["properties"]["condition"]["enum"],
        *parts["Opened"]["properties"]["handling"]["enum"],
        *parts["Direct"]["properties"]["reason"]["enum"],
        *parts["Queue"]["properties"]["reason"]["enum"],
        *parts["Evidence"]["properties"]["kind"]["enum"],
        *parts["Opened"]["properties"]["deadline"]["discriminator"]["mapping"],
    ]
    assert [word for word in words if f"`{word}`" not in text] == []


def test_the_readme_names_every_topic_and_every_header() -> None:
    text = (CONTRACTS / "README.md").read_text("utf-8")
    letter = DeadLetter(Reason.UNDECODABLE, "fold", "m", "m")
    headers = dead_letter_headers(letter, at(0), origin=("t", 0, 0), not_kept=b"")
    of_alerts = record_headers("t", (0, 0), (0, 1))
    names = [name for name, _ in headers] + list(of_alerts) + [SEEN_AT] + [t.name for t in TOPICS]
    assert [name for name in names if f"`{name}`" not in text] == []
    rows = dict(re.findall(r"^\| (\w+) (?:\(.+\) )?\| (.+) \|$", text, re.M))
    befalls_streams = re.findall(r"\w+", text.partition("**Streams.**")[2].split("\n\n")[0])
    for reason in Reason:
        listed = rows[outcome_of(reason)].split(", ")
        assert (reason in listed) != (reason in befalls_streams), reason
