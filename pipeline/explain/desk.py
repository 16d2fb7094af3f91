"""The duty desk: which alerts wait there for a person's answer, and that answer sent."""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from pipeline.alerts import CloudEvent, GridAlert, Queue, decode_alert
from pipeline.explain.log import readable, refusal_in
from pipeline.feedback import Actor, FeedbackEvent, Reviewed, Verdict
from pipeline.messages import encode
from pipeline.site.model import Site
from pipeline.topic_reader import Taken, TopicReader
from pipeline.topics import ALERTS, DEAD_LETTERS

ANSWERED_S = 30.0  # a worker that runs answers within one or two
_NEVER = datetime.max.replace(tzinfo=UTC)
_PAUSE_S = 0.2


def newest_of(published: Iterable[Taken]) -> dict[str, GridAlert]:
    """Each alert as it stands, by its id."""
    newest: dict[str, GridAlert] = {}
    for _, event in readable(published):
        known = newest.setdefault(event.data.alert_id, event.data)
        if event.data.sequence > known.sequence:
            newest[known.alert_id] = event.data
    return newest


def waiting(published: Iterable[Taken]) -> list[GridAlert]:
    """The alerts that nobody has answered at the desk, the one that is due first on top."""
    alerts = newest_of(published).values()
    at_desk = (a for a in alerts if isinstance(a.routing, Queue) and a.handling == "open")
    return sorted(at_desk, key=lambda a: (a.deadline.due_at or _NEVER, a.opened_at, a.alert_id))


def pictures_of(alert: GridAlert, site: Site) -> list[str]:
    """Its pictures, the best one first: files where they are at hand, else their addresses."""
    folder = site.folder / site.settings.evidence.folder / "sha256"
    shown = []
    for evidence in alert.evidence:
        name = f"{evidence.sha256}.jpg"
        is_ours = evidence.uri.endswith(f"/sha256/{name}") and (folder / name).is_file()
        shown.append(str(folder / name) if is_ours else evidence.uri)
    return shown


def answer_to(
    alert: GridAlert, verdict: Verdict, actor_id: str, feedback_id: str, at: datetime, source: str
) -> bytes:
    """The value for grid.dispatch-feedback.v1 that says what the desk found."""
    reviewed = Reviewed(
        feedback_id=feedback_id,
        alert_id=alert.alert_id,
        grid_code=alert.grid.leaf_code,
        at=at,
        actor=Actor(actor_id, "duty_desk"),
        based_on_sequence=alert.sequence,
        reviewed=verdict,
    )
    kind = "cn.gridalert.dispatch.reviewed.v1"
    return encode(FeedbackEvent("1.0", feedback_id, source, kind, reviewed))


def answered(
    reader: TopicReader,
    alert_id: str,
    feedback_id: str,
    send: Callable[[], object],
    now_s: Callable[[], float],
) -> CloudEvent | dict[str, str] | None:
    """What the worker makes of the feedback that `send` sends: the alert as it stands after it, or
    why it was refused (`log.refusal_in`); None where nobody answers.
    """
    at = reader.partition_of(ALERTS, alert_id.encode())
    places = [(ALERTS, at), *((DEAD_LETTERS, n) for n in reader.partitions(DEAD_LETTERS))]
    begins = {place: reader.bounds(*place)[1] for place in places}
    send()
    until_s = now_s() + ANSWERED_S
    while now_s() < until_s:
        for (topic, partition), begin in begins.items():
            for one in reader.read(topic, partition, begin):
                if one.value and feedback_id.encode() in one.value:
                    return decode_alert(one.value) if topic == ALERTS else refusal_in(one)
        time.sleep(_PAUSE_S)
    return None
