"""An alert back to its records, a record forward to what came of it."""

import json
import re
import shutil
import string
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from detectors.hits import Hit, Source
from pipeline.alerts import CloudEvent, Location, decode_alert
from pipeline.cli.main import main
from pipeline.explain.asked import differing, is_as_decided
from pipeline.explain.asked import explain as explained
from pipeline.explain.log import Log, Recorded, published_of, where_of
from pipeline.explain.page import Page, as_json
from pipeline.explain.story import Entry, Fate, Told, entries, fate_of, story_of
from pipeline.explain.why import because
from pipeline.explain.words import WORDS, reason_in
from pipeline.feedback import Actor, Reviewed, Verdict
from pipeline.incidents.policy import Calibration, Matcher, Policy, Rule, Silence, Watch, Window
from pipeline.messages import (
    Given,
    LogRecord,
    Outcome,
    PolicyChange,
    Reason,
    Reported,
    Tick,
    encode,
)
from pipeline.replay import Fold, Record, log_line, read_log, replay
from pipeline.reports import Point, Report
from pipeline.site.load import load_site
from pipeline.site.model import Site
from pipeline.site.problems import Both, Lang
from pipeline.site.versions import keep_version
from tests.builders import COUNT, LEAF, at, event_type, hit, policy, record, standing

DEMO = Path(__file__).parents[3] / "deploy/demo"
LANGS: tuple[Lang, ...] = ("en", "zh")
CROWD = ((0, 2), (4, 5), (5, 6), (6, 5), (7, 6), (9, 6), (12, 3), (18, 2), (22, 1), (30, 0))


def records(messages: Iterable[LogRecord]) -> list[Record]:
    return [(0, n, *record(message)) for n, message in enumerate(messages)]


def crowd(*people: tuple[float, float], **fields: Any) -> list[Hit]:
    return [hit(second, n, **fields) for second, n in people]


def of_leaf(log: Iterable[Record], by: Policy | None = None) -> list[Entry]:
    return list(entries(log, Fold(by or policy()), LEAF.encode()))


def story(log: list[Record], alert: CloudEvent, by: Policy | None = None) -> Told:
    fold = Fold(by or policy())
    told_by_fold = [one for each in log for one in fold.apply(*each).alerts]
    first = next(first for event, first in told_by_fold if event.id == alert.id)
    return story_of(of_leaf(log, by), alert.data.alert_id, first)


def told(log: Iterable[Record], by: Policy | None = None) -> list[CloudEvent]:
    fold = Fold(by or policy())
    return [alert for one in log for alert, _ in fold.apply(*one).alerts]


def reasons(found: Iterable[Entry]) -> list[str]:
    return [entry.decision.reason.value for entry in found]


def crowding(rule: Rule = COUNT, **fields: Any) -> Policy:
    """The usual policy, with the crowding event and its zone changed."""
    usual = policy()
    watch = Watch("crowding", "pl-crowding", rule, fields.pop("schedule", ()))
    return policy(
        events={**usual.events, "crowding": event_type("crowding", rule, **fields)},
        watches={**usual.watches, ("src-crowding", "z"): watch},
    )


def last_words(log: list[Record], by: Policy | None = None) -> tuple[str, str]:
    """Reason and English sentence of the last record."""
    entry = of_leaf(log, by)[-1]
    return entry.decision.reason.value, because(entry).en


# Words ----------------------------------------------------------------------------------------


def test_every_reason_has_a_sentence_in_both_languages() -> None:
    assert set(WORDS.reason) == {reason.value for reason in Reason}
    assert all(reason_in(reason, lang).strip() for reason in Reason for lang in LANGS)


def test_every_phrase_is_used() -> None:
    source = "".join(
        path.read_text("utf-8") for path in (DEMO.parents[1] / "pipeline").rglob("*.py")
    )
    named = set(re.findall(r"""["'](\w+)["']""", source))
    assert set(WORDS.say) <= named


@pytest.mark.parametrize("name", WORDS.say)
def test_both_languages_have_the_same_blanks(name: str) -> None:
    en, zh = (
        {blank for _, blank, _, _ in string.Formatter().parse(words) if blank}
        for words in WORDS.say[name]
    )
    assert en == zh


# Why ------------------------------------------------------------------------------------------


def test_what_is_held_says_how_long_it_has_been_there_and_how_long_it_must() -> None:
    reason, why = last_words(records(crowd((4, 5), (5, 1), (7.2, 5))))
    assert reason == "not_yet"
    assert "There since 08:00:04: 3.2 s of 3 s; seen in 31 % of the time, 60 % needed." in why


