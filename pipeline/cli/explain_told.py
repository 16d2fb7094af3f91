"""What explain and review say of alerts and records, for people and as JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from detectors.hits import Hit
from pipeline.alerts import CloudEvent, Deadline, GridAlert, NoDeadline, Queue
from pipeline.cli.explain_due import written
from pipeline.explaining import Entry, Fate, Told
from pipeline.feedback import action_of
from pipeline.incidents.policy import Policy
from pipeline.messages import Given, LogRecord, Reported
from pipeline.site.problems import Both, Lang, say
from pipeline.why import WORDS, because, clock, local, phrase, unit_zh

SHOWN = 20  # records at each end
_UNDER = " " * 27


def as_json(told: Told) -> dict[str, Any]:
    """All of it: the alert as it stands, its messages, the records, and what decided."""
    fate = told.fate
    answer: dict[str, Any] = msgspec.to_builtins(
        {
            "alert": told.alert,
            "messages": told.messages,
            "records": [_entry_json(entry) for entry in told.entries],
            "fate": fate and {name: getattr(fate, name) for name in ("alert_id", "until", "faded")},
            "rules": told.rules(),
            "thresholds": told.thresholds(),
            "notes": [note._asdict() for note in filter(None, (told.otherwise, *told.notes))],
        }
    )
    return answer


def _entry_json(entry: Entry) -> dict[str, Any]:
    """A decision with the record as it lies on the log, why, and by which policy."""
    return {
        **msgspec.structs.asdict(entry.decision),
        "record": entry.record,
        "why": because(entry)._asdict(),
        "policy_version": entry.policy.version,
    }


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
        yield from (self._in(note) for note in told.notes)

    def _alert(self, told: Told, alert: GridAlert, shown: int | None) -> Iterator[str]:
        """What it is, what was told of it when, the records it was made of, what decided."""
        yield from self.head(alert)
        yield from ("", self.say("messages"))
        reasons = {id_: e.decision.reason for e in told.entries for id_ in e.decision.alerts}
        yield from (self._message(event, reasons.get(event.id, "")) for event in told.messages)
        yield from ("", self.say("records"))
        yield from self._time_line(told.entries, shown)
        yield ""
        yield from self._decided_by(told, alert)

    def _record(self, fate: Fate, alert: GridAlert | None) -> Iterator[str]:
        """What it was, what became of it and why, and the alert that it went into."""
        entry = fate.entry
        yield self.say("record", where=_place(entry))
        yield from self._entry(entry, day=True)
        yield self._why(entry)
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

    def head(self, alert: GridAlert) -> Iterator[str]:
        """What an alert is: notice, headline, officer, where it stands."""
        yield f"{self.say('alert', alert_no=alert.alert_no)}  {alert.alert_id}"
        yield f"  {alert.text.notice}"
        yield f"  {alert.text.headline}"
        to = alert.routing
        who = to.proposed if isinstance(to, Queue) else to.assignee
        mode, reason = WORDS.word[str(to.__struct_config__.tag)], WORDS.word[to.reason]
        officer = self.say("officer", mode=mode, who=who, reason=reason)
        yield f"  {officer} · {self.say('deadline')} {self.due(alert.deadline)}"
        axes = {axis: WORDS.word[getattr(alert, axis)] for axis in ("condition", "handling")}
        yield f"  {self.say('state', **axes, confidence=alert.confidence)}"

    def desk(self, alert: GridAlert, pictures: list[str]) -> Iterator[str]:
        """What the duty desk has to know of an alert, and which answers there are."""
        yield from self.head(alert)
        for one in alert.measures:
            measure = self._measure(one.value, one.unit, one.unit_zh)
            yield f"  {self.say('measured', name=one.name, measure=measure)}"
        yield from (f"  {picture}" for picture in pictures)
        yield self.say("answers")

    def due(self, deadline: Deadline) -> str:
        """When it is due, as people write it; - for never."""
        return written(local(deadline.due_at, self.policy), end=True) if deadline.due_at else "-"

    def say(self, name: str, /, **facts: object) -> str:
        """The words of that name."""
        return self._in(phrase(name, **facts))

    def _in(self, both: Both) -> str:
        text: str = getattr(both, self.lang)
        return text

    def _message(self, event: CloudEvent, opened: str) -> str:
        alert = event.data
        reason = getattr(alert, "update_reason", "") or getattr(alert, "resolution", "") or opened
        sentence = self._in(WORDS.reason[reason]) if reason else ""
        action = self._in(WORDS.word[str(alert.__struct_config__.tag)])
        at = clock(event.time, self.policy)
        return f"{alert.sequence:>4}  {at}  {action}/{reason}  {sentence}"

    def _time_line(self, entries: tuple[Entry, ...], shown: int | None) -> Iterator[str]:
        """The records in order, the middle of many left out; why, where it changes."""
        hidden = range(0) if shown is None else range(shown, len(entries) - shown)
        reason = ""
        for n, entry in enumerate(entries):
            if n not in hidden:
                yield from self._entry(entry)
                if entry.decision.reason != reason:
                    yield self._why(entry)
                reason = entry.decision.reason
            elif n == hidden.start:
                yield f"  {self.say('between', n=len(hidden))}"

    def _entry(self, entry: Entry, *, day: bool = False) -> Iterator[str]:
        """One record: when, where, what it said, what became of it, its id; its pictures."""
        decision, record = entry.decision, entry.record
        kind, source, pictures = _said(record)
        parts = [f"{self._in(WORDS.word[kind])} {source}".rstrip()]
        if isinstance(record, Hit):
            measure = self._measure(record.measure, record.unit, unit_zh(record, entry.policy))
            parts.append(self.say("seen", measure=measure, hit=record))
        parts.append(f"{self._in(WORDS.word[decision.outcome])}/{decision.reason}")
        parts += [f"→ {id_.rpartition('/')[2]}" for id_ in decision.alerts[:1]]
        parts += [decision.hit_id] if decision.hit_id else []
        when = clock(decision.at, self.policy, day=day) if decision.at else ""
        yield f"  {when:12}  {_place(entry):>9}  {' · '.join(parts)}"
        yield from (f"{_UNDER}{uri}" for uri in pictures)

    def _measure(self, value: float, unit: str, zh: str) -> str:
        return f"{value:g} {self._in(Both(unit.replace('1', ''), zh))}".rstrip()

    def _why(self, entry: Entry) -> str:
        return f"{_UNDER}{self._in(because(entry))}"

    def _decided_by(self, told: Told, newest: GridAlert) -> Iterator[str]:
        """The model, rule, policy and deadline: what one must have to decide the same again."""
        made = newest.provenance
        yield f"{self.say('model')}  {', '.join([*made.models, made.score_model])}"
        thresholds = (f"{name} {value:g}" for name, value in told.thresholds().items())
        yield f"{self.say('rule')}  {' · '.join([made.rule, *thresholds])}"
        for key, rule in told.rules().items():
            numbers = msgspec.to_builtins(rule)
            over = numbers.pop("over")
            yield f"    {key}: {' · '.join([over, *(f'{k} {v:g}' for k, v in numbers.items())])}"
        decided = self.say("policy_value", made=made, map=newest.grid.map_version)
        yield f"{self.say('policy')}  {decided}"
        yield f"{self.say('deadline')}  {self._reckoned(newest.deadline)}"

    def _reckoned(self, deadline: Deadline) -> str:
        """How a deadline was reckoned."""
        if isinstance(deadline, NoDeadline):
            return self.say("no_due", deadline=deadline)
        return self.say(
            "due",
            deadline=deadline,
            given=say(str(deadline.__struct_config__.tag), n=deadline.amount),
            start=clock(deadline.counted_from, self.policy),
            status=WORDS.word[deadline.status],
            due=self.due(deadline),
        )


def _place(entry: Entry) -> str:
    return f"{entry.where[0]}/{entry.where[1]}"


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
