"""A recorded log that explain folds again, and what it finds there or on Kafka."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.alerts import CloudEvent, GridAlert
from pipeline.explaining import (
    Entry,
    Fate,
    Record,
    Story,
    begin_with,
    entries,
    fate_of,
    find_alert,
    find_record,
    story_of,
)
from pipeline.incidents.decision import Where
from pipeline.messages import PolicyChange, Reason
from pipeline.replay import Fold, read_log
from pipeline.site.model import Site
from pipeline.site.problems import Both
from pipeline.why import phrase


@dataclass(frozen=True, slots=True)
class AlertTold:
    """An alert explained; `messages` as published, where they still are. `notes`: how far to trust
    it.
    """

    entries: tuple[Entry, ...]
    messages: tuple[CloudEvent, ...]
    notes: tuple[Both, ...]


@dataclass(frozen=True, slots=True)
class RecordTold:
    """A record explained; `alert`: the newest of the one that it went into."""

    fate: Fate
    alert: GridAlert | None
    notes: tuple[Both, ...]


def fold_of(site: Site) -> Fold:
    """A new fold of this site, with its earlier versions."""
    return Fold(site.policy, site.folder / site.settings.worker.versions_folder)


class Again:
    """Records folded again, and a note for each version of the site that is not at hand."""

    def __init__(self, site: Site) -> None:
        self._site, self._fold = site, fold_of(site)
        self.notes: list[Both] = []

    def begin_with(self, where: Where, version: str) -> None:
        """Have this version in force from just before `where`."""
        if not begin_with(self._fold, where, version):
            self._miss(version)

    def entries(self, records: Iterable[Record], key: bytes | None) -> Iterator[Entry]:
        """As `explaining.entries`."""
        for entry in entries(records, self._fold, key):
            unknown = entry.decision.reason is Reason.UNKNOWN_POLICY
            if unknown and isinstance(entry.record, PolicyChange):
                self._miss(entry.record.version)
            yield entry

    def _miss(self, version: str) -> None:
        current = self._site.policy.version
        self.notes.append(phrase("not_kept", version=version, current=current))


class RecordedLog:
    """A file as `gridalert demo` leaves it. Raises ValueError for a line that is no record."""

    def __init__(self, path: Path, site: Site) -> None:
        self._path, self._site = path, site
        self.where = str(path)

    def alert(self, text: str) -> AlertTold | None:
        """The alert of that id or number; None where the fold tells of none."""
        found = find_alert(self._records(), fold_of(self._site), text)
        if found is None:
            return None
        alert, first = found
        again = Again(self._site)
        story = self._story(again, alert.alert_id, first[0], alert.grid.leaf_code.encode())
        return AlertTold(story.entries, story.messages, self._notes(again))

    def record(self, text: str) -> RecordTold | None:
        """The record at PARTITION/OFFSET or of that id."""
        found = find_record(self._records(), text)
        if found is None:
            return None
        partition, offset, key, _ = found
        again = Again(self._site)
        fate = fate_of(again.entries(self._records(partition), key), (partition, offset))
        if fate is None:
            return None
        alert = None
        if fate.alert_id:
            story = self._story(Again(self._site), fate.alert_id, partition, key)
            alert = story.messages[-1].data if story.messages else None
        return RecordTold(fate, alert, self._notes(again))

    def refused(self, _: str) -> Both | None:
        """What was refused before the log is not in it."""
        return None

    def _story(self, again: Again, alert_id: str, partition: int, key: bytes | None) -> Story:
        return story_of(again.entries(self._records(partition), key), alert_id)

    def _notes(self, again: Again) -> tuple[Both, ...]:
        return (phrase("from_log", file=self._path), *again.notes)

    def _records(self, partition: int | None = None) -> Iterator[Record]:
        for line in read_log(self._path):
            if partition in (None, line.partition):
                key = None if line.key is None else line.key.encode()
                yield line.partition, line.offset, key, line.value_bytes()