def test_too_few_looks_are_counted() -> None:
    rule = msgspec.structs.replace(COUNT, min_hits=3)
    assert (
        "2 looks said yes, 3 needed."
        in last_words(records(crowd((4, 5), (8, 5))), crowding(rule))[1]
    )


def test_low_confidence_says_how_low_and_what_is_needed() -> None:
    log = records(crowd((4, 5), (6, 5), (8, 5), score=0.02))
    reason, why = last_words(log)
    assert reason == "low_confidence"
    assert "0.45 is needed for the duty desk, 0.80 to go direct." in why


def test_a_silence_is_named_with_who_why_and_until_when() -> None:
    matchers = (Matcher("event_type", "=", "crowding"),)
    silence = Silence("fair", matchers, "李娟", "temple fair", at(0), at(0) + timedelta(hours=2))
    log = records(crowd((4, 5), (6, 5), (8, 5)))
    assert last_words(log, policy(silences=(silence,))) == (
        "silenced",
        "A silence is in force there. Silence fair by 李娟 until 2026-06-01 10:00:00: temple fair",
    )


def test_what_is_off_schedule_says_when_it_counts() -> None:
    night = (Window("workday", 22 * 60, 6 * 60),)
    reason, why = last_words(records(crowd((4, 5))), crowding(schedule=night))
    assert reason == "off_schedule"
    assert why.endswith("It counts on working days 22:00-06:00.")


def test_what_was_said_to_be_nothing_says_until_when_it_is_quiet() -> None:
    log = crowd((4, 5), (6, 5), (8, 5))
    alert = told(records(log))[0].data
    said = Reviewed(
        feedback_id="f-1", alert_id=alert.alert_id, grid_code=LEAF, at=at(9),
        actor=Actor("desk-1", "duty_desk"), reviewed=Verdict("false"),
    )  # fmt: skip
    reason, why = last_words(records([*log, Given(said), *crowd((10, 6))]))
    assert reason == "false_before"
    assert "Said at 2026-06-01 08:00:09; quiet until 2026-06-01 09:00:09." in why


def test_a_repeated_look_says_what_its_source_said_last() -> None:
    assert last_words(records(crowd((4, 5), (4, 5)))) == (
        "repeated",
        "It came before, or is older than what its source said last. Its source last spoke of "
        "2026-06-01 08:00:04.",
    )


def test_what_is_refused_says_how_to_mend_it() -> None:
    reason, why = last_words(records(crowd((4, 5), zone_id="lost")))
    assert reason == "unknown_zone"
    assert "zone lost" in why
    assert "To mend: run ingest and worker on the same site." in why


def test_a_sentence_can_be_made_of_whatever_comes() -> None:
    """Every entry of a busy log, in both languages."""
    log = records(
        [*crowd(*CROWD), Tick(at(40)), *[standing(s) for s in (1, 2)], *crowd((50, 5), quality=0.0)]
    )
    log += [(0, 90, LEAF.encode(), b"\xff"), (0, 91, LEAF.encode(), b"{}"), (0, 92, None, None)]
    found = list(entries(log, Fold(policy()), None))
    assert [entry.where for entry in found] == [one[:2] for one in log]
    assert all(because(entry).en and because(entry).zh for entry in found)
    for one in (Told((entry,), (), fate=Fate(entry, None)) for entry in found):
        assert json.dumps(as_json(one))
        assert all(len(list(Page(policy(), lang).told(one, None))) >= 4 for lang in LANGS)


# An alert -------------------------------------------------------------------------------------


def test_a_story_has_all_that_went_in_and_nothing_of_what_came_before_or_after() -> None:
    passers_by = crowd((-60, 5), (-59, 1))
    log = records([*passers_by, *crowd(*CROWD), *crowd((60, 5), (62, 5), (64, 5))])
    first, _, second = told(log)
    whole = story(log, first)
    assert reasons(whole.entries) == [
        *("not_yet", "not_yet", "not_yet", "lasted"),
        *("same_incident", "same_incident", "same_incident", "condition_cleared"),
    ]
    assert [event.data.sequence for event in whole.messages] == [1, 2]
    again = story(log, second)
    assert reasons(again.entries) == ["not_yet", "not_yet", "lasted"]


def test_an_alert_that_the_clock_opened_has_the_records_that_waited() -> None:
    rule = msgspec.structs.replace(COUNT, group_wait_s=10.0)
    log = records([*crowd((4, 5), (6, 5), (8, 5)), Tick(at(17)), Tick(at(19)), *crowd((20, 5))])
    by = crowding(rule)
    (opened,) = told(log, by)
    found = story(log, opened, by).entries
    assert reasons(found) == ["not_yet", "not_yet", "group_wait", "ticked", "same_incident"]
    assert "the alert opens 10 s later" in because(found[2]).en


