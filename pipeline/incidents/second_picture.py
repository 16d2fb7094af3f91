"""Two pictures with their times, as enforcement asks for: what stood there still stands there."""

from datetime import datetime, timedelta

from detectors.hits import Evidence
from pipeline.incidents.cases import Case
from pipeline.incidents.incident import Incident, is_seen_now
from pipeline.incidents.policy import Policy, Rule


def is_pair_due(incident: Incident, case: Case, rule: Rule, policy: Policy, at: datetime) -> bool:
    """Whether it is time for the second picture, there is one, and what it shows is there still."""
    after = timedelta(seconds=rule.second_picture_s)
    if not after or case.pair or at < case.alert.opened_at + after:
        return False
    pair = pair_of(incident, case)
    if not pair or pair[1].captured_at < pair[0].captured_at + after:
        return False
    return is_seen_now(incident, policy, at)


def pair_of(incident: Incident, case: Case) -> tuple[Evidence, ...]:
    """The first picture that was told and the newest one; none where a camera took neither."""
    told = [one for one in case.alert.evidence if one.kind in ("snapshot", "crop")]
    newest = incident.newest
    if not told or newest is None or newest.kind == "photo":
        return ()
    return min(told, key=lambda one: one.captured_at), newest
