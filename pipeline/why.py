"""Why a record led to what it led to, in sentences, and what there is to say of it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from detectors.hits import Hit
from pipeline.explaining import Entry
from pipeline.feedback import action_of
from pipeline.incidents.cases import rule_of_case, standing_of
from pipeline.incidents.in_force import calibration_at, silence_at
from pipeline.incidents.incident import (
    Incident,
    confidence_of,
    rule_in_general,
    rule_of,
    track_key,
)
from pipeline.incidents.persistence import Lasting, Track
from pipeline.incidents.policy import Policy, Rule
from pipeline.messages import Given, PolicyChange, Reason, Reported, Tick
from pipeline.site.problems import Both


class _Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: dict[str, Both]
    say: dict[str, Both]
    word: dict[str, Both]


WORDS = msgspec.toml.decode(
    Path(__file__).with_name("explain_words.toml").read_bytes(), type=_Words
)
_HELD_BY_TIME = {Reason.NOT_YET, Reason.LASTED, Reason.GROUP_WAIT}
_BY_CONFIDENCE = {Reason.LOW_CONFIDENCE, Reason.LASTED, Reason.REPORTED, Reason.CONFIDENCE_ROSE}


def phrase(name: str, /, **facts: object) -> Both:
    """The words that explain_words.toml has under `name`, their blanks filled."""

    def filled(lang: str) -> str:
        in_lang = {k: getattr(v, lang) if isinstance(v, Both) else v for k, v in facts.items()}
        words: str = getattr(WORDS.say[name], lang)
        return words.format(**in_lang)

    return Both(filled("en"), filled("zh"))


def because(entry: Entry) -> Both:
    """Why the record led to what it led to: a sentence, and the numbers it rests on."""
    parts = [WORDS.reason[entry.decision.reason], *_grounds(entry)]
    return Both(" ".join(part.en for part in parts), "".join(part.zh for part in parts))


def clock(at: datetime, policy: Policy, *, day: bool = False) -> str:
    """A time of day in the site's own time zone, to the millisecond where it has any."""
    local = at.astimezone(ZoneInfo(policy.deadlines.timezone)).replace(tzinfo=None)
    text = local.isoformat(" ", "milliseconds" if local.microsecond else "seconds")
    return text if day else text[11:]


def _grounds(entry: Entry) -> Iterator[Both]:
    reason, record, incident = entry.decision.reason, entry.record, entry.after
    if entry.step.dead_letter is not None:
        letter = entry.step.dead_letter
        yield phrase("letter", message=letter.message, mend=letter.mend)
    elif isinstance(record, PolicyChange):
        yield phrase("version", version=record.version)
    if incident is None:
        return
    if isinstance(record, Hit):
        yield from _of_hit(record, reason, incident, entry.policy)
    if reason in _BY_CONFIDENCE:
        yield _of_confidence(incident, entry.policy, _at(entry, incident))
    if reason is Reason.SILENCED:
        yield from _of_silence(entry, incident)
    if reason is Reason.FALSE_BEFORE:
        yield from _of_mute(entry, incident)


def _of_hit(hit: Hit, reason: Reason, incident: Incident, policy: Policy) -> Iterator[Both]:
    key = track_key(hit.source.id, hit.zone_id)
    rule = rule_of(incident, key, policy, hit.occurred_at)
    track = incident.tracks.get(key)
    if reason in _HELD_BY_TIME and track is not None:
        yield from _of_time(track, incident, rule, policy)
    if reason is Reason.NOTHING_THERE and hit.measure < rule.raise_at:
        facts = {"measure": f"{hit.measure:g}", "raise_at": f"{rule.raise_at:g}"}
        yield phrase("below", unit=_unit(hit.event_type, policy), **facts)
    if reason is Reason.REPEATED and track is not None:
        yield phrase("last_look", at=clock(track.at, policy, day=True))
    if reason is Reason.OFF_SCHEDULE:
        yield phrase("hours", hours=_hours(hit, policy))


