"""gridalert demo: a real clip, and made pictures and readings, to alerts."""

import shutil
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import click
import cv2
from rich.console import Console
from rich.progress import Progress

from detectors.runtime import open_object_model
from pipeline.alerts import decode_alert
from pipeline.broker import LocalBroker
from pipeline.cli.shared import MODEL_FOLDER, load_or_exit, write_json
from pipeline.connection import BrokerUnavailable, KafkaProblem
from pipeline.demo import alone, on_kafka, report
from pipeline.demo.run_site import WRITTEN_BY, Ports, free_ports, prepare
from pipeline.replay import Fold, distinct_alerts, read_log, replay
from pipeline.site.model import Site
from pipeline.topics import ensure_topics

DEMO_SITE = Path(__file__).parents[2] / "deploy" / "demo"
# Files of a run in its folder: one that fails must not leave an older one's results behind.
LEFT = ["alerts.jsonl", "log.jsonl", "metrics.prom", "summary.json", "ingest.prom"]
LEFT += ["ingest.log", "worker.log"]

_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_EPILOG = """\b
Examples:
  gridalert demo
  gridalert demo --out result --video parking.mp4
"""


@click.command("demo", epilog=_EPILOG)
@click.option("--out", type=_FOLDER, default="out", show_default=True, help="Keep all of it here.")
@click.option("--video", type=_FILE, help="Your own clip; its whole picture is the zone.")
def command(out: Path, video: Path | None) -> None:
    """Run the whole flow on a recorded camera, and made ones, through a real Kafka."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    screen, began = Console(), monotonic()
    if video and not plays(video):
        raise click.ClickException(f"{video} is no video that can be read; try ffprobe on it")
    folder, ports = _made_new(out), free_ports()
    run = _on_kafka(screen, folder, ports, video) or _alone(screen, folder, ports, video)
    alerts = distinct_alerts(run.alerts)
    with _writing(folder):
        report.write(folder, alerts, run.log, report.one_page(run.metrics))
    summary = _summary(folder, run, alerts, monotonic() - began)
    write_json(folder / "summary.json", summary)
    # Narrower than this the table would leave columns out.
    Console(width=max(80, screen.width)).print(report.table(alerts))
    for number, path in enumerate(report.picture_paths(alerts, folder), 1):
        screen.print(f"\\[{number}] {path}", soft_wrap=True)
    _say(screen, summary, folder)


def _made_new(out: Path) -> Path:
    """The folder, without what a demo left there before. Never touches what somebody else put."""
    mark = out / "site" / "gridalert.toml"
    with _writing(out):
        ours = mark.exists() and mark.read_text("utf-8").startswith(WRITTEN_BY)
        for name in ("site", "evidence"):
            if (out / name).exists() and not ours:
                raise click.ClickException(f"{out}/{name} is not a demo's: choose another --out")
            shutil.rmtree(out / name, ignore_errors=True)
        for name in LEFT if ours else ():
            (out / name).unlink(missing_ok=True)
        (out / "site").mkdir(parents=True, exist_ok=True)
    return out.resolve()


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Exit code 1, saying why, where the folder can't be written."""
    try:
        yield
    except OSError as error:
        why = error.args[0][0][2] if isinstance(error, shutil.Error) else error.strerror
        raise click.ClickException(f"cannot write into {folder}: {why}") from error


def _on_kafka(
    screen: Console, folder: Path, ports: Ports, video: Path | None
) -> on_kafka.Run | None:
    """The run on a real broker; None, and why, when there can be none here."""
    broker = LocalBroker(tell=screen.print)
    try:
        broker.start()
    except BrokerUnavailable as error:
        screen.print(f"[yellow]No Kafka here:[/] {error.reason}\n  {error.mend}")
        return None
    with closing(broker):
        screen.print(f"Apache Kafka on {broker.bootstrap}")
        site = _load(folder, broker.bootstrap, ports, video)
        try:
            ensure_topics(broker.connection)
            with _progress(screen, site) as tell:
                return on_kafka.run(broker.connection, folder, ports, tell)
        except (on_kafka.DemoFailed, KafkaProblem) as error:
            raise click.ClickException(str(error)) from error


