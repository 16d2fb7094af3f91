"""The worker that worker_store.py kills: one fold, over each of the stores compared."""

# ruff: noqa: T201
from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import time
from collections import Counter
from typing import Any

import aiokafka
import faust

BEGAN = time.monotonic()
PARTITIONS, TICK = 24, b"tick"
VARIANTS = ("table", "rocksdb", "awaited", "restored")
State = list[int]  # last offset applied, hits, sum, ticks


def step(states: dict[str, State], key: bytes, value: bytes, offset: int) -> list[Any]:
    """Fold one record: [key, new state, output id or None, output] of each key it changes."""
    number, changes = int(value), []
    for name in sorted(states) if key == TICK else [key.decode()]:
        last, hits, total, ticks = states.get(name, [-1, 0, 0, 0])
        if offset <= last:
            continue
        if key == TICK:
            new, due, out = [offset, hits, total, ticks + 1], ticks % 2 == 1, f"t{ticks + 1}"
        else:
            new, due, out = [offset, hits + 1, total + number, ticks], hits % 3 == 2, f"{hits + 1}"
        body = json.dumps([name, *new]).encode()
        changes.append((name, new, f"{name}/{out}" if due else None, body))
    return changes


class TableStore:
    """A faust.Table as documented, or (awaited) one whose writes are acknowledged first."""

    def __init__(self, app: Any, args: argparse.Namespace) -> None:
        self.table = app.Table("state", partitions=PARTITIONS)
        self.awaited = args.variant == "awaited"

    async def ready(self, message: Any) -> bool:
        return True

    def states(self, partition: int) -> dict[str, State]:
        prefix = f"{partition:02d}-"
        return {key: self.table[key] for key in self.table if key.startswith(prefix)}

    async def put(self, partition: int, key: str, value: State) -> None:
        if self.awaited:
            codec = {"key_serializer": "json", "value_serializer": "json"}
            topic = self.table.changelog_topic
            await (await topic.send(key=key, value=value, partition=partition, **codec))
            self.table.data[key] = value
        else:
            self.table[key] = value

    def done(self, message: Any) -> None:
        """Faust acknowledges by itself."""


class RestoredStore:
    """No table: state in a compacted topic, read back by ourselves at each new generation.

    The highest offset applied wins, so what a zombie writes late does no harm. Records are taken
    in log order only: where Faust skips one we seek back. We commit only what is done.
    """

    def __init__(self, app: Any, args: argparse.Namespace) -> None:
        self.app, self.bootstrap, self.log = app, args.bootstrap, f"{args.name}.log"
        self.changelog = f"{args.name}-state-changelog"
        self.topic = app.topic(self.changelog, key_type=bytes, value_type=bytes)
        self.parts: dict[int, dict[str, State]] = {}
        self.read: dict[int, int] = {}  # next changelog offset to read
        self.next: dict[int, int] = {}  # next log offset to apply
        self.committed: dict[int, int] = {}
        self.sought: dict[int, int] = {}
        self.generation, self.lock = -1, asyncio.Lock()
        app.timer(1.0)(self.commit)

    async def ready(self, message: Any) -> bool:
        """Is this the next record? Restores at a new generation, seeks back over a gap."""
        partition, offset = message.partition, message.offset
        async with self.lock:
            if self.generation != message.generation_id:
                await self.restore()
                self.generation = message.generation_id
        wanted = self.next.get(partition)
        if offset == wanted:
            self.sought.pop(partition, None)  # so that it can be sought again, should it fail
        elif wanted is not None and offset > wanted and self.sought.get(partition) != wanted:
            print("SEEK", message.tp, offset, "->", wanted, flush=True)
            self.sought[partition] = wanted
            await self.app.consumer.seek(message.tp, wanted)
        return bool(offset == wanted)

    async def restore(self) -> None:
        began = time.monotonic()
        mine = {tp.partition for tp in self.app.consumer.assignment() if tp.topic == self.log}
        consumer = aiokafka.AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap,
            group_id=self.app.conf.id,
            enable_auto_commit=False,
            auto_offset_reset="earliest",  # never jump over state to the end
        )
        consumer.assign([aiokafka.TopicPartition(self.changelog, p) for p in mine])
        await consumer.start()
        try:
            count = await self.read_changelogs(consumer)
            logs = [aiokafka.TopicPartition(self.log, p) for p in mine]
            first = await consumer.beginning_offsets(logs)
            done = {log: await consumer.committed(log) for log in logs}
        finally:
            await consumer.stop()
        self.next = {log.partition: max(done[log] or 0, first[log]) for log in logs}
        self.committed, self.sought = dict(self.next), {}
        self.parts = {p: states for p, states in self.parts.items() if p in mine}
        print("RESTORED", len(mine), count, round(time.monotonic() - began, 3), flush=True)

    async def read_changelogs(self, consumer: Any) -> int:
        """Read from where we stopped to the ends as they are now."""
        ends, count = await consumer.end_offsets(consumer.assignment()), 0
        for source in ends:
            consumer.seek(source, self.read.get(source.partition, 0))
        while any([await consumer.position(source) < end for source, end in ends.items()]):
            for source, batch in (await consumer.getmany(timeout_ms=500)).items():
                for record in batch:
                    count += 1
                    self.keep(source.partition, record.key.decode(), json.loads(record.value))
        self.read = {source.partition: end for source, end in ends.items()}
        return count

    def states(self, partition: int) -> dict[str, State]:
        return self.parts.get(partition, {})

    def keep(self, partition: int, key: str, value: State) -> None:
        part = self.parts.setdefault(partition, {})
        if value[0] > part.get(key, [-1])[0]:
            part[key] = value

    async def put(self, partition: int, key: str, value: State) -> None:
        body = json.dumps(value).encode()
        sent = await self.topic.send(key=key.encode(), value=body, partition=partition)
        offset = (await sent).offset
        self.keep(partition, key, value)
        if offset == self.read.get(partition):  # nobody else wrote in between
            self.read[partition] = offset + 1

    def done(self, message: Any) -> None:
        if self.next.get(message.partition) == message.offset:  # else restored meanwhile
            self.next[message.partition] = message.offset + 1

    async def commit(self) -> None:
        if self.generation != self.app.consumer_generation_id:
            return
        ready = {}
        for tp in self.app.consumer.assignment():
            at = self.next.get(tp.partition, -1)
            if tp.topic == self.log and at > self.committed.get(tp.partition, at):
                ready[tp] = at
        if ready and await self.app.consumer._commit(ready):
            self.committed.update({tp.partition: n for tp, n in ready.items()})


