"""What explain says of an alert or a record: as JSON, and as lines for people made of that."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from detectors.hits import Hit
from pipeline.alerts import CloudEvent, Deadline, GridAlert, NoDeadline, Queue
from pipeline.cli.explain_due import written
from pipeline.explain_sources import AlertTold, RecordTold
from pipeline.incidents.in_force import calibration_at
from pipeline.incidents.incident import rule_of
from pipeline.incidents.policy import Policy
from pipeline.site.problems import Both, Lang, say
from pipeline.why import WORDS, clock, facts_of, phrase

SHOWN = 20  # records at each end
_UNDER = " " * 27


def alert_json(told: AlertTold, policy: Policy) -> dict[str, Any]:
    """All of an alert: what it is now, its messages, its records, and what decided."""
    newest = told.messages[-1].data
    answer: dict[str, Any] = msgspec.to_builtins(
        {
            "alert": newest,
            "messages": [_message(event) for event in told.messages],
            "records": [facts_of(entry) for entry in told.entries],
            "rules": _rules(told),
            "thresholds": _thresholds(told),
            "deadline": due_in_words(newest.deadline, policy)._asdict(),
            "notes": [note._asdict() for note in told.notes],
        }
    )
    return answer


def record_json(told: RecordTold) -> dict[str, Any]:
    """All of a record, and the alert that came of it."""
    answer: dict[str, Any] = msgspec.to_builtins(
        {
            "record": facts_of(told.fate.entry),
            "outcome": outcome_in_words(told)._asdict(),
            "alert_id": told.fate.alert_id,
            "alert": told.alert,
            "notes": [note._asdict() for note in told.notes],
        }
    )
    return answer


def alert_lines(told: AlertTold, policy: Policy, lang: Lang, shown: int | None) -> Iterator[str]:
    """For people. `shown`: how many records at each end; None = all."""
    newest = told.messages[-1].data
    yield from head_lines(newest, policy, lang)
    yield ""
    yield _in(phrase("messages"), lang)
    reasons = {(a.alert_id, a.sequence): e.decision.reason for e in told.entries for a in e.told}
    for event in told.messages:
        alert = event.data
        reason = _reason(alert) or reasons.get((alert.alert_id, alert.sequence), "")
        yield _message_line(event, reason, policy, lang)
    yield ""
    yield _in(phrase("records"), lang)
    yield from _time_line(told, policy, lang, shown)
    yield ""
    yield from _decided_by(told, newest, policy, lang)
    for note in told.notes:
        yield _in(note, lang)


def record_lines(told: RecordTold, policy: Policy, lang: Lang) -> Iterator[str]:
    """For people: what it was, what became of it and why, and the alert that it went into."""
    entry = told.fate.entry
    partition, offset = entry.where
    yield _in(phrase("record", partition=partition, offset=offset), lang)
    facts = facts_of(entry)
    yield from _record_lines(facts, entry.decision.at, policy, lang, day=True)
    yield _why_line(facts, lang)
    yield _in(outcome_in_words(told), lang)
    if facts["alerts"]:
        yield "  " + _in(phrase("told", ids=", ".join(facts["alerts"])), lang)
    if told.alert is not None:
        yield from (f"  {line}" for line in head_lines(told.alert, policy, lang))
    for note in told.notes:
        yield _in(note, lang)


def outcome_in_words(told: RecordTold) -> Both:
    """Whether an alert came of it."""
    fate = told.fate
    if fate.alert_id is not None:
        number = told.alert.alert_no if told.alert else fate.alert_id
        return phrase("went_into", alert_no=number)
    if fate.until is None:
        return phrase("nothing")
    at = clock(fate.until, fate.entry.policy, day=True)
    return phrase("faded" if fate.faded else "no_alert", at=at)


def due_in_words(due: Deadline, policy: Policy) -> Both:
    """How a deadline was reckoned, in one line."""
    if isinstance(due, NoDeadline):
        return phrase("no_due", rule=due.rule)
    basis = str(due.__struct_config__.tag)
    return phrase(
        "due",
        given=say(basis, n=due.amount),
        start=clock(due.counted_from, policy, day=True),
        timezone=due.timezone,
        status=WORDS.word[due.status],
        due=local_due(due, policy),
        calendar=due.calendar,
        kind=due.calendar_status,
    )


def local_due(due: Deadline, policy: Policy) -> str:
    """When it is due, as people write it; - for never."""
    at = _local(due.due_at, policy) if due.due_at else None
    return written(at, end=True) if at else "-"


def _local(at: datetime, policy: Policy) -> datetime:
    return datetime.fromisoformat(clock(at, policy, day=True))


def _message(event: CloudEvent) -> dict[str, Any]:
    alert = event.data
    return {
        "id": event.id,
        "sequence": alert.sequence,
        "at": event.time,
        "action": type(alert).__name__.lower(),
        "reason": _reason(alert),
        "measure": alert.measures[0].value,
        "confidence": alert.confidence,
        "routing": alert.routing,
        "policy_version": alert.provenance.policy_version,
    }


def _reason(alert: GridAlert) -> str:
    return getattr(alert, "update_reason", "") or getattr(alert, "resolution", "")


def _rules(told: AlertTold) -> dict[str, dict[str, Any]]:
    """The rule of each zone or sensor as it was in force when its first record came."""
    rules: dict[str, dict[str, Any]] = {}
    for entry in told.entries:
        hit, incident = entry.record, entry.after
        if isinstance(hit, Hit) and incident is not None:
            key = f"{hit.source.id}/{hit.zone_id}"
            if key not in rules:
                rule = rule_of(incident, key, entry.policy, hit.occurred_at)
                rules[key] = msgspec.to_builtins(rule)
    return rules


def _thresholds(told: AlertTold) -> dict[str, float]:
    """Confidence for the desk and for direct, as in force when it opened."""
    opened = told.messages[0].data
    first = next((e for e in told.entries if e.told), None)
    if first is None or opened.event.type not in first.policy.events:
        return {}
    calibration = calibration_at(opened.event.type, first.policy, opened.opened_at)
    return {"review_at": calibration.review_at, "direct_at": calibration.direct_at}


def head_lines(alert: GridAlert, policy: Policy, lang: Lang) -> Iterator[str]:
    """What it is: notice, headline, officer, where it stands."""
    yield _in(phrase("alert", alert_no=alert.alert_no), lang) + f"  {alert.alert_id}"
    yield f"  {alert.text.notice}"
    yield f"  {alert.text.headline}"
    to = alert.routing
    who = to.proposed if isinstance(to, Queue) else to.assignee
    officer = phrase(
        "officer",
        mode=WORDS.word[str(to.__struct_config__.tag)],
        number=who.number,
        officer_id=who.officer_id,
        reason=WORDS.word[to.reason],
    )
    due = f"{_in(phrase('deadline'), lang)} {local_due(alert.deadline, policy)}"
    yield f"  {_in(officer, lang)} · {due}"
    state = phrase(
        "state",
        condition=WORDS.word[alert.condition],
        handling=WORDS.word[alert.handling],
        confidence=f"{alert.confidence:.2f}",
    )
    yield f"  {_in(state, lang)}"


def _time_line(told: AlertTold, policy: Policy, lang: Lang, shown: int | None) -> Iterator[str]:
    """The records in order, the middle of many left out; why, where it changes."""
    hidden = range(0) if shown is None else range(shown, len(told.entries) - shown)
    reason = ""
    for n, entry in enumerate(told.entries):
        if n not in hidden:
            facts = facts_of(entry)
            yield from _record_lines(facts, entry.decision.at, policy, lang)
            if facts["reason"] != reason:
                yield _why_line(facts, lang)
            reason = facts["reason"]
        elif n == hidden.start:
            yield f"  {_in(phrase('between', n=len(hidden)), lang)}"


def _message_line(event: CloudEvent, reason: str, policy: Policy, lang: Lang) -> str:
    alert = event.data
    action = _in(WORDS.word[type(alert).__name__.lower()], lang)
    sentence = _in(WORDS.reason[reason], lang) if reason else ""
    at = clock(event.time, policy, day=True)
    return f"{alert.sequence:>4}  {at}  {action}/{reason}  {sentence}"


def _record_lines(
    facts: dict[str, Any], at: datetime | None, policy: Policy, lang: Lang, *, day: bool = False
) -> Iterator[str]:
    when = clock(at, policy, day=day) if at else ""
    where = f"{facts['partition']}/{facts['offset']}"
    parts = [f"{_in(WORDS.word[facts['kind']], lang)} {facts.get('source', '')}".rstrip()]
    if "measure" in facts:
        unit = facts["unit_zh"] if lang == "zh" else facts["unit"].replace("1", "")
        seen = {"m": f"{facts['measure']:g} {unit}".rstrip(), "s": facts["score"]}
        parts.append(_in(phrase("seen", quality=f"{facts['quality']:.2f}", **seen), lang))
    parts.append(f"{_in(WORDS.word[facts['outcome']], lang)}/{facts['reason']}")
    parts += [f"→ {id_.rpartition('/')[2]}" for id_ in facts["alerts"][:1]]
    parts += [facts["id"]] if facts["id"] else []
    yield f"  {when:12}  {where:>9}  {' · '.join(parts)}"
    yield from (f"{_UNDER}{uri}" for uri in facts.get("evidence", ()))


def _why_line(facts: dict[str, Any], lang: Lang) -> str:
    return f"{_UNDER}{facts['why'][lang]}"


def _decided_by(told: AlertTold, newest: GridAlert, policy: Policy, lang: Lang) -> Iterator[str]:
    """The model, rule, policy and deadline: what one must have to decide the same again."""
    made = newest.provenance
    yield _labelled("model", ", ".join([*made.models, made.score_model]), lang)
    thresholds = [f"{name} {value:g}" for name, value in _thresholds(told).items()]
    yield _labelled("rule", " · ".join([made.rule, *thresholds]), lang)
    for key, rule in _rules(told).items():
        numbers = " · ".join(f"{k} {v:g}" for k, v in rule.items() if k != "over")
        yield f"    {key}: {rule['over']} · {numbers}"
    facts = {"version": made.policy_version, "profile": made.profile}
    yield _labelled(
        "policy", _in(phrase("policy_value", map=newest.grid.map_version, **facts), lang), lang
    )
    yield _labelled("deadline", _in(due_in_words(newest.deadline, policy), lang), lang)


def _labelled(name: str, value: str, lang: Lang) -> str:
    return f"{_in(phrase(name), lang)}  {value}"


def _in(both: Both, lang: Lang) -> str:
    text: str = getattr(both, lang)
    return text
