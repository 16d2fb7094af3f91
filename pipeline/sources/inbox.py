"""What readers hand over and the looking loop takes: one thing a source, the sources in turn."""

import threading
from typing import Any


class Inbox:
    """A place for each source. What lies in it waits its turn; who comes first is taken first.

    A recording's reader waits until its place is free. A live one never waits: its newest picture
    takes the place, and the turn, of the one that nobody came to look at.
    """

    def __init__(self) -> None:
        self._places: dict[Any, Any] = {}  # in the order of their turns
        self._changed = threading.Condition()

    def wait_and_put(self, source: object, thing: object, stop: threading.Event) -> None:
        """Put it as soon as the source's place is free; never once `stop` is set."""
        with self._changed:
            while source in self._places and not stop.is_set():
                self._changed.wait(0.2)
            if not stop.is_set():
                self._places[source] = thing
                self._changed.notify_all()

    def replace(self, source: object, thing: object) -> bool:
        """Put it now; whether an older one was shed for it."""
        with self._changed:
            shed = source in self._places
            self._places[source] = thing
            self._changed.notify_all()
        return shed

    def take(self, timeout_s: float) -> tuple[Any, Any] | None:
        """Whose turn it is and what lay there; None when nothing came in time."""
        with self._changed:
            if not self._places:
                self._changed.wait(timeout_s)
            if not self._places:
                return None
            source = next(iter(self._places))
            thing = self._places.pop(source)
            self._changed.notify_all()
        return source, thing

    def forget(self, source: object) -> None:
        """Drop what lies in the place of a source that is read no more."""
        with self._changed:
            self._places.pop(source, None)
            self._changed.notify_all()
