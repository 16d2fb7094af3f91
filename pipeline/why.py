"""Why a record led to what it led to, in sentences, with the numbers they rest on."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from detectors.hits import Hit
from pipeline.explaining import Entry
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
from pipeline.messages import PolicyChange, Reason
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


def local(at: datetime, policy: Policy) -> datetime:
    """A time by the site's own clock."""
    return at.astimezone(ZoneInfo(policy.deadlines.timezone))


def clock(at: datetime, policy: Policy, *, day: bool = True) -> str:
    """As people write it, to the millisecond where it has any."""
    precise = "milliseconds" if at.microsecond else "seconds"
    text = local(at, policy).replace(tzinfo=None).isoformat(" ", precise)
    return text if day else text[11:]


def unit_zh(hit: Hit, policy: Policy) -> str:
    """The measure word of what was measured (人)."""
    kind = policy.events.get(hit.event_type)
    return kind.measure_zh if kind else ""


def _grounds(entry: Entry) -> Iterator[Both]:
    if entry.step.dead_letter is not None:
        yield phrase("letter", **msgspec.structs.asdict(entry.step.dead_letter))
    elif isinstance(entry.record, PolicyChange):
        yield phrase("version", version=entry.record.version)
    incident, policy, reason = entry.incident, entry.policy, entry.decision.reason
    if incident is None:
        return
    times = (incident.at, entry.decision.at, incident.last_seen_at)
    decided_at = max(at for at in times if at is not None)
    if isinstance(entry.record, Hit):
        yield from _of_look(entry.record, reason, incident, policy)
    if reason in _BY_CONFIDENCE:
        calibration = calibration_at(incident.event_type, policy, decided_at)
        confidence = confidence_of(incident, policy, decided_at)
        yield phrase("confidence", confidence=confidence, calibration=calibration)
    if reason is Reason.SILENCED:
        leaf_code = entry.decision.leaf_code or ""
        where = (incident.event_type, incident.place_id, leaf_code)
        if (silence := silence_at(*where, policy, decided_at)) is not None:
            yield phrase("silence", silence=silence, until=clock(silence.ends_at, policy))
    if reason is Reason.FALSE_BEFORE and incident.case is not None:
        said = standing_of(incident.case, policy, decided_at).verdict_at
        mute = timedelta(seconds=rule_of_case(incident.case, policy, decided_at).mute_s)
        if said is not None:
            yield phrase("muted", said=clock(said, policy), until=clock(said + mute, policy))


def _of_look(hit: Hit, reason: Reason, incident: Incident, policy: Policy) -> Iterator[Both]:
    """What one look rests on: the rule of its zone, and what its source has said so far."""
    key = track_key(hit.source.id, hit.zone_id)
    rule = rule_of(incident, key, policy, hit.occurred_at)
    track = incident.tracks.get(key)
    if reason in _HELD_BY_TIME and track is not None:
        yield from _of_time(track, incident, rule, policy)
    if reason is Reason.NOTHING_THERE and hit.measure < rule.raise_at:
        yield phrase("below", hit=hit, unit=unit_zh(hit, policy), rule=rule)
    if reason is Reason.REPEATED and track is not None:
        yield phrase("last_look", at=clock(track.at, policy))
    if reason is Reason.OFF_SCHEDULE:
        yield phrase("hours", hours=_hours(hit, policy))


def _of_time(track: Track, incident: Incident, rule: Rule, policy: Policy) -> Iterator[Both]:
    """How long what is nearest to lasting has been there, of how long it must."""
    x: Lasting | None = min(track.lasting, key=lambda x: (not x.yes, x.since), default=None)
    if x is None:
        return
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
    windows = [(WORDS.say[w.days], f" {_hour(w.from_min)}-{_hour(w.to_min)}") for w in schedule]
    return Both(*(", ".join(getattr(d, lang) + t for d, t in windows) for lang in ("en", "zh")))


def _hour(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
