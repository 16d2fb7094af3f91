"""Look at reports: a record of grid.reports.v1 in, one for the log or a dead letter out."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import msgspec

from pipeline.alerts import Location
from pipeline.messages import DeadLetter, Reason, Reported, is_plausible, whole_ms
from pipeline.relayed import message_of, refused
from pipeline.reports import Report
from pipeline.site.gcj02 import wgs84
from pipeline.site.locate import NEAREST_M, Locator, apart_m
from pipeline.site.model import Site
from pipeline.topics import REPORTS

REACH_M = 30.0  # a telephone knows where it is to 5-20 m, and people stand back for the picture
_decoder = msgspec.json.Decoder(Report)
_refuse = partial(refused, REPORTS)


@dataclass(frozen=True, slots=True)
class ReportMap:
    """What is where. `reach_m`: how far from a place people may report an event of that type, by
    event type. `spots`: where the places are, by leaf grid. `watched`: event types and the places
    that are watched for them.
    """

    locator: Locator
    reach_m: Mapping[str, float]
    spots: Mapping[str, Mapping[str, Location]]
    watched: Set[tuple[str, str]]


def report_map(site: Site) -> ReportMap:
    """What reports of the site are looked at with."""
    spots: dict[str, dict[str, Location]] = {}
    for place in site.policy.places.values():
        if place.location is not None:
            spots.setdefault(place.leaf_code, {})[place.id] = place.location
    watched = {(watch.event_type, watch.place_id) for watch in site.policy.watches.values()}
    reach_m = {event.type: max(event.merge_m, REACH_M) for event in site.policy.events.values()}
    return ReportMap(site.locator, reach_m, spots, watched)


def look_at_report(
    value: bytes | None, where: ReportMap, now: datetime, max_skew_s: float
) -> Reported | DeadLetter:
    """What a person says, with its leaf grid and place. `max_skew_s`: how far in the future it may
    lie; 0 takes any time. Late is welcome: a picture waits for a signal.

    Never raises on any bytes.
    """
    report = message_of(REPORTS, value, _decoder.decode, "send a Report, see docs/contracts")
    if isinstance(report, DeadLetter):
        return report
    return _wrong(report, where, now, max_skew_s) or _reported(report, where)


def _wrong(report: Report, where: ReportMap, now: datetime, max_skew_s: float) -> DeadLetter | None:
    if report.event_type not in where.reach_m:
        what = f"report {report.report_id}: event {report.event_type!r} is not in the catalogue"
        return _refuse(Reason.UNKNOWN_EVENT, what, "send one of its types, or add it there")
    early_s = (report.at - now) / timedelta(seconds=1)
    if not is_plausible(report.at) or (max_skew_s and early_s > max_skew_s):
        at = report.at.isoformat()
        what = f"report {report.report_id}: its time, {at}, is {early_s:.0f} s from now"
        mend = "set the clock of whoever reports (NTP), or max_clock_skew_s in gridalert.toml"
        return _refuse(Reason.CLOCK_SKEW, what, mend)
    return None


def _reported(report: Report, where: ReportMap) -> Reported | DeadLetter:
    point = wgs84(report.point.lon, report.point.lat, report.point.crs)
    found = where.locator.at(point.lon, point.lat)
    if found is None:
        what = f"report {report.report_id}: its point is over {NEAREST_M:.0f} m from every grid"
        mend = "check its crs and that longitude comes first; other districts have their own map"
        return _refuse(Reason.OUTSIDE_MAP, what, mend)
    leaf_code, by = found
    place_id = _place_near(point, leaf_code, report.event_type, where)
    report = msgspec.structs.replace(report, at=whole_ms(report.at))
    return Reported(report, leaf_code, by, point, place_id)


def _place_near(point: Location, leaf_code: str, event_type: str, where: ReportMap) -> str | None:
    """The nearest of the leaf grid's places that are near enough; one that is watched for the event
    before all others, so that people and cameras tell of one thing.
    """
    here = (point.lon, point.lat)
    away = (
        (apart_m(here, (spot.lon, spot.lat)), place)
        for place, spot in where.spots.get(leaf_code, {}).items()
    )
    near = [
        ((event_type, place) not in where.watched, metres, place)
        for metres, place in away
        if metres <= where.reach_m[event_type]
    ]
    return min(near)[2] if near else None
