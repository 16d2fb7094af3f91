"""Workers whose site changes while they run, on the real Kafka."""

import os
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from pipeline.alerts import CloudEvent, Direct, decode_alert
from pipeline.broker import LocalBroker
from pipeline.child import Child
from pipeline.demo.on_kafka import ends, lag, read, start
from pipeline.demo.run_site import Ports, prepare
from pipeline.messages import LogRecord, PolicyChange, decode_log_record, encode
from pipeline.replay import Fold, distinct_alerts, log_line, read_log, replay
from pipeline.site.load import load_site
from pipeline.site.problems import SiteError
from pipeline.topics import ALERTS, DEAD_LETTERS, DECISIONS, HITS, READINGS
from sinks.kafka import KafkaSink
from tests.builders import at
from tests.conftest import put, wait_until

DEMO = Path(__file__).parents[2] / "deploy" / "demo"
READ = (DEMO / "readings.jsonl").read_bytes().splitlines()  # every 5 s; too much from 0:15 to 0:55
LEAF = "510117001003002010"
TERMINAL = ("officers.csv", "term-15", "term-51")


class Town:
    """A site on disk, Kafka, and workers."""

    def __init__(self, kafka: LocalBroker, folder: Path) -> None:
        self.connection, self._folder = kafka.connection, folder
        self.site = prepare(DEMO, folder / "site", kafka.bootstrap, Ports(0, 0), None)
        self.edit("gridalert.toml", "[worker]", "[worker]\nreload_s = 1")
        self.workers: dict[str, Child] = {}

    def start(self, name: str, site: Path | None = None) -> None:
        self.workers[name] = start(name, self._folder, "worker", "--site", str(site or self.site))

    def stop(self, *names: str) -> None:
        for name in names or tuple(self.workers):
            self.workers.pop(name).stop(20.0)

    def edit(self, name: str, old: str, new: str) -> str:
        """Change a file of the site; its version, or why it is none."""
        path = self.site / name
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")
        return load_site(self.site).policy.version

    def change(self, name: str, old: str, new: str) -> str:
        """Change the site, and wait until every partition is decided by it."""
        version = self.edit(name, old, new)
        wait_until(lambda: self.announced(version) == set(range(24)), f"policy {version}")
        self.settle()
        return version

    def announced(self, version: str) -> set[int]:
        """The partitions whose log says that this version decides from here on."""
        changes = [(n, one) for n, one in self.log() if isinstance(one, PolicyChange)]
        return {partition for partition, change in changes if change.version == version}

    def log(self) -> Iterator[tuple[int, LogRecord]]:
        for partition, _, _, value in read(self.connection, HITS):
            yield partition, decode_log_record(value or b"")

    def read_out(self, begin: int, end: int) -> None:
        """The sensor's readings from one to another, decided."""
        sink = KafkaSink(**self.connection.kafka_python())
        for line in READ[begin:end]:
            sink.send(READINGS, b"ebike-sock-22", line)
        sink.close()
        self.settle()

    def settle(self) -> None:
        for topic in (READINGS, HITS):
            wait_until(lambda topic=topic: lag(self.connection, topic) == 0, f"{topic} to be done")

    def alerts(self) -> list[CloudEvent]:
        return [decode_alert(v or b"") for _, _, _, v in read(self.connection, ALERTS)]

    def dead_letters(self) -> int:
        return sum(ends(self.connection, DEAD_LETTERS).values())

    def replayed(self) -> list[bytes]:
        """The alerts of the recorded log, decided again by the versions that were kept."""
        path = self._folder / "log.jsonl"
        lines = [log_line(*record) for record in read(self.connection, HITS)]
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        fold = Fold(load_site(self.site).policy, self.site / "versions")
        return distinct_alerts(replay(read_log(path), fold))


@contextmanager
def running(town: Town, *names: str) -> Iterator[None]:
    """These workers, each with its partitions."""
    version = load_site(town.site).policy.version
    try:
        for name in names:
            town.start(name)
        wait_until(lambda: town.announced(version) == set(range(24)), "the workers to be there")
        yield
    finally:
        town.stop()


@pytest.fixture
def town(kafka: LocalBroker, tmp_path: Path) -> Town:
    return Town(kafka, tmp_path)


def test_an_open_incident_keeps_its_id_dwell_and_address_through_good_reloads(town: Town) -> None:
    first = load_site(town.site).policy.version
    with running(town, "a", "b"):
        town.read_out(0, 6)  # too much for ten seconds
        second = town.change(*TERMINAL)
        town.read_out(6, 8)  # and for twenty
        (opened,) = town.alerts()
        assert opened.data.opened_at == at(35)  # what lasted before the change counts
        assert opened.data.first_seen_at == at(15)
        assert opened.data.provenance.policy_version == second
        assert isinstance(opened.data.routing, Direct)
        assert opened.data.routing.assignee.terminal_id == "term-51"
        third = town.change("map.geojsonl", "第十微网格", "新微网格")
        town.read_out(8, 20)
        resolved = town.alerts()[-1]
        kept = town.replayed()
        told = Counter(
            (partition, record.version)
            for partition, record in town.log()
            if isinstance(record, PolicyChange)
        )
        assert town.workers["a"].wait(0) is None
        assert town.workers["b"].wait(0) is None
    assert len(told) == 3 * 24  # each partition was told of each version, and once of a change
    assert all(count == 1 for (_, version), count in told.items() if version != first)
    assert type(resolved.data).__name__ == "Resolved"
    assert resolved.data.alert_id == opened.data.alert_id
    assert resolved.data.first_seen_at == at(15)
    assert resolved.data.grid == opened.data.grid
    assert resolved.data.provenance.policy_version == third
    assert town.dead_letters() == 0
    assert kept == [encode(alert) for alert in (opened, resolved)]