def test_other_grids_are_skipped_without_being_read() -> None:
    log = records(crowd(*CROWD))
    noise = (b"other", b"\xff not even JSON")
    mixed = [(0, n, *one) for n, one in enumerate(x for _, _, *one in log for x in (one, noise))]
    (alert, _) = told(log)
    found = story_of(of_leaf(mixed), alert.data.alert_id, (0, 2))
    assert [entry.where for entry in found.entries][:2] == [(0, 2), (0, 4)]
    assert [encode(event) for event in found.messages] == [encode(event) for event in told(log)]


def test_what_was_published_otherwise_is_told_by_sequence() -> None:
    log = records(crowd(*CROWD))
    published = {event.data.sequence: encode(event) for event in told(log)}
    found = story(log, told(log)[0])
    assert differing(found, published) == []
    assert differing(found, {**published, 2: published[2] + b" "}) == [2]
    elsewhere = crowding(calibration=Calibration(0.9, 1.0, 1.21, 0.5, 0.8, 0.45, 0.8))
    other = story(log, told(log, elsewhere)[0], elsewhere)
    assert differing(other, published) == [1, 2]


@pytest.mark.parametrize("part", ["alert_id", "alert_no", "id"])
def test_an_alert_is_found_by_its_id_its_number_and_a_message_of_it(
    part: str,
) -> None:
    seen = records(crowd(*CROWD))
    event = told(seen)[1]
    text = event.id if part == "id" else getattr(event.data, part)
    found = published_of(kafka(seen, policy()).reader, text)
    assert [one.event.id for one in found] == [one.id for one in told(seen)]
    assert {one.first for one in found} == {(0, 1)}


# A record -------------------------------------------------------------------------------------


def test_what_was_held_goes_into_the_alert_that_opened_later() -> None:
    log = records(crowd(*CROWD))
    fate = fate_of(of_leaf(log), (0, 1))
    assert fate is not None
    assert fate.entry.decision.reason is Reason.NOT_YET
    assert fate.alert_id == told(log)[0].data.alert_id


def test_what_went_away_in_time_came_to_nothing() -> None:
    log = records([*crowd((4, 5), (5, 1), (40, 1)), *crowd((60, 5), (62, 5), (64, 5))])
    fate = fate_of(of_leaf(log), (0, 0))
    assert fate is not None
    assert (fate.alert_id, fate.faded, fate.until) == (None, True, at(40))


def test_what_still_waits_where_the_log_ends_is_said_to() -> None:
    fate = fate_of(of_leaf(records(crowd((4, 5), (6, 5)))), (0, 0))
    assert fate is not None
    assert (fate.alert_id, fate.faded, fate.until) == (None, False, at(6))


@pytest.mark.parametrize(
    ("offset", "reason"),
    [(0, "nothing_there"), (9, "nothing_there"), (10, "repeated"), (11, "undecodable")],
)
def test_what_says_nothing_leads_to_no_alert(offset: int, reason: str) -> None:
    log = [*records([*crowd(*CROWD), hit(30, 6)]), (0, 11, LEAF.encode(), b"\xff")]
    fate = fate_of(of_leaf(log), (0, offset))
    assert fate is not None
    assert (fate.entry.decision.reason, fate.alert_id, fate.until) == (reason, None, None)


def test_a_record_that_is_not_there_has_no_fate() -> None:
    assert fate_of(of_leaf(records(crowd(*CROWD))), (0, 99)) is None


def test_records_are_found_by_place_and_by_the_ids_of_hits_reports_and_feedback() -> None:
    report = Report("r-1", "crowding", "hotline", at(1), Point(104.0, 30.0, "WGS84"))
    said = Reviewed(
        feedback_id="f-1", alert_id="a-1", grid_code=LEAF, at=at(9),
        actor=Actor("desk-1", "duty_desk"), reviewed=Verdict("true"),
    )  # fmt: skip
    reported = Reported(report, LEAF, "map", Location(104.0, 30.0))
    log = records([hit(0, 5), reported, Given(said)])
    log.append((0, 3, LEAF.encode(), b'{"hit_id":"h-9","kind":'))  # cut short, yet it has its id
    by_text = {
        "0/1": 1,
        hit(0, 5).hit_id: 0,
        "r-1": 1,
        "f-1": 2,
        "h-9": 3,
        "a-1": None,
        "0/7": None,
    }
    found = {text: kafka(log, policy()).find(text) for text in by_text}
    assert {text: one and one[1] for text, one in found.items()} == by_text