def _alone(screen: Console, folder: Path, ports: Ports, video: Path | None) -> on_kafka.Run:
    """The same looks and fold in this process."""
    site = _load(folder, "127.0.0.1:9092", ports, video)
    model = open_object_model(MODEL_FOLDER, 0)
    with screen.status("looking at every frame in one process"):
        sink, metrics = alone.run(site, model)
    return on_kafka.Run(alerts=sink.alerts, log=sink.log, metrics={"ingest": metrics})


def _load(folder: Path, bootstrap: str, ports: Ports, video: Path | None) -> Site:
    with _writing(folder):
        site = prepare(DEMO_SITE, folder / "site", bootstrap, ports, video)
    return load_or_exit(site)


@contextmanager
def _progress(screen: Console, site: Site) -> Iterator[on_kafka.Progress]:
    clips = [cv2.VideoCapture(str(camera.video)) for camera in site.cameras if camera.video]
    total = sum(clip.get(cv2.CAP_PROP_FRAME_COUNT) for clip in clips)  # as the files say
    with Progress(console=screen, transient=True) as bars:
        bar = bars.add_task("frames", total=total if total > 0 else None)
        yield lambda frames: bars.update(bar, completed=frames)


def plays(path: Path) -> bool:
    """Whether a picture comes out of it. Many recorders' files do not say how many they hold."""
    return cv2.VideoCapture(str(path)).read()[0]


def _summary(folder: Path, run: on_kafka.Run, alerts: list[bytes], wall_s: float) -> dict[str, Any]:
    site = load_or_exit(folder / "site")
    fold = Fold(site.policy)
    again = distinct_alerts(replay(read_log(folder / "log.jsonl"), fold))
    frames = on_kafka.metric(run.metrics.get("ingest", ""), "gridalert_frames_looked_at_total")
    looking_s = on_kafka.metric(run.metrics.get("ingest", ""), "gridalert_looking_seconds")
    return {
        "kafka": "worker" in run.metrics,
        "wall_s": round(wall_s, 1),
        "peak_memory_mb": {name: round(mb) for name, mb in run.peak_mb.items()},
        "frames_looked_at": int(frames),
        "frames_per_s": round(frames / looking_s, 1) if looking_s else None,
        "records": sum(fold.decisions.values()),
        "decisions": fold.counts(),
        "alerts_sent": len(run.alerts),
        "alerts": len(alerts),
        "alerts_synthetic": sum(decode_alert(value).data.exercise for value in alerts),
        "replay_is_identical": again == alerts,
        "policy_version": site.policy.version,
    }


def _say(screen: Console, summary: dict[str, Any], folder: Path) -> None:
    memory = ", ".join(f"{name} {mb} MB" for name, mb in summary["peak_memory_mb"].items())
    screen.print(
        f"{summary['records']} records, {summary['alerts']} alerts "
        f"({summary['alerts_synthetic']} of made material), {summary['wall_s']} s"
        + (f"; peak memory: {memory}" if memory else "")
    )
    if not summary["alerts"]:
        screen.print(
            f"No alert: of {summary['frames_looked_at']} frames looked at, nothing lasted long "
            "enough to be one; summary.json counts what was decided",
            soft_wrap=True,
        )
    same = summary["replay_is_identical"]
    screen.print(
        f"The recorded log decided again without Kafka: {'same' if same else 'OTHER'} bytes"
    )
    kafka = summary["kafka"]
    screen.print(
        f"In {folder}: alerts.jsonl log.jsonl metrics.prom summary.json evidence/ site/"
        + (" and what the processes said (ingest.log, worker.log)" if kafka else ""),
        soft_wrap=True,
    )
    if not kafka:
        screen.print(
            "[yellow]Kafka was not exercised.[/] Install Java 17 and Maven "
            "(Debian: apt install openjdk-17-jre-headless maven) and run it again."
        )
    if not same:
        raise click.ClickException("the replay differs: please report it with log.jsonl")
