"""Time passes: candidates fade, and what nobody has seen for long is let go."""

from datetime import datetime, timedelta

import msgspec

from pipeline.alerts import CloudEvent
from pipeline.incidents.compose import compose
from pipeline.incidents.lifecycle import (
    Incident,
    Where,
    begin_anew,
    is_lost,
    publish,
    rule_of,
)
from pipeline.incidents.persistence import pass_time
from pipeline.incidents.policy import Policy
from pipeline.incidents.state import LeafState
from pipeline.messages import Reason

IDLE_S = 3600.0  # a place that has said nothing for so long is forgotten

Told = list[tuple[CloudEvent, Where]]


def age(state: LeafState, at: datetime, policy: Policy) -> tuple[LeafState, Told]:
    """The leaf at a later time, and what the world is told because nobody saw it again."""
    kept: dict[str, Incident] = {}
    told: Told = []
    for name, incident in state.incidents.items():
        if incident.event_type not in policy.events or incident.place_id not in policy.places:
            kept[name] = incident  # no longer in the site: frozen, not forgotten
            continue
        aged = _fade(incident, at, policy) if incident.published is None else incident
        if is_lost(incident, at):
            aged = begin_anew(incident)
            if incident.published:
                ended = publish(incident, Reason.EXPIRED, policy, at)
                told.append((compose(ended, Reason.EXPIRED, policy, at), incident.first_record))
        last = max(track.at for track in incident.tracks.values())
        if not aged.is_idle or at - last < timedelta(seconds=IDLE_S):
            kept[name] = aged
    return msgspec.structs.replace(state, incidents=kept), told


def _fade(incident: Incident, at: datetime, policy: Policy) -> Incident:
    """A candidate that has not been seen for `gap_s` begins anew; a track that is behind stays."""
    tracks = {
        key: msgspec.structs.replace(track, lasting=())
        if track.lasting and not pass_time(track, rule_of(incident, key, policy), at).lasting
        else track
        for key, track in incident.tracks.items()
    }
    if tracks == incident.tracks:
        return incident
    faded = msgspec.structs.replace(incident, tracks=tracks)
    return begin_anew(faded) if faded.is_idle else faded