def test_a_bad_site_is_refused_with_its_reasons_while_alerts_go_on(town: Town) -> None:
    with running(town, "a"):
        first = load_site(town.site).policy.version
        with pytest.raises(SiteError, match="O001"):
            town.edit("officers.csv", LEAF, "")
        log = town.workers["a"].log_tail
        wait_until(lambda: "refused" in log(50), "the bad site to be refused")
        told = log(50)
        town.read_out(0, 20)
        assert told == log(50)  # once
        kinds = [type(alert.data).__name__ for alert in town.alerts()]
        versions = {r.version for _, r in town.log() if isinstance(r, PolicyChange)}
        (town.site / "officers.csv").write_bytes((DEMO / "officers.csv").read_bytes())
        town.edit("gridalert.toml", 'tenant = "demo"', 'tenant = "other"')
        pid = town.workers["a"].pid
        assert pid is not None
        os.kill(pid, signal.SIGHUP)
        wait_until(lambda: "restart needed: tenant" in log(50), "the other refusal")
        town.edit("gridalert.toml", 'tenant = "other"', 'tenant = "demo"')
        second = town.change(*TERMINAL)
    assert (kinds, versions) == (["Opened", "Resolved"], {first})
    (line,) = [line for line in told.splitlines() if "refused" in line]
    assert "the old one runs on: map.geojsonl:" in line
    assert "O001" in line
    assert second != first


def test_records_before_a_change_are_decided_by_the_version_before_it_even_after_a_restart(
    town: Town,
) -> None:
    with running(town, "a"):
        town.read_out(0, 7)
        hits = [(p, v) for p, _, k, v in read(town.connection, HITS) if k == LEAF.encode()]
    # While no worker runs, the sensor's next hit comes, and then the sensor leaves the site.
    partition, value = hits[-1]
    later = (value or b"").replace(b"00:00:30", b"00:00:35")
    assert later != value
    put(town.connection, HITS, LEAF.encode(), later, [partition])
    (town.site / "sensors.toml").unlink()
    with running(town, "b"):
        town.settle()
        (opened,) = town.alerts()
        outcomes = [
            msgspec.json.decode(v or b"")["outcome"] for *_, v in read(town.connection, DECISIONS)
        ]
        kept = town.replayed()
    assert opened.data.opened_at == at(35)
    assert outcomes.count("refused") == 0
    assert town.dead_letters() == 0
    assert kept == [encode(opened)]


@pytest.mark.parametrize(
    ("disk", "back"),
    [
        pytest.param("refused", False, id="a site that is refused here: the other one's stays"),
        pytest.param("right", True, id="a right site here, the other one's lost: it is announced"),
    ],
)
def test_what_a_worker_takes_over_from_one_on_another_site(
    town: Town, tmp_path: Path, disk: str, back: bool
) -> None:
    with running(town, "here"):
        first = load_site(town.site).policy.version
        log = town.workers["here"].log_tail
        there = shutil.copytree(town.site, tmp_path / "there")
        if disk == "refused":
            with pytest.raises(SiteError):
                town.edit("officers.csv", LEAF, "")
            wait_until(lambda: "refused" in log(50), "the bad site to be refused")
        name, old, new = TERMINAL
        (there / name).write_text((there / name).read_text("utf-8").replace(old, new), "utf-8")
        second = load_site(there).policy.version
        shared = f'[worker]\nversions_folder = "{town.site / "versions"}"'
        settings = (there / "gridalert.toml").read_text("utf-8")
        (there / "gridalert.toml").write_text(settings.replace("[worker]", shared), "utf-8")
        town.start("there", there)
        wait_until(lambda: bool(town.announced(second)), "the other worker to be there")
        town.settle()
        others = town.announced(second)
        if disk == "right":
            (town.site / "versions" / f"{second}.tar.gz").unlink()
        town.stop("there")
        town.settle()
        town.read_out(0, 20)
        told = Counter(r.version for _, r in town.log() if isinstance(r, PolicyChange))
        alerts = town.alerts()
        assert (f"policy {second} was not kept here" in log(50)) == back
    assert len(others) < 24
    assert told == {first: 24 + (len(others) if back else 0), second: len(others)}
    assert [type(alert.data).__name__ for alert in alerts] == ["Opened", "Resolved"]
    assert town.dead_letters() == 0