def build_app(args: argparse.Namespace) -> Any:
    return faust.App(
        args.name,
        broker=f"kafka://{args.bootstrap}",
        datadir=args.datadir,
        store="rocksdb://" if args.variant == "rocksdb" else "memory://",
        value_serializer="raw",
        web_enabled=False,
        topic_disable_leader=True,
        topic_partitions=PARTITIONS,
        table_standby_replicas=args.standby,
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.0,
        broker_commit_interval=1.0,
        producer_linger=args.linger or None,
        worker_redirect_stdouts=False,
    )


class Fold:
    """Takes one record at a time, publishes, stores; and counts."""

    def __init__(self, store: Any, out: Any) -> None:
        self.store, self.out = store, out
        self.busy: Counter[Any] = Counter()
        self.records, self.first, self.last = 0, 0.0, 0.0

    async def apply(self, message: Any) -> None:
        states = self.store.states(message.partition)
        for name, new, out_id, body in step(states, message.key, message.value, message.offset):
            if out_id:
                await (await self.out.send(key=out_id.encode(), value=body))
            await self.store.put(message.partition, name, new)

    async def take(self, message: Any) -> None:
        self.busy[message.tp] += 1
        if self.busy[message.tp] > 1:
            print("OVERLAP", message.tp, message.offset, flush=True)
        try:
            if await self.store.ready(message):
                await self.apply(message)
                self.store.done(message)
                self.records += 1
                self.last = time.monotonic()
                self.first = self.first or self.last
        finally:
            self.busy[message.tp] -= 1

    def report(self) -> None:
        took = max(self.last - self.first, 1e-9)
        speed = {"records": self.records, "per_s": self.records / took}
        speed["per_cpu_s"] = self.records / time.process_time()
        speed["ready_s"] = self.first - BEGAN
        print(json.dumps({k: round(v, 1) for k, v in speed.items()}), flush=True)


def run_worker(args: argparse.Namespace) -> None:
    """Run one Faust worker in this process until a signal stops it."""
    logging.basicConfig(level=args.loglevel)
    app, own = build_app(args), args.variant == "restored"
    store: Any = (RestoredStore if own else TableStore)(app, args)
    log = app.topic(f"{args.name}.log", key_type=bytes, value_type=bytes, acks=not own)
    fold = Fold(store, app.topic(f"{args.name}.out", key_type=bytes, value_type=bytes))

    @app.agent(log, isolated_partitions=True, concurrency=1)  # type: ignore[untyped-decorator]
    async def worker_agent(stream: Any) -> None:
        try:
            async for event in stream.events():
                await fold.take(event.message)
        except asyncio.CancelledError:
            if not own:  # as documented
                raise
            # Our partition was revoked. Raising would count as a crash, and a few of those at
            # once end the process (mode.exceptions.MaxRestartsExceeded).
        except Exception as exc:
            if not own:
                raise
            print("EXIT", repr(exc), flush=True)
            os._exit(70)  # as safe as kill -9, and Faust's own way out can hang

    worker = faust.Worker(app, loglevel=args.loglevel, override_logging=False, quiet=True)
    worker.spinner = None
    try:
        worker.execute_from_commandline()
    finally:
        fold.report()
