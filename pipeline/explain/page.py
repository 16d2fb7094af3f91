"""What explain and review say of alerts and records, for people and as JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from detectors.hits import Hit
from pipeline.alerts import CloudEvent, Deadline, GridAlert, NoDeadline, Queue
from pipeline.explain.due import written
from pipeline.explain.story import Entry, Fate, Told
from pipeline.explain.why import because, clock, unit_of, weight
from pipeline.explain.words import WORDS, phrase, reason_in
from pipeline.feedback import action_of
from pipeline.incidents.policy import Policy
from pipeline.messages import Given, LogRecord, Reported
from pipeline.site.problems import Both, Lang, say

SHOWN = 20  # records at each end
_UNDER = " " * 27


def as_json(told: Told) -> dict[str, Any]:
    """All of it: the alert as it stands, its messages, the records, and what decided."""
    fate = told.fate
    answer: dict[str, Any] = msgspec.to_builtins(
        {
            "alert": told.alert,
            "messages": told.messages,
            "records": [
                {
                    **msgspec.structs.asdict(entry.decision),
                    "record": entry.record,
                    "why": because(entry)._asdict(),
                    "policy_version": entry.policy.version,
                }
                for entry in told.entries
            ],
            "fate": fate and {name: getattr(fate, name) for name in ("alert_id", "until", "faded")},
            "rules": told.rules(),
            "notes": [note._asdict() for note in filter(None, (told.otherwise, *told.notes))],
        }
    )
    return answer


@dataclass(frozen=True, slots=True)
class Page:
    """Lines for people, in their language and by the site's own clock."""

    policy: Policy
    lang: Lang

    def told(self, told: Told, shown: int | None) -> Iterator[str]:
        """All of it. `shown`: how many records at each end; None = all."""
        if told.otherwise is not None:
            yield self._in(told.otherwise)
        if told.fate is not None:
            yield from self._record(told.fate, told.alert)
        elif told.alert is not None:
            yield from self._alert(told, told.alert, shown)
        yield from map(self._in, told.notes)

    def head(self, alert: GridAlert) -> Iterator[str]:
        """What an alert is: notice, headline, officer, where it stands."""
        to, word = alert.routing, WORDS.word
        officer = self.say(
            "officer",
            mode=word[str(to.__struct_config__.tag)],
            who=to.proposed if isinstance(to, Queue) else to.assignee,
            reason=word[to.reason],
        )
        yield f"{self.say('alert', alert_no=alert.alert_no)}  {alert.alert_id}"
        yield f"  {alert.text.notice}"
        yield f"  {alert.text.headline}"
        yield f"  {officer} · {self.say('deadline')} {self.due(alert.deadline)}"
        if alert.exercise:
            yield f"  {self.say('exercise')}"
        axes = {axis: word[getattr(alert, axis)] for axis in ("condition", "handling")}
        yield f"  {self.say('state', **axes, confidence=alert.confidence)}"
        yield from (f"  {self._in(weight(one, self.policy))}" for one in alert.contributions)
        if caution := alert.provenance.caution:
            yield f"  {self._in(Both(caution, alert.provenance.caution_zh))}"

    def desk(self, alert: GridAlert, pictures: list[str]) -> Iterator[str]:
        """What the duty desk has to know of an alert, and which answers there are."""
        yield from self.head(alert)
        for one in alert.measures:
            measure = self._measure(
                one.value, Both("" if one.unit == "1" else f" {one.unit}", one.unit_zh)
            )
            yield f"  {self.say('measured', name=one.name, measure=measure)}"
        yield from (f"  {picture}" for picture in pictures)
        yield self.say("answers")

    def due(self, deadline: Deadline) -> str:
        """When it is due, as people write it; - for never."""
        zone = self.policy.deadlines.timezone
        return written(deadline.due_at, zone, end=True) if deadline.due_at else "-"

    def say(self, name: str, /, **facts: object) -> str:
        """The words of that name."""
        return self._in(phrase(name, **facts))

    def _in(self, both: Both) -> str:
        return both.zh if self.lang == "zh" else both.en

    def _alert(self, told: Told, alert: GridAlert, shown: int | None) -> Iterator[str]:
        """What it is, what was told of it when, the records it was made of, what decided."""
        yield from self.head(alert)
        yield from ("", self.say("messages"))
        reasons = {id_: e.decision.reason for e in told.entries for id_ in e.decision.alerts}
        yield from (self._message(event, reasons.get(event.id, "")) for event in told.messages)
        yield from ("", self.say("records"))
        hidden = range(0) if shown is None else range(shown, len(told.entries) - shown)
        reason = ""
        for n, entry in enumerate(told.entries):
            if n not in hidden:
                yield from self._entry(entry)
                if entry.decision.reason != reason:
                    yield f"{_UNDER}{self._in(because(entry))}"
                reason = entry.decision.reason
            elif n == hidden.start:
                yield f"  {self.say('between', n=len(hidden))}"
        yield ""
        yield from self._decided_by(told, alert)

    def _record(self, fate: Fate, alert: GridAlert | None) -> Iterator[str]:
        """What it was, what became of it and why, and the alert that it went into."""
        entry = fate.entry
        yield self.say("record", where=entry.spot)
        yield from self._entry(entry, day=True)
        yield f"{_UNDER}{self._in(because(entry))}"
        if fate.alert_id is not None:
            yield self.say("went_into", alert_no=alert.alert_no if alert else fate.alert_id)
        elif fate.until is None:
            yield self.say("nothing")
        else:
            at = clock(fate.until, self.policy)
            yield self.say("faded" if fate.faded else "no_alert", at=at)
        if entry.decision.alerts:
            yield "  " + self.say("told", ids=", ".join(entry.decision.alerts))
        if alert is not None:
            yield from (f"  {line}" for line in self.head(alert))

    def _message(self, event: CloudEvent, opened: str) -> str:
        alert = event.data
        reason = getattr(alert, "update_reason", "") or getattr(alert, "resolution", "") or opened
        sentence = reason_in(reason, self.lang) if reason else ""
        action = self._in(WORDS.word[str(alert.__struct_config__.tag)])
        at = clock(event.time, self.policy)
        return f"{alert.sequence:>4}  {at}  {action}/{reason}  {sentence}"

    def _entry(self, entry: Entry, *, day: bool = False) -> Iterator[str]:
        """One record: when, where, what it said, what became of it, its id; its pictures."""
        decision, record = entry.decision, entry.record
        kind, source, pictures = _said(record)
        parts = [f"{self._in(WORDS.word[kind])} {source}".rstrip()]
        if isinstance(record, Hit):
            measure = self._measure(record.measure, unit_of(record, entry.policy))
            parts.append(self.say("seen", measure=measure, hit=record))
        parts.append(f"{self._in(WORDS.word[decision.outcome])}/{decision.reason}")
        parts += [f"→ {id_.rpartition('/')[2]}" for id_ in decision.alerts[:1]]
        parts += [decision.hit_id] if decision.hit_id else []
        when = clock(decision.at, self.policy, day=day) if decision.at else ""
        yield f"  {when:12}  {entry.spot:>9}  {' · '.join(parts)}"
        yield from (f"{_UNDER}{uri}" for uri in pictures)

    def _measure(self, value: float, unit: Both) -> str:
        return f"{value:g}{self._in(unit)}"

    def _decided_by(self, told: Told, newest: GridAlert) -> Iterator[str]:
        """The model, rule, policy and deadline: what one must have to decide the same again."""
        made = newest.provenance
        yield f"{self.say('model')}  {', '.join([*made.models, made.score_model])}"
        yield f"{self.say('rule')}  {made.rule}"
        for key, rule in told.rules().items():
            numbers = msgspec.to_builtins(rule)
            over = numbers.pop("over")
            yield f"    {key}: {' · '.join([over, *(f'{k} {v:g}' for k, v in numbers.items())])}"
        decided = self.say("policy_value", made=made, map=newest.grid.map_version)
        yield f"{self.say('policy')}  {decided}"
        due, reckoned = newest.deadline, {}
        if not isinstance(due, NoDeadline):
            given = say(str(due.__struct_config__.tag), n=due.amount)
            start, status = clock(due.counted_from, self.policy), WORDS.word[due.status]
            reckoned = {"given": given, "start": start, "status": status, "due": self.due(due)}
        how = self.say("due" if reckoned else "no_due", deadline=due, **reckoned)
        yield f"{self.say('deadline')}  {how}"


def _said(record: LogRecord | None) -> tuple[str, str, list[str]]:
    """Kind of record, who sent it, and the addresses of its pictures."""
    if isinstance(record, Hit):
        source = f"{record.source.id}/{record.zone_id}"
        return record.source.kind, source, [one.uri for one in record.evidence]
    if isinstance(record, Reported):
        report = record.report
        return "report", report.channel, [report.photo.uri] if report.photo else []
    if isinstance(record, Given):
        done = record.feedback
        return "feedback", f"{action_of(done)} by {done.actor.role}", []
    return str(record.__struct_config__.tag) if record else "record", "", []
