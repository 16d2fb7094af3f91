"""A site that changes while it runs: the right one is taken, the wrong one is told and refused."""

import logging
import shutil
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from pipeline.metrics import SiteMetrics
from pipeline.reload import Reload, stamp_of
from pipeline.site.load import load_site
from pipeline.site.model import Site
from pipeline.site.versions import VersionNotKept

DEMO = Path(__file__).parents[3] / "deploy" / "demo"


class Bench:
    """A site in a folder of its own, and its reload."""

    def __init__(self, folder: Path) -> None:
        self.folder = shutil.copytree(DEMO, folder)
        self.registry, self.kept = CollectorRegistry(), list[Site]()
        stamp = stamp_of(folder)
        self.reload = Reload(
            folder, load_site(folder), stamp, 5.0, SiteMetrics(self.registry), self.kept.append
        )
        self.first = self.reload.site.policy.version

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    def look(self) -> Site | None:
        return self.reload.look(at_once=True)

    def metrics(self) -> tuple[float | None, set[str]]:
        found = [f for f in self.registry.collect() if f.name == "gridalert_site_info"]
        versions = {sample.labels["policy_version"] for f in found for sample in f.samples}
        return self.registry.get_sample_value("gridalert_site_reload_successful"), versions


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "site")


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    caplog.clear()
    return lines


def test_a_right_site_takes_the_place_of_the_one_that_runs(bench: Bench) -> None:
    bench.edit("officers.csv", "term-08", "term-80")
    site = bench.look()
    assert site is not None
    assert bench.reload.site is site
    assert site.policy.version != bench.first
    assert bench.kept == [site]
    assert bench.metrics() == (1.0, {site.policy.version})
    assert bench.look() is None


