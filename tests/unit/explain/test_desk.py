"""What waits at the duty desk, and the desk's answer."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.hits import Evidence
from pipeline.alerts import CloudEvent, decode_alert
from pipeline.cli.main import main
from pipeline.explain.desk import answer_to, newest_of, pictures_of, waiting
from pipeline.explain.page import Page
from pipeline.feedback import Actor, Closed, Closing, Reviewed, Verdict
from pipeline.feeding import look_at_feedback
from pipeline.messages import Given, LogRecord, encode
from pipeline.replay import Fold
from pipeline.site.load import load_site
from pipeline.site.problems import Lang
from pipeline.topic_reader import Taken
from tests.builders import at, hit, policy, record, standing

DEMO = Path(__file__).parents[3] / "deploy/demo"
UNSURE = 0.3  # of such a score the desk has to judge
BOX = (0.1, 0.1, 0.2, 0.2)


def crowd(score: float) -> list[LogRecord]:
    return [hit(s, 6, score=score) for s in range(0, 8, 2)]


def parked(score: float) -> list[LogRecord]:
    return [standing(s, BOX, score=score) for s in range(10, 90, 5)]


def published(*messages: LogRecord) -> list[Taken]:
    """What the fold makes of these, as it lies on the topic."""
    fold = Fold(policy())
    told = []
    for offset, message in enumerate(messages):
        told += [event for event, _ in fold.apply(0, offset, *record(message)).alerts]
    return [taken(n, event) for n, event in enumerate(told)]


def taken(offset: int, event: CloudEvent) -> Taken:
    return Taken(0, offset, event.data.alert_id.encode(), encode(event), {}, 0)


def waits(there: list[Taken]) -> list[str]:
    return [alert.event.type for alert in waiting(there)]


def test_only_what_the_machine_is_unsure_of_waits() -> None:
    assert waits(published(*crowd(UNSURE))) == ["crowding"]
    assert waits(published(*crowd(0.9))) == []


def test_what_is_due_first_is_on_top() -> None:
    there = published(*crowd(UNSURE), *parked(UNSURE))
    assert waits(there) == ["crowding", "illegal_parking"]
    later = [_due_in(one, days=1 - n) for n, one in enumerate(there)]
    assert waits(later) == ["illegal_parking", "crowding"]


def _due_in(one: Taken, days: int) -> Taken:
    event = decode_alert(one.value or b"")
    due = event.data.deadline
    assert due.due_at is not None
    moved = msgspec.structs.replace(due, due_at=due.due_at + timedelta(days=days))
    alert = msgspec.structs.replace(event.data, deadline=moved)
    return taken(one.offset, msgspec.structs.replace(event, data=alert))


@pytest.mark.parametrize("result", ["true", "false"])
def test_what_was_answered_waits_no_more(result: str) -> None:
    before = published(*crowd(UNSURE))
    (alert,) = waiting(before)
    verdict = msgspec.convert({"result": result}, Verdict)
    said = _given(answer_to(alert, verdict, "desk-1", "f-1", at(9), "urn:desk"))
    assert waits(published(*crowd(UNSURE), said)) == []


def test_what_nobody_can_tell_waits_on_and_what_was_closed_does_not() -> None:
    (alert,) = waiting(published(*crowd(UNSURE)))
    unclear = _given(answer_to(alert, Verdict("cannot_tell"), "desk-1", "f-1", at(9), "urn:desk"))
    assert waits(published(*crowd(UNSURE), unclear)) == ["crowding"]
    closed = Closed(
        feedback_id="f-2", alert_id=alert.alert_id, grid_code=alert.grid.leaf_code, at=at(9),
        actor=Actor("desk-1", "duty_desk"), closed=Closing("ignored"),
    )  # fmt: skip
    assert waits(published(*crowd(UNSURE), Given(closed))) == []


def _given(value: bytes) -> Given:
    looked = look_at_feedback(value, at(10), 300.0)
    assert isinstance(looked, Given)
    return looked


def test_the_answer_names_the_alert_its_grid_and_what_the_person_saw() -> None:
    (alert,) = waiting(published(*crowd(UNSURE)))
    value = answer_to(alert, Verdict("false", "bad_picture"), "desk-2", "f-1", at(9), "urn:desk")
    said = _given(value).feedback
    assert isinstance(said, Reviewed)
    assert (said.alert_id, said.grid_code) == (alert.alert_id, alert.grid.leaf_code)
    assert (said.based_on_sequence, said.actor) == (1, Actor("desk-2", "duty_desk"))
    assert said.reviewed == Verdict("false", "bad_picture")


@given(st.lists(st.integers(0, 2), max_size=8))
@settings(max_examples=50)
def test_the_newest_state_counts_in_whatever_order_and_however_often_it_comes(
    order: list[int],
) -> None:
    there = published(*crowd(0.9), hit(20, 1), hit(32, 1), hit(60, 6), hit(62, 6), hit(64, 6))
    events = [decode_alert(one.value or b"") for one in there]
    assert [event.data.sequence for event in events] == [1, 2, 1]
    newest: dict[str, int] = {}
    for alert in (events[n].data for n in order):
        newest[alert.alert_id] = max(alert.sequence, newest.get(alert.alert_id, 0))
    found = newest_of([there[n] for n in order])
    assert {id_: alert.sequence for id_, alert in found.items()} == newest


def test_what_is_no_alert_on_the_topic_is_passed_over() -> None:
    there = published(*crowd(UNSURE))
    foreign = [Taken(0, 90 + n, b"x", value, {}, 0) for n, value in enumerate((None, b"", b"{}"))]
    assert waits([*foreign, *there]) == ["crowding"]


def test_a_picture_is_a_file_where_it_is_at_hand_and_else_its_address(tmp_path: Path) -> None:
    site = replace(load_site(DEMO), folder=tmp_path)
    ours, gone = "a" * 64, "b" * 64
    pictures = tuple(
        Evidence("snapshot", f"{base}/sha256/{name}.jpg", "image/jpeg", name, at(0), (), at(99))
        for base, name in (("file:evidence", ours), ("file:evidence", gone))
    )
    photo = Evidence("photo", "https://reports.example/7", "image/jpeg", ours, at(0), (), at(99))
    (alert,) = waiting(published(*crowd(UNSURE)))
    alert = msgspec.structs.replace(alert, evidence=(*pictures, photo))
    folder = tmp_path / "evidence" / "sha256"
    folder.mkdir(parents=True)
    (folder / f"{ours}.jpg").write_bytes(b"\xff\xd8")
    assert pictures_of(alert, site) == [
        str(folder / f"{ours}.jpg"),
        f"file:evidence/sha256/{gone}.jpg",
        "https://reports.example/7",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["--true"], "name the ALERT that", id="an answer to nothing"),
        pytest.param(["x", "--true", "--false"], "give one answer", id="true and false"),
        pytest.param(["x", "--cannot-tell", "--true"], "give one answer", id="true and unclear"),
    ],
)
def test_one_answer_is_given_to_one_alert(words: list[str], said: str) -> None:
    result = CliRunner().invoke(main, ["review", *words, "--site", str(DEMO)])
    assert result.exit_code == 2
    assert said in result.output


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_an_alert_is_shown_with_all_that_an_answer_needs(lang: Lang) -> None:
    (alert,) = waiting(published(*crowd(UNSURE)))
    page = Page(policy(), lang)
    shown = "\n".join(page.desk(alert, ["evidence/a.jpg"]))
    for words in (
        alert.text.headline,
        f"{alert.confidence:.2f}",
        {"en": "people_count: 6", "zh": "people_count：6人"}[lang],
        page.due(alert.deadline),
        "evidence/a.jpg",
        *("--true", "--false", "--cannot-tell"),
    ):
        assert words in shown