@pytest.mark.parametrize("text", ["", "7", "7/", "a/b", "7/48213/1", "-1/2", "7/4" + "0" * 30])
def test_what_is_no_place_in_the_log_is_not_taken_for_one(text: str) -> None:
    assert where_of(text) is None


# As the worker decided it ---------------------------------------------------------------------


def kafka(log: list[Record], by: Policy) -> Log:
    """The site's topics as a worker with this policy leaves them."""
    return Log(Recorded(log, Fold(by)), lambda records, _: records)


def site_of(by: Policy) -> Site:
    return replace(load_site(DEMO), policy=by)


def asked(log: list[Record], text: str, then: Policy, now: Policy) -> tuple[Told, str]:
    """What a site says today of what another decided, and the page of it."""
    found = explained(kafka(log, then), site_of(now), text)
    assert isinstance(found, Told)
    return found, "\n".join(Page(now, "en").told(found, None))


SLOW = crowding(msgspec.structs.replace(COUNT, hold_s=60.0))  # opens nothing of CROWD


def test_what_the_worker_decided_alike_needs_no_warning() -> None:
    log = records(crowd(*CROWD))
    for text in ("0/1", "0/4", "0/9"):
        found, page = asked(log, text, policy(), policy())
        assert found.otherwise is None
        assert "otherwise" not in page


def test_an_alert_that_only_the_fold_has_is_not_told_as_a_fact() -> None:
    """The worker held all of it; today's site would have opened an alert."""
    log = records(crowd(*CROWD))
    (folded, _) = told(log)
    for text, where in (("0/4", "0/4"), ("0/1", "0/4")):  # what opens it, and what was held for it
        found, page = asked(log, text, SLOW, policy())
        assert page.startswith(f"The worker told nothing of record {where}: it held it, or has not")
        assert folded.data.alert_no not in page
        assert folded.data.alert_id not in page
        assert (found.fate, found.messages) == (None, ())
        assert folded.data.alert_id not in json.dumps(as_json(found))


def test_an_alert_that_only_the_worker_had_is_told_first() -> None:
    log = records(crowd(*CROWD))
    (opened, _) = told(log)
    found, page = asked(log, "0/4", policy(), SLOW)
    first, *rest = page.splitlines()
    assert first.startswith(
        f"The worker decided record 0/4 otherwise: opened/lasted, published {opened.id}. "
        "Folded again it is held/not_yet"
    )
    assert any(f"It went into alert {opened.data.alert_no}:" in line for line in rest)
    assert found.entries[0].decision.reason is Reason.LASTED
    assert as_json(found)["notes"][0]["en"] == first


@pytest.mark.parametrize("name", ["outcome", "reason", "alert_id", "alerts"])
def test_a_decision_is_the_same_in_all_that_matters(name: str) -> None:
    other: dict[str, Any] = {
        "outcome": Outcome.UPDATED,
        "reason": Reason.REOPENED,
        "alert_id": "another",
        "alerts": (),
    }
    was = of_leaf(records(crowd(*CROWD)))[4].decision
    assert is_as_decided(was, was)
    assert not is_as_decided(msgspec.structs.replace(was, **{name: other[name]}), was)


def test_what_came_before_a_change_is_explained_as_it_was_decided(tmp_path: Path) -> None:
    """The first change that the log still has says what decided before it."""
    folder = shutil.copytree(DEMO, tmp_path / "site")
    first = load_site(folder)
    keep_version(first, folder / "versions")
    catalogue = (folder / "catalogue.toml").read_text("utf-8")
    slower = catalogue.replace("hold_s = 3\n", "hold_s = 60\n")
    (folder / "catalogue.toml").write_text(slower, "utf-8")
    second = load_site(folder)
    code = first.policy.places["pl-0931"].leaf_code
    at_junction: dict[str, Any] = {
        "zone_id": "junction", "place_id": "pl-0931", "leaf_code": code,
        "source": Source("camera", "cam-510117-000007"),
    }  # fmt: skip
    change = PolicyChange(second.policy.version, first.policy.version)
    log = records([*crowd(*CROWD, **at_junction), change])
    source = kafka(log, first.policy)
    opened = published_of(source.reader, told(log, first.policy)[0].id)[0].event
    for text in ("0/1", "0/4", opened.id):
        found = explained(source, second, text)
        assert isinstance(found, Told)
        assert (found.otherwise, found.messages[0]) == (None, opened)
        assert {entry.policy.version for entry in found.entries} == {first.policy.version}
        assert not any("is not as published" in note.en for note in found.notes)
    (folder / "versions" / f"{first.policy.version}.tar.gz").unlink()
    lost = explained(source, second, "0/4")
    assert isinstance(lost, Told)
    assert lost.otherwise is not None
    assert [f"Policy {first.policy.version} is not in" in note.en for note in lost.notes] == [True]