def _of_time(track: Track, incident: Incident, rule: Rule, policy: Policy) -> Iterator[Both]:
    """How long what is nearest to lasting has been there, of how long it must."""
    x: Lasting | None = min(track.lasting, key=lambda x: (not x.yes, x.since), default=None)
    if x is None:
        return
    yield phrase(
        "there",
        since=clock(x.since, policy),
        there_s=f"{(track.at - x.since).total_seconds():.1f}",
        hold_s=f"{rule.hold_s:g}",
        had=f"{100 * (x.yes_s / x.seen_s if x.seen_s else x.yes):.0f}",
        share=f"{100 * rule.share:g}",
    )
    general = rule_in_general(incident, policy, track.at)
    if incident.hits < general.min_hits:
        yield phrase("looks", hits=incident.hits, min_hits=general.min_hits)
    if x.lasted_at and general.group_wait_s:
        yield phrase(
            "group_wait",
            lasted=clock(x.lasted_at, policy),
            wait_s=f"{general.group_wait_s:g}",
        )


def _of_confidence(incident: Incident, policy: Policy, at: datetime) -> Both:
    calibration = calibration_at(incident.event_type, policy, at)
    return phrase(
        "confidence",
        confidence=f"{confidence_of(incident, policy, at):.2f}",
        review_at=f"{calibration.review_at:.2f}",
        direct_at=f"{calibration.direct_at:.2f}",
    )


def _of_silence(entry: Entry, incident: Incident) -> Iterator[Both]:
    policy, code = entry.policy, entry.decision.leaf_code or ""
    at = _at(entry, incident)
    silence = silence_at(incident.event_type, incident.place_id, code, policy, at)
    if silence is not None:
        yield phrase(
            "silence",
            id=silence.id,
            author=silence.author,
            until=clock(silence.ends_at, policy, day=True),
            comment=silence.comment,
        )


def _of_mute(entry: Entry, incident: Incident) -> Iterator[Both]:
    if incident.case is None:
        return
    at, policy = _at(entry, incident), entry.policy
    said = standing_of(incident.case, policy, at).verdict_at
    if said is not None:
        until = said + timedelta(seconds=rule_of_case(incident.case, policy, at).mute_s)
        days = {"said": said, "until": until}
        yield phrase("muted", **{k: clock(v, policy, day=True) for k, v in days.items()})


def _at(entry: Entry, incident: Incident) -> datetime:
    """When it was decided: by the newest look, or by the record's own time."""
    times = (incident.at, entry.decision.at, incident.last_seen_at)
    return max(at for at in times if at is not None)


def _hours(hit: Hit, policy: Policy) -> Both:
    watch = policy.watches.get((hit.source.id, hit.zone_id))
    schedule = (watch.schedule if watch else ()) or policy.events[hit.event_type].schedule
    windows = [(WORDS.say[w.days], f" {_hour(w.from_min)}-{_hour(w.to_min)}") for w in schedule]
    return Both(*(", ".join(getattr(d, lang) + t for d, t in windows) for lang in ("en", "zh")))


def _hour(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _unit(event_type: str, policy: Policy) -> str:
    kind = policy.events.get(event_type)
    return kind.measure_zh if kind else ""


def facts_of(entry: Entry) -> dict[str, Any]:
    """All there is to say of a record and its decision, as JSON has it."""
    why = because(entry)
    return {
        **_decided(entry),
        **_recorded(entry),
        "why": why._asdict(),
        "alert_id": entry.decision.alert_id,
        "alerts": list(entry.decision.alerts),
        "policy_version": entry.policy.version,
    }


def _decided(entry: Entry) -> dict[str, Any]:
    decision = entry.decision
    return {
        "at": decision.at.isoformat() if decision.at else None,
        "partition": entry.where[0],
        "offset": entry.where[1],
        "outcome": decision.outcome.value,
        "reason": decision.reason.value,
        "id": decision.hit_id,
    }


def _recorded(entry: Entry) -> dict[str, Any]:
    record = entry.record
    if isinstance(record, Hit):
        return {
            "kind": record.source.kind,
            "source": f"{record.source.id}/{record.zone_id}",
            "measure": record.measure,
            "unit": record.unit,
            "unit_zh": _unit(record.event_type, entry.policy),
            "score": record.score,
            "quality": record.quality,
            "model": record.model,
            "evidence": [one.uri for one in record.evidence],
        }
    if isinstance(record, Reported):
        report = record.report
        photo = [report.photo.uri] if report.photo else []
        return {"kind": "report", "source": report.channel, "evidence": photo}
    if isinstance(record, Given):
        done = record.feedback
        return {"kind": "feedback", "source": f"{action_of(done)} by {done.actor.role}"}
    if isinstance(record, Tick):
        return {"kind": "tick"}
    return {"kind": "policy" if isinstance(record, PolicyChange) else "record"}
