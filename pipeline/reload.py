"""A site that changes while it runs: a right one replaces it, a wrong one is refused by name.

    every few seconds, or SIGHUP ──> files other than before? ──> load and check ──> take | refuse

Worker and ingest reload by the same rules, so that both run the same site.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from pipeline.metrics import SiteMetrics
from pipeline.site.load import check_site
from pipeline.site.model import Settings, Site
from pipeline.site.versions import VersionNotKept, site_files

log = logging.getLogger(__name__)

# Read each time that they are needed. Whatever else gridalert.toml says is so until a restart.
LIVE = {"evidence.keep_days", "evidence.unreferenced_hours", "worker.max_clock_skew_s"}

Stamp = tuple[tuple[str, int, int, int], ...]


class Reload:
    """The site that runs, and its folder. `look` takes seconds: call it in a thread of its own."""

    def __init__(
        self,
        folder: Path,
        site: Site,
        stamp: Stamp,
        every_s: float,
        metrics: SiteMetrics,
        keep: Callable[[Site], None] = lambda _: None,
    ) -> None:
        """`folder`: as it was given, a link may point elsewhere later. `stamp`: its stamp before
        `site` was loaded. `every_s`: between looks; 0: only when asked. `keep`: called with each
        right site before it runs; may raise VersionNotKept.
        """
        self._folder, self._every_s, self._metrics, self._keep = folder, every_s, metrics, keep
        self.site = site
        self.refused: tuple[str, ...] = ()
        """Why the site on disk is not the one that runs."""
        self._seen = self._loaded = stamp
        self._next_s = 0.0
        self._asked, self._lock = threading.Event(), threading.Lock()
        self._tell(site)

    def ask(self) -> None:
        """Look as soon as possible, whether anything changed or not (SIGHUP)."""
        self._asked.set()

    def is_due(self, now_s: float) -> bool:
        """Whether to look now. `now_s`: of a clock that only goes forward."""
        if self._asked.is_set():
            return True
        if not self._every_s or now_s < self._next_s:
            return False
        self._next_s = now_s + self._every_s
        return True

    def look(self, *, at_once: bool = False) -> Site | None:
        """The site on disk where it is right and another than the one that runs, which it replaces.

        Files that are still being changed are left for the next look, unless `at_once`.
        """
        with self._lock:
            asked = self._asked.is_set()
            self._asked.clear()
            stamp = stamp_of(self._folder)
            settled, self._seen = stamp == self._seen, stamp
            if not asked and (stamp == self._loaded or not (settled or at_once)):
                return None
            self._loaded = stamp
            return self._load(asked)

    def _load(self, asked: bool) -> Site | None:
        site, found = check_site(self._folder)
        wrong = [p.line_of_text("en") for p in found if p.severity == "error"]
        if site is not None:
            wrong = self._cannot_run(site)
        if any(problem.code == "R013" for problem in found):
            self._loaded = ()  # a film that is missing may come: no file of the site changes then
        if site is None or wrong:
            self._refuse(tuple(wrong), asked)
            return None
        before, self.site, self.refused = self.site, site, ()
        self._tell(site)
        if not _differ(before, site):
            return None
        log.warning("the site was reloaded: policy %s", site.policy.version)
        return site

    def _cannot_run(self, site: Site) -> list[str]:
        """Why a right site can't take the place of the one that runs."""
        fixed = _fixed(self.site.settings, site.settings)
        if fixed or not _differ(self.site, site):
            return [f"gridalert.toml: restart needed: {name}" for name in fixed]
        try:
            self._keep(site)
        except VersionNotKept as error:
            self._loaded = ()  # a disk that is full may be emptied
            return [str(error)]
        return []

    def _refuse(self, wrong: tuple[str, ...], asked: bool) -> None:
        """Told once, and whenever somebody asks."""
        if asked or wrong != self.refused:
            for line in wrong:
                # As one text: quiet.py drops lines of the same template.
                log.error(f"the site is refused, the old one runs on: {line}")
        self.refused = wrong
        self._metrics.reload_successful.set(0)

    def _tell(self, site: Site) -> None:
        self._metrics.reload_successful.set(1)
        self._metrics.info.clear()
        self._metrics.info.labels(site.policy.version).set(1)


def stamp_of(folder: Path) -> Stamp:
    """What changes whenever a file of the site does: names, times in ns, sizes and inodes."""
    return tuple(_stamps(folder))


def _stamps(folder: Path) -> Iterator[tuple[str, int, int, int]]:
    for path in site_files(folder):
        try:
            stat = path.stat()
        except OSError:  # it has just gone
            continue
        yield str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino


def _differ(one: Site, other: Site) -> bool:
    """All files but gridalert.toml are in the version."""
    return (one.policy.version, one.settings) != (other.policy.version, other.settings)


def _fixed(before: Settings, after: Settings) -> list[str]:
    """The settings that differ and only count from the start, as section.name."""
    old, new = dict(_flat(msgspec.to_builtins(before))), dict(_flat(msgspec.to_builtins(after)))
    return sorted(name for name in old if old[name] != new.get(name) and name not in LIVE)


def _flat(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
