"""Whatever is killed, and whenever: the alerts are those of a run that nobody disturbed."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest

from pipeline.alerts import decode_alert
from pipeline.broker import LocalBroker
from pipeline.child import Child
from pipeline.connection import Connection
from pipeline.demo.on_kafka import ends, lag, publish_readings, read, run, start
from pipeline.demo.run_site import Ports, prepare
from pipeline.replay import distinct_alerts
from pipeline.topics import ALERTS, HITS, READINGS
from tests.conftest import make_new, wait_until
from tests.e2e.district import make_district

SEED = 20261121
KILLS = 20
LONG_S = 240.0
WORKERS = ("worker-a", "worker-b")


class Fleet:
    """Two workers and an ingest, each started again as soon as it is gone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, Child] = {}

    def start(self, name: str) -> None:
        """Start one, or another in place of one that is gone."""
        command = "ingest" if name == "ingest" else "worker"
        site = str(self._folder / "site")
        self._running[name] = start(name, self._folder, command, "--site", site)

    def kill(self, name: str) -> None:
        """kill -9, and start again."""
        self._running[name].stop()
        self.start(name)

    def status(self, name: str) -> int | None:
        """The exit status, None while it runs."""
        return self._running[name].wait(0)

    def stop(self) -> None:
        """All of them."""
        for child in self._running.values():
            child.stop(20.0)


@contextmanager
def fleet(kafka: LocalBroker, folder: Path) -> Iterator[Fleet]:
    """Two workers that have taken their partitions."""
    running = Fleet(folder)
    try:
        for name in WORKERS:
            running.start(name)
        wait_until(lambda: all(ends(kafka.connection, HITS).values()), "the workers to be there")
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def site(broker: LocalBroker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the district's site in it."""
    folder = tmp_path_factory.mktemp("district")
    made = make_district(folder / "made", SEED)
    prepare(made, folder / "site", broker.bootstrap, Ports(0, 0), None)
    return folder


@pytest.fixture(scope="module")
def calm(broker: LocalBroker, site: Path) -> list[bytes]:
    """The alerts of a run that nobody disturbs."""
    make_new(broker)
    alerts = distinct_alerts(run(broker.connection, site, Ports(0, 0), lambda _: None).alerts)
    assert len(alerts) > 50
    return alerts


def settled(connection: Connection) -> bool:
    return lag(connection, READINGS) == 0 and lag(connection, HITS) == 0


def logged(connection: Connection) -> bytes:
    return b"".join(value or b"" for _, _, _, value in read(connection, HITS))


def sent(connection: Connection) -> list[bytes]:
    """Every delivery on the alerts topic; those of one id must be the same bytes."""
    values = [value or b"" for _, _, _, value in read(connection, ALERTS)]
    assert len(set(values)) == len({decode_alert(value).id for value in values})
    return values


def publish(kafka: LocalBroker, site: Path, over_s: float) -> SpawnProcess:
    """The gateway, in a process of its own: kafka-python leaves a socket for each refused call."""
    gateway = get_context("spawn").Process(
        target=publish_readings, args=(kafka.connection, site / "site" / "readings.jsonl", over_s)
    )
    gateway.start()
    return gateway


@pytest.mark.timeout(600)
def test_workers_and_ingest_killed_at_twenty_random_moments_each(
    kafka: LocalBroker, site: Path, calm: list[bytes]
) -> None:
    rng, pause = random.Random(SEED), threading.Event()
    victims = ["ingest"] * KILLS + [rng.choice(WORKERS) for _ in range(KILLS)]
    rng.shuffle(victims)
    with fleet(kafka, site) as running:
        running.start("ingest")
        readings = publish(kafka, site, 30.0)
        for victim in victims:
            pause.wait(rng.uniform(0.1, 1.6))
            running.kill(victim)
        readings.join()
        assert readings.exitcode == 0
        wait_until(lambda: running.status("ingest") is not None, "ingest to end", LONG_S)
        assert running.status("ingest") == 0
        wait_until(lambda: settled(kafka.connection), "everything to be decided", LONG_S)
    assert distinct_alerts(sent(kafka.connection)) == calm


@pytest.mark.timeout(600)
def test_the_broker_is_gone_for_twenty_seconds(
    kafka: LocalBroker, site: Path, calm: list[bytes]
) -> None:
    pause = threading.Event()
    with fleet(kafka, site) as running:
        running.start("ingest")
        readings = publish(kafka, site, 15.0)
        wait_until(lambda: b'"kind":"camera"' in logged(kafka.connection), "ingest to be there")
        kafka.kill()
        pause.wait(20.0)
        kafka.restart()
        readings.join()
        assert readings.exitcode == 0
        wait_until(lambda: running.status("ingest") is not None, "ingest to end", LONG_S)
        assert running.status("ingest") == 0
        for name in WORKERS:
            assert running.status(name) is None, f"{name} ended"
        wait_until(lambda: settled(kafka.connection), "everything to be decided", LONG_S)
    assert distinct_alerts(sent(kafka.connection)) == calm
