"""Which state store loses nothing when workers are killed? Real runs against a real broker.

Two Faust workers fold one log of 24 partitions. A feeder appends to the log while this script
kills (-9), stops (SIGTERM) and freezes (SIGSTOP past the session timeout, then SIGCONT: a zombie)
a worker again and again; a supervisor restarts what died. Then the outputs on the topic are held,
by id and bytes, against the outputs of a plain fold over the same log. One hit in three publishes
the running sum of its key, so a state lost or applied twice shows as a wrong output.

    python tests/benchmarks/worker_store.py --bootstrap 127.0.0.1:9092 --kills 34 --json out.json
    ... --variant restored --kills 0 --records 50000 --workers 1     (throughput)
    ... --actions outage --kills 2 --broker-pid FILE --broker-start CMD   (broker killed for 20 s)
"""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from threading import Event, Thread
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError
from worker_store_fold import PARTITIONS, TICK, VARIANTS, State, run_worker, step

KEYS = 8  # in each partition
COLUMNS = ("variant", "records", "outputs", "lost", "repeated", "wrong", "lag", "overlap", "seeks")
SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "freeze": signal.SIGCONT}


class Bench:
    """One disturbed run of one variant."""

    def __init__(self, args: argparse.Namespace, variant: str) -> None:
        self.args, self.variant = args, variant
        self.name = f"ws-{variant}-{os.getpid()}-{int(time.time())}"
        self.random = random.Random(args.seed)
        self.folder = Path(tempfile.mkdtemp(prefix="worker-store-"))
        self.procs: dict[int, subprocess.Popen[bytes]] = {}
        self.closing, self.fed = Event(), Event()
        self.counts: Counter[str] = Counter()
        client: dict[str, Any] = {"bootstrap_servers": args.bootstrap}
        self.admin, self.producer = KafkaAdminClient(**client), KafkaProducer(**client)
        self.probe = KafkaConsumer(group_id=self.name, enable_auto_commit=False, **client)
        self.topics = [f"{self.name}.log", f"{self.name}.out", f"{self.name}-state-changelog"]

    def create_topics(self) -> None:
        """The changelog too: a zombie's late write must not be the one that compaction keeps."""
        config = [{}, {}, {"cleanup.policy": "compact", "min.compaction.lag.ms": "86400000"}]
        named = zip(self.topics, config, strict=True)
        self.admin.create_topics([NewTopic(t, PARTITIONS, 1, topic_configs=c) for t, c in named])

    def tick(self) -> None:
        for partition in range(PARTITIONS):
            self.producer.send(self.topics[0], value=b"1", key=TICK, partition=partition)

    def feed(self) -> None:
        """Append hits, and now and then a tick to each partition, until told to stop."""
        number = 0
        while not self.fed.is_set() and (not self.args.records or number < self.args.records):
            number += 1
            partition = self.random.randrange(PARTITIONS)
            key = f"{partition:02d}-{self.random.randrange(KEYS)}".encode()
            self.producer.send(self.topics[0], value=b"%d" % number, key=key, partition=partition)
            if number % 200 == 0:
                self.tick()
            if not self.args.records:
                time.sleep(1 / self.args.rate)
        self.producer.flush()

    def start(self, slot: int) -> None:
        same = {k: getattr(self.args, k) for k in ("bootstrap", "linger", "standby", "loglevel")}
        same |= {"variant": self.variant, "name": self.name, "datadir": self.folder / str(slot)}
        command = [sys.executable, __file__, "--worker", *(f"--{k}={v}" for k, v in same.items())]
        log = (self.folder / f"{slot}.log").open("ab")
        self.procs[slot] = subprocess.Popen(command, stdout=log, stderr=log)

    def supervise(self) -> None:
        """Restart whatever died, as systemd or Kubernetes would."""
        while not self.closing.wait(0.2):
            for slot, proc in list(self.procs.items()):
                if proc.poll() is not None and not self.closing.is_set():
                    self.counts[f"exit {proc.returncode}"] += 1
                    self.start(slot)

    def ends(self, topic: str) -> dict[TopicPartition, int]:
        while True:
            try:
                parts = [TopicPartition(topic, p) for p in range(PARTITIONS)]
                return dict(self.probe.end_offsets(parts))
            except KafkaError:
                time.sleep(0.5)

    def disturb(self) -> None:
        """Act as often as asked, each time after the workers have made progress again."""
        actions = self.args.actions.split(",")
        for turn in range(self.args.kills):
            before, limit = sum(self.ends(self.topics[1]).values()), time.time() + 25
            while sum(self.ends(self.topics[1]).values()) == before and time.time() < limit:
                time.sleep(0.5)
            self.counts["no progress in 25 s"] += time.time() >= limit
            time.sleep(self.random.uniform(0, 2))
            self.act(actions[turn % len(actions)], self.procs[self.random.choice(list(self.procs))])

    def act(self, action: str, proc: subprocess.Popen[bytes]) -> None:
        self.counts[action] += 1
        if action == "outage":
            os.kill(int(Path(self.args.broker_pid).read_text()), signal.SIGKILL)
            time.sleep(20)
            subprocess.run(self.args.broker_start, shell=True, check=True)
            return
        if action == "freeze":
            proc.send_signal(signal.SIGSTOP)
            time.sleep(9)
        proc.send_signal(SIGNALS[action])

    def drain(self) -> int:
        """Wait until the group has committed the log; ticks go on, as in life. Returns the lag."""
        limit = time.time() + 90
        while True:
            self.tick()
            self.producer.flush()
            ends, pause = self.ends(self.topics[0]), time.time() + 6
            while time.time() < pause or self.args.records:
                lag = sum(end - (self.probe.committed(tp) or 0) for tp, end in ends.items())
                if lag == 0 or time.time() > limit:
                    return lag
                time.sleep(0.5)

    def rows(self, topic: str) -> list[Any]:
        reader = KafkaConsumer(bootstrap_servers=self.args.bootstrap, auto_offset_reset="earliest")
        reader.assign([TopicPartition(topic, p) for p in range(PARTITIONS)])
        want = sum(self.ends(topic).values())
        rows: list[Any] = []
        while len(rows) < want:
            rows.extend(record for batch in reader.poll(1000).values() for record in batch)
        reader.close()
        return sorted(rows, key=lambda r: (r.partition, r.offset))

    def compare(self) -> dict[str, Any]:
        """Fold the log plainly and hold the outputs against it."""
        states: dict[int, dict[str, State]] = {p: {} for p in range(PARTITIONS)}
        expected: dict[str, bytes] = {}
        got: dict[str, list[bytes]] = {}
        log = self.rows(self.topics[0])
        for record in log:
            part = states[record.partition]
            for name, new, out_id, body in step(part, record.key, record.value, record.offset):
                part[name] = new
                if out_id:
                    expected[out_id] = body
        for record in self.rows(self.topics[1]):
            got.setdefault(record.key.decode(), []).append(record.value)
        return {
            "records": len(log),
            "outputs": len(expected),
            "lost": len(expected.keys() - got.keys()),
            "repeated": sum(len(bodies) - 1 for bodies in got.values()),
            "wrong": len([k for k, bodies in got.items() if {expected.get(k)} != set(bodies)]),
        }

    def stop(self) -> float:
        """Stop the workers with SIGTERM; the seconds the slowest took."""
        self.closing.set()
        began = time.time()
        for proc in self.procs.values():
            proc.terminate()
        for proc in self.procs.values():
            try:
                proc.wait(30)
            except subprocess.TimeoutExpired:
                self.counts["SIGTERM ignored for 30 s"] += 1
                proc.kill()
        return round(time.time() - began, 1)

    def run(self) -> dict[str, Any]:
        self.create_topics()
        feeder = Thread(target=self.feed)
        feeder.start()
        if self.args.records:
            feeder.join()
        for slot in range(self.args.workers):
            self.start(slot)
        Thread(target=self.supervise, daemon=True).start()
        self.disturb()
        self.fed.set()
        feeder.join()
        lag, stop_s = self.drain(), self.stop()
        result = {"variant": self.variant, **self.compare(), "lag": lag, **self.logs()}
        result |= {"stop_s": stop_s, "events": dict(self.counts)}
        self.admin.delete_topics(self.topics)
        shutil.rmtree(self.folder)
        return result

    def logs(self) -> dict[str, Any]:
        """What the workers said: overlaps, seeks, the longest restore, the last speeds."""
        texts = [path.read_text(errors="replace") for path in self.folder.glob("*.log")]
        lines = "\n".join(texts).splitlines()
        restores = [float(x.split()[3]) for x in lines if x.startswith("RESTORED")]
        speeds = [json.loads(x) for x in lines if x.startswith('{"records"')]
        return {"overlap": sum(x.startswith("OVERLAP") for x in lines),
                "seeks": sum(x.startswith("SEEK") for x in lines),
                "restore_s_max": max(restores, default=0.0),
                "speed": max(speeds, key=lambda s: s["records"], default={})}  # fmt: skip


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--bootstrap", required=True, metavar="HOST:PORT")
    parser.add_argument("--variant", action="append", choices=VARIANTS, help="default: all")
    parser.add_argument("--kills", type=int, default=34, help="number of actions")
    parser.add_argument("--actions", default="kill,kill,kill,term,freeze", help="done in turn")
    parser.add_argument("--rate", type=float, default=150.0, help="records a second meanwhile")
    parser.add_argument("--records", type=int, default=0, help="write this many first (throughput)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--linger", type=float, default=0.0)
    parser.add_argument("--standby", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--loglevel", default="WARNING")
    parser.add_argument("--json", type=Path, metavar="FILE")
    for name in ("--broker-pid", "--broker-start", "--name", "--datadir"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    args = parse()
    if args.worker:
        args.variant = args.variant[0]
        run_worker(args)
        return
    results = []
    for variant in args.variant or VARIANTS:
        results.append(Bench(args, variant).run())
        print(json.dumps(results[-1]), flush=True)
    for row in [dict(zip(COLUMNS, COLUMNS, strict=True)), *results]:
        print("  ".join(f"{row[column]:>9}" for column in COLUMNS))
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
