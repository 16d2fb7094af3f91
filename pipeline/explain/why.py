"""Why a record led to what it led to, in sentences, with the numbers they rest on."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from detectors.hits import Hit
from pipeline.alerts import Contribution
from pipeline.explain.story import Entry
from pipeline.explain.words import WORDS, phrase
from pipeline.incidents.cases import rule_of_case, standing_of
from pipeline.incidents.in_force import calibration_at, silence_at
from pipeline.incidents.incident import Incident, rule_in_general, rule_of, track_key
from pipeline.incidents.persistence import Track
from pipeline.incidents.policy import Policy, Rule, Window
from pipeline.incidents.senses import confidence_of, contributions_of
from pipeline.messages import PolicyChange, Reason
from pipeline.site.problems import Both

_HELD_BY_TIME = {Reason.NOT_YET, Reason.LASTED, Reason.GROUP_WAIT}
_PARTS = {"prior": "by_prior", "looks": "by_looks", "limit": "by_limit", "report": "by_report"}
_BY_CONFIDENCE = {Reason.LOW_CONFIDENCE, Reason.LASTED, Reason.REPORTED, Reason.CONFIDENCE_ROSE}


def because(entry: Entry) -> Both:
    """Why the record led to what it led to: a sentence, and the numbers it rests on."""
    parts = [WORDS.reason[entry.decision.reason], *_grounds(entry)]
    return Both(" ".join(part.en for part in parts), "".join(part.zh for part in parts))


def clock(at: datetime, policy: Policy, *, day: bool = True) -> str:
    """A time by the site's own clock, to the millisecond where it has any."""
    local = at.astimezone(ZoneInfo(policy.deadlines.timezone)).replace(tzinfo=None)
    return local.isoformat(" ", "milliseconds" if at.microsecond else "seconds")[0 if day else 11 :]


def unit_of(hit: Hit, policy: Policy) -> Both:
    """What follows a measure: its unit, nothing for a count; and its Chinese measure word (人)."""
    kind = policy.events.get(hit.event_type)
    return Both("" if hit.unit == "1" else f" {hit.unit}", kind.measure_zh if kind else "")


def _grounds(entry: Entry) -> Iterator[Both]:
    incident, policy, reason = entry.incident, entry.policy, entry.decision.reason
    if entry.step.dead_letter is not None:
        yield phrase("letter", **msgspec.structs.asdict(entry.step.dead_letter))
    elif isinstance(entry.record, PolicyChange):
        yield phrase("version", version=entry.record.version)
    if incident is None:
        return
    times = (incident.at, entry.decision.at, incident.last_seen_at)
    at = max(at for at in times if at is not None)
    if isinstance(entry.record, Hit):
        yield from _of_look(entry.record, reason, incident, policy)
    if reason in _BY_CONFIDENCE:
        yield from _of_confidence(incident, policy, at)
    if reason is Reason.SILENCED:
        where = (incident.event_type, incident.place_id, entry.decision.leaf_code or "")
        if silence := silence_at(*where, policy, at):
            yield phrase("silence", silence=silence, until=clock(silence.ends_at, policy))
    if reason is Reason.FALSE_BEFORE and incident.case is not None:
        mute = timedelta(seconds=rule_of_case(incident.case, policy, at).mute_s)
        if said := standing_of(incident.case, policy, at).verdict_at:
            yield phrase("muted", said=clock(said, policy), until=clock(said + mute, policy))


def _of_confidence(incident: Incident, policy: Policy, at: datetime) -> Iterator[Both]:
    """How sure it is, how sure it must be, and what makes it so sure."""
    calibration = calibration_at(incident.event_type, policy, at)
    confidence = confidence_of(incident, policy, at)
    yield phrase("confidence", confidence=confidence, calibration=calibration)
    yield from (weight(one, policy) for one in contributions_of(incident, policy, at))


def weight(one: Contribution, policy: Policy) -> Both:
    """What one of those who contributed makes it surer by."""
    if kind := policy.events.get(one.name if one.label else ""):
        sensor = Both(kind.label_en, kind.label_zh)
        return phrase("by_sensor" if one.log_odds > 0 else "by_silence", one=one, sensor=sensor)
    return phrase("by_reviews" if one.reviewed else _PARTS[one.name], one=one)


def _of_look(hit: Hit, reason: Reason, incident: Incident, policy: Policy) -> Iterator[Both]:
    """What one look rests on: the rule of its zone, and what its source has said so far."""
    key = track_key(hit.source.id, hit.zone_id)
    rule, track = rule_of(incident, key, policy, hit.occurred_at), incident.tracks.get(key)
    if reason in _HELD_BY_TIME and track is not None:
        yield from _of_time(track, incident, rule, policy)
    if reason is Reason.NOTHING_THERE and hit.measure < rule.raise_at:
        yield phrase("below", hit=hit, unit=unit_of(hit, policy), rule=rule)
    if reason is Reason.REPEATED and track is not None:
        yield phrase("last_look", at=clock(track.at, policy))
    if reason is Reason.OFF_SCHEDULE:
        yield phrase("hours", hours=_hours(hit, policy))


def _of_time(track: Track, incident: Incident, rule: Rule, policy: Policy) -> Iterator[Both]:
    """How long what is nearest to lasting has been there, of how long it must."""
    if not track.lasting:
        return
    x = min(track.lasting, key=lambda x: (not x.yes, x.since))
    yield phrase(
        "there",
        since=clock(x.since, policy, day=False),
        there_s=(track.at - x.since).total_seconds(),
        had=100 * (x.yes_s / x.seen_s if x.seen_s else x.yes),
        share=100 * rule.share,
        rule=rule,
    )
    general = rule_in_general(incident, policy, track.at)
    if incident.hits < general.min_hits:
        yield phrase("looks", hits=incident.hits, rule=general)
    if x.lasted_at and general.group_wait_s:
        yield phrase("group_wait", lasted=clock(x.lasted_at, policy, day=False), rule=general)


def _hours(hit: Hit, policy: Policy) -> Both:
    """The hours in which a rule counts, `on working days 22:00-06:00`."""
    watch = policy.watches.get((hit.source.id, hit.zone_id))
    schedule = (watch.schedule if watch else ()) or policy.events[hit.event_type].schedule

    def told(n: int, w: Window) -> str:
        begins, ends = (f"{m // 60:02}:{m % 60:02}" for m in (w.from_min, w.to_min))
        return f"{WORDS.say[w.days][n]} {begins}-{ends}"

    return Both(*(", ".join(told(n, window) for window in schedule) for n in (0, 1)))