def test_a_wrong_site_is_told_by_file_and_line_and_the_old_one_runs_on(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.edit("officers.csv", "510117001003002008", "")
    assert bench.look() is None
    (line,) = told(caplog)
    assert line.startswith("the site is refused, the old one runs on: map.geojsonl:")
    assert "O001" in line
    assert line.count(" · ") == 2  # what, why, what to do
    assert bench.reload.site.policy.version == bench.first
    assert bench.metrics() == (0.0, {bench.first})
    assert bench.kept == []


def test_the_same_wrong_site_is_told_once_and_whenever_somebody_asks(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.edit("officers.csv", "510117001003002008", "")
    assert [bench.look(), bench.look()] == [None, None]
    bench.edit("officers.csv", "term-11", "term-17")  # wrong in the same way
    bench.look()
    assert len(told(caplog)) == 1
    bench.reload.ask()
    bench.reload.look()
    assert len(told(caplog)) == 1


def test_a_site_that_is_mended_runs_and_one_that_is_put_back_is_right_again(bench: Bench) -> None:
    bench.edit("officers.csv", "510117001003002008", "")
    assert bench.look() is None
    assert bench.reload.refused
    bench.edit("officers.csv", "grid_officer,,term-11", "grid_officer,510117001003002008,term-17")
    site = bench.look()
    assert site is not None
    assert bench.metrics() == (1.0, {site.policy.version})
    shutil.copytree(DEMO, bench.folder, dirs_exist_ok=True)
    back = bench.look()
    assert back is not None
    assert back.policy.version == bench.first
    assert bench.reload.refused == ()


def test_a_wrong_site_that_is_put_back_changes_nothing(bench: Bench) -> None:
    bench.edit("officers.csv", "510117001003002008", "")
    assert bench.look() is None
    shutil.copytree(DEMO, bench.folder, dirs_exist_ok=True)
    assert bench.look() is None  # it is the one that runs
    assert (bench.reload.refused, bench.kept) == ((), [])
    assert bench.metrics() == (1.0, {bench.first})


def test_a_film_that_comes_later_makes_the_site_right(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.edit("cameras/510117001.toml", "campus.mp4", "later.mp4")
    assert [bench.look(), bench.look()] == [None, None]
    assert ["R013" in line for line in told(caplog)] == [True]
    (bench.folder / "later.mp4").touch()
    assert bench.look() is not None


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        pytest.param("127.0.0.1:9092", "other:9092", "kafka.bootstrap_servers", id="kafka"),
        pytest.param('tenant = "demo"', 'tenant = "other"', "tenant", id="tenant"),
        pytest.param("urn:gridalert:demo", "urn:other", "source_uri", id="source"),
        pytest.param('folder = "evidence"', 'folder = "e"', "evidence.folder", id="evidence"),
        pytest.param("[worker]", "[worker]\nmetrics_port = 1", "worker.metrics_port", id="port"),
        pytest.param("[worker]", "[ingest]\nthreads = 1\n[worker]", "ingest.threads", id="threads"),
    ],
)
def test_what_needs_a_restart_is_refused_by_name(
    bench: Bench, caplog: pytest.LogCaptureFixture, old: str, new: str, name: str
) -> None:
    bench.edit("gridalert.toml", old, new)
    bench.edit("officers.csv", "term-08", "term-80")
    assert bench.look() is None
    assert told(caplog) == [
        f"the site is refused, the old one runs on: gridalert.toml: restart needed: {name}"
    ]
    assert bench.metrics() == (0.0, {bench.first})


def test_a_setting_that_is_read_each_time_is_taken(bench: Bench) -> None:
    bench.edit("gridalert.toml", "max_clock_skew_s = 0", "max_clock_skew_s = 60")
    site = bench.look()
    assert site is not None
    assert site.settings.worker.max_clock_skew_s == 60
    assert site.policy.version == bench.first


def test_a_site_that_cannot_be_kept_is_refused(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    full = [True]

    def keep(_: Site) -> None:
        if full:
            full.clear()
            raise VersionNotKept("versions: disk full")

    reload = Reload(
        bench.folder, bench.reload.site, stamp_of(bench.folder), 5.0,
        SiteMetrics(CollectorRegistry()), keep,
    )  # fmt: skip
    bench.edit("officers.csv", "term-08", "term-80")
    assert reload.look(at_once=True) is None
    assert reload.refused == ("versions: disk full",)
    assert reload.look(at_once=True) is not None


def test_files_that_are_still_being_changed_are_left_for_the_next_look(bench: Bench) -> None:
    bench.edit("officers.csv", "term-08", "term-80")
    assert bench.reload.look() is None
    bench.edit("officers.csv", "term-11", "term-17")
    assert bench.reload.look() is None
    assert bench.reload.look() is not None


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda f: (f / "calendar.toml").write_text(""), id="a new file"),
        pytest.param(lambda f: (f / "cameras" / "two.toml").write_text(""), id="a new camera file"),
        pytest.param(lambda f: (f / "sensors.toml").unlink(), id="a file that is gone"),
        pytest.param(lambda f: (f / "map.geojsonl").touch(), id="a file written again"),
    ],
)
def test_every_change_of_files_is_seen(bench: Bench, change) -> None:
    before = stamp_of(bench.folder)
    change(bench.folder)
    assert stamp_of(bench.folder) != before


def test_pictures_and_logs_beside_the_site_are_no_change(bench: Bench) -> None:
    before = stamp_of(bench.folder)
    (bench.folder / "evidence").mkdir(exist_ok=True)  # a demo may have run before
    (bench.folder / "evidence" / "a.toml").touch()
    (bench.folder / "other.mp4").touch()
    assert stamp_of(bench.folder) == before


def test_it_is_due_every_few_seconds_and_when_somebody_asks(bench: Bench) -> None:
    assert [s for s in range(12) if bench.reload.is_due(s)] == [0, 5, 10]
    bench.reload.ask()
    assert bench.reload.is_due(11)
    bench.reload.look()
    assert not bench.reload.is_due(11)


def test_with_no_interval_it_is_due_only_when_somebody_asks(bench: Bench) -> None:
    reload = Reload(
        bench.folder, bench.reload.site, stamp_of(bench.folder), 0.0,
        SiteMetrics(CollectorRegistry()),
    )  # fmt: skip
    assert not any(reload.is_due(s) for s in range(100))
    reload.ask()
    assert reload.is_due(100)