@pytest.mark.parametrize("number", ["9", "0", "3", "", "01", "x", "1/1"])
def test_a_message_that_an_alert_never_had_is_not_there(number: str) -> None:
    log = records(crowd(*CROWD))
    alert = told(log)[-1].data
    text = f"{alert.alert_id}/{number}"
    found = explained(kafka(log, policy()), site_of(policy()), text)
    assert isinstance(found, Both)
    assert found.en.startswith(f"There is no message {text}: alert {alert.alert_no} has 2")


# As someone types it --------------------------------------------------------------------------


def explain(*words: object) -> Result:
    return CliRunner().invoke(main, ["explain", *map(str, words), "--site", str(DEMO)])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A crowd of 70 s at the demo's junction, on partition 16."""
    code = load_site(DEMO).policy.places["pl-0931"].leaf_code
    seen = [(0, 1), *((s, 6) for s in range(4, 74)), *((s, 0) for s in range(74, 90, 2))]
    lines = []
    for offset, (second, people) in enumerate(seen):
        one = hit(
            second, people, zone_id="junction", place_id="pl-0931", leaf_code=code,
            source=Source("camera", "cam-510117-000007"),
        )  # fmt: skip
        lines.append(log_line(16, offset, code.encode(), encode(one)))
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join([*lines, log_line(16, len(lines), b"x", b"\xff")]) + b"\n")
    return path


def test_an_alert_is_told_on_one_screen_and_whole_as_json(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "why.json"
    (number,) = {event.data.alert_no for event in _told_in(log)}
    result = explain(number, "--log", log, "--json", out)
    assert result.exit_code == 0, result.output
    answer = json.loads(out.read_text("utf-8"))
    assert [m["data"]["action"] for m in answer["messages"]] == ["opened", "resolved"]
    assert [r["reason"] for r in answer["records"][:4]] == [
        "not_yet",
        "not_yet",
        "not_yet",
        "lasted",
    ]
    assert answer["rules"]["cam-510117-000007/junction"]["hold_s"] == 3.0
    assert len(answer["records"]) > 70
    for words in (
        f"Alert {number}",
        "08号网格员",
        "There since 08:00:04: 0.0 s of 3 s",
        "records between; --all shows them",
        "model  objects@abc",
        "raise_at 5",
        "due 2026-06-01 24:00",
        "Folded again from",
    ):
        assert words in result.output
    assert len(result.output.splitlines()) < 70
    whole = explain(number, "--log", log, "--all").output.splitlines()
    assert len([line for line in whole if " 16/" in line]) == len(answer["records"])


def test_a_record_is_told_in_chinese(log: Path) -> None:
    result = explain("16/2", "--log", log, "--lang", "zh")
    assert result.exit_code == 0
    assert "持续时间还不够。自 08:00:04 起：1.0 秒，需 3 秒" in result.output
    assert "计入告警 510117-" in result.output
    assert "未生成告警。" in explain("16/0", "--log", log, "--lang", "zh").output


def test_what_nobody_knows_is_one_sentence(log: Path) -> None:
    for unknown in ("nonsense", "16/999999", "0a2b9d58-0000-5000-8000-000000000000"):
        result = explain(unknown, "--log", log)
        assert result.exit_code == 1
        assert result.output.startswith(f"Error: Nothing is known of {unknown}: looked for it in")
        assert len(result.output.splitlines()) == 1


def test_a_file_that_is_no_log_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("{}\n")
    result = explain("16/1", "--log", path)
    assert result.exit_code == 1
    assert f"{path}:1: no recorded record" in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name an ALERT or a RECORD, or ask"),
        (["16/1", "--due", "zhenhai:3:2026-09-30T10:00+08:00"], "not both"),
    ],
)
def test_one_thing_is_asked_at_a_time(words: list[str], said: str) -> None:
    result = explain(*words)
    assert result.exit_code == 2
    assert said in result.output


def test_a_message_too_many_is_said_to_be_none(log: Path) -> None:
    alert = _told_in(log)[0].data
    result = explain(f"{alert.alert_id}/9", "--log", log)
    assert result.exit_code == 1
    assert f"There is no message {alert.alert_id}/9" in result.output
    assert explain(f"{alert.alert_id}/2", "--log", log).exit_code == 0


def _told_in(path: Path) -> list[CloudEvent]:
    fold = Fold(load_site(DEMO).policy)
    return [decode_alert(value) for value in replay(read_log(path), fold)]
