"""gridalert evaluate: how right the pipeline is on clips of which the truth is known."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.status import Status
from rich.table import Table

from detectors.manifest import ManifestError
from detectors.runtime import ObjectModel, open_object_model
from detectors.wire_map import FOLDER as WIRE_MODEL
from detectors.wire_map import open_wire_model
from models.flying_wire import episodes as written_by
from pipeline.cli.shared import JSON, MODEL_FOLDER, write, write_json
from pipeline.ingest import SourceFailed
from pipeline.proof import episode_figures, episode_page, episodes
from pipeline.proof.coco import CocoUnusable, evaluate_coco
from pipeline.proof.figures import COLUMNS, row, shown, wilson
from pipeline.proof.measure import Result, as_json, by_detector, by_zone, figures_of, measure
from pipeline.proof.page import write_page
from pipeline.proof.scenario import Scenario, read_scenarios

_EPILOG = """\b
Examples:
  gridalert evaluate campus.toml
  gridalert evaluate scenarios/*.toml --json accuracy.json --report accuracy
  gridalert evaluate --coco instances_val2017.json --images val2017 --json ap50.json
  gridalert evaluate --episodes 600 --seed 7 --json wires.json --report wires
"""
# What follows a blank line is reflowed unless it is marked again.
_EPILOG += "\n\n" + (written_by.__doc__ or "").replace("\n\n", "\n\n\b\n")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_REPORT = "Write a page with pictures of what went wrong, and time lines, into this folder."
_MODEL = "Instead of the shipped one: a model's folder; with --episodes also an ONNX file."
_EPISODES = (
    "Instead of scenarios: so many made flying-wire episodes, or a folder of such as told below, "
    "each with six fresh pictures, 30 s apart, or more."
)
_SEED = "Of the made episodes; the same seed makes the same. Default: 0."
_MOST_EPISODES = 100_000
_COCO = "Instead of scenarios: COCO's instances_*.json, for AP50 of the model itself."


@click.command("evaluate", epilog=_EPILOG)
@click.argument("scenarios", nargs=-1, type=_FILE)
@JSON
@click.option("--model", type=click.Path(path_type=Path), help=_MODEL)
@click.option("--report", type=_FOLDER, help=_REPORT)
@click.option("--coco", type=_FILE, help=_COCO)
@click.option("--images", type=_FOLDER, help="The folder of the pictures that --coco names.")
@click.option("--episodes", "wanted", metavar="N|FOLDER", help=_EPISODES)
@click.option("--seed", type=click.IntRange(min=0), help=_SEED)
def command(
    scenarios: tuple[Path, ...],
    json_file: Path | None,
    report: Path | None,
    model: Path | None,
    **asked: Any,
) -> None:
    """Measure clips with the code of ingest and worker, by the shipped catalogue.

    A scenario is a TOML file: the clip, its zones, and what happened in them ([[truth]]). The exit
    code is 0 when they were measured, however right or wrong the alerts are.
    """
    coco, images, wanted, seed = (asked[k] for k in ("coco", "images", "wanted", "seed"))
    if wanted is not None:
        if scenarios or coco or images:
            raise click.UsageError("--episodes goes without scenarios, --coco and --images")
        of_them, origin = _episodes(wanted, seed)
        _evaluate_episodes(of_them, origin, model or WIRE_MODEL, json_file, report)
        return
    if seed is not None:
        raise click.UsageError("--seed goes with --episodes N")
    if coco or images:
        if not (coco and images) or scenarios or report:
            raise click.UsageError("--coco and --images go together, without scenarios or --report")
        _evaluate_coco(_model(model or MODEL_FOLDER), coco, images, json_file)
        return
    if not scenarios:
        raise click.UsageError(
            "name a scenario (a TOML file), or give --episodes, or --coco and --images"
        )
    _evaluate_scenarios(scenarios, model or MODEL_FOLDER, json_file, report)


def _evaluate_scenarios(
    scenarios: tuple[Path, ...], model_folder: Path, json_file: Path | None, report: Path | None
) -> None:
    with tempfile.TemporaryDirectory(prefix="gridalert-evaluate-") as folder:
        good, wrong = read_scenarios(scenarios, Path(folder))
        if wrong:
            raise click.ClickException("these scenarios are not right:\n" + "\n".join(wrong))
        if json_file:
            write(json_file, b"")  # no older figures are left, and nobody waits for what can't be
        if report:
            _make(report)
        model = _model(model_folder)
        results = list(_measured(good, model, wrong))
        if report:
            write_page(report, results, model)
    if json_file:
        write_json(json_file, as_json(results))
    _say(results)
    if wrong:
        raise click.ClickException("these could not be read to their ends:\n" + "\n".join(wrong))


def _model(folder: Path) -> ObjectModel:
    try:
        return open_object_model(folder, 0)
    except ManifestError as error:
        raise click.ClickException(str(error)) from error


def _evaluate_coco(
    model: ObjectModel, annotations: Path, images: Path, json_file: Path | None
) -> None:
    with Progress(console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("pictures", total=None)
        try:
            result = evaluate_coco(
                model, annotations, images, lambda n, of: bars.update(bar, completed=n, total=of)
            )
        except CocoUnusable as error:
            raise click.ClickException(str(error)) from error
    if json_file:
        write_json(json_file, msgspec.to_builtins(result))
    told = (f"{k} {'none there' if v is None else f'{v:.3f}'}" for k, v in result.ap50.items())
    click.echo(f"AP50 of {result.model} on {result.pictures} pictures: {', '.join(told)}")


def _episodes(wanted: str, seed: int | None) -> tuple[list[episodes.Make], dict[str, Any]]:
    """What --episodes asks for, and how the answer calls it."""
    if wanted.lstrip("+-").isdigit():
        try:
            count = click.IntRange(1, _MOST_EPISODES).convert(wanted, None, None)
        except click.BadParameter as error:
            raise click.BadParameter(error.message, param_hint="--episodes") from None
        return episodes.made(seed or 0, count), {"seed": seed or 0}
    folder = Path(wanted)
    if seed is not None:
        raise click.UsageError("--seed goes with a number of --episodes, not with a folder")
    if not (found := episodes.written(folder)):
        raise click.ClickException(
            f"{folder}: --episodes takes a number from 1 on, or a folder of folders that have an "
            "episode.json each"
        )
    return found, {"seed": None, "folder": str(folder)}


def _evaluate_episodes(
    of_them: list[episodes.Make],
    origin: dict[str, Any],
    model: Path,
    json_file: Path | None,
    report: Path | None,
) -> None:
    model_id, threshold = _wire_model(model), episodes.raise_at()
    if json_file:
        write(json_file, b"")
    if report:
        _make(report / "pictures")
    drawn = report / "pictures" if report else None
    try:
        with Progress(console=Console(stderr=True), transient=True) as bars:
            told = episodes.measure(of_them, threshold, model, drawn)
            outcomes = list(bars.track(told, len(of_them), description="episodes"))
    except (ValueError, OSError, BrokenExecutor) as error:
        raise click.ClickException(str(error)) from error
    answer = episode_figures.as_json(outcomes)
    if json_file:
        write_json(json_file, answer | {"model": model_id, "threshold": threshold} | origin)
    if report:
        episode_page.write_page(report, [one for one in outcomes if one.went_wrong], model_id)
    _say_episodes(answer, model_id)


def _wire_model(path: Path) -> str:
    try:
        return open_wire_model(path).model_id
    except ManifestError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(
            f"{path}: {error.strerror}. Name a folder with a manifest.toml, or an ONNX file."
        ) from error
    except Exception as error:  # onnxruntime fails in its own many ways
        said = str(error).splitlines()[0][:200]
        raise click.ClickException(f"{path}: onnxruntime can't run it: {said}") from error


def _say_episodes(answer: dict[str, Any], model_id: str) -> None:
    table = Table(title="Flying wires, made or written: 95 % intervals", box=box.HORIZONTALS)
    for name in ("", "cables found", "recall", "told falsely", "rate"):
        table.add_column(name, justify="right" if name else "left")
    for name, of in answer["by_width"].items():
        table.add_row(f"{name} px", *_cells(of["recall"], "found"))
    groups = [answer["by_light"], answer["by_confuser"], {"all": answer}]
    for name, of in ((name, of) for group in groups for name, of in group.items()):
        cells = _cells(of["recall_ge_1_5px"], "found")
        table.add_row(name, *cells, *_cells(of["false_episode_rate"], "false"))
    screen = Console(width=max(100, Console().width))
    screen.print(table)
    beside = answer["false_beside_cable"]
    for line in (
        f"by light, by confuser and in all: cables from {episode_figures.WIDE_PX:g} px on",
        f"a line that is none, told beside a cable: in {beside['false']} of {beside['of']}",
        f"counted: {answer['counted']}",
        f"model: {model_id}",
    ):
        screen.print(line, soft_wrap=True, markup=False)


def _cells(rate: episode_figures.Rate, name: str) -> tuple[str, str]:
    interval = f"{shown(rate['value'])} ({rate['low']:.2f} to {rate['high']:.2f})"
    return f"{rate[name]} of {rate['of']}", interval


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(f"cannot write into {folder}: {error.strerror}") from error


def _measured(scenarios: list[Scenario], model: ObjectModel, wrong: list[str]) -> Iterator[Result]:
    """One after the other, showing how far; a line in `wrong` for each that breaks off."""
    console = Console(stderr=True)
    with console.status("looking") as status:
        for number, scenario in enumerate(scenarios, 1):
            which = f"{scenario.camera.name} ({number} of {len(scenarios)})"
            try:
                result = measure(scenario, model, partial(_tell, status, which))
                console.print(f"{which}: {result.frames} looks", soft_wrap=True, markup=False)
                yield result
            except SourceFailed as error:
                wrong.append(f"{scenario.file}: {error}")


def _tell(status: Status, which: str, looks: int) -> None:
    status.update(f"{which}: {looks} looks")


def _say(results: list[Result]) -> None:
    # Narrower than this the table would leave columns out.
    screen = Console(width=max(110, Console().width))
    screen.print(_table(results))
    for line in _summary(results):
        screen.print(line, soft_wrap=True)


def _table(results: list[Result]) -> Table:
    """A line for each zone."""
    table = Table(title="Alerts against what is known to have happened", box=box.HORIZONTALS)
    table.add_column("scenario, zone")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for result, zone, of in by_zone(results):
        table.add_row(f"{result.scenario.camera.name}, {zone.zone} ({zone.detector})", *row(of))
    table.add_section()
    for name, of in by_detector(results).items():
        table.add_row(name, *row(of))
    table.add_row("all", *row(figures_of(results)), style="bold")
    return table


def _summary(results: list[Result]) -> Iterator[str]:
    """What the table leaves out: how far to trust it."""
    of = figures_of(results)
    episodes = of.found + of.false_alerts + of.duplicates
    for name, total in (("precision", episodes), ("recall", of.true_incidents)):
        low, high = wilson(of.found, total)
        yield f"{name}: {of.found} of {total}, 95 % interval {low:.2f} to {high:.2f}"
    rate = of.false_alerts_per_camera_day
    interval = "" if rate.value is None else f", 95 % interval {rate.low:g} to {rate.high:g}"
    yield f"false alerts a camera and day: {shown(rate.value)}{interval}"
    yield f"{of.hours:.2f} hours, {of.frames} frames looked at, {shown(of.frames_per_s)} a second"
    for result in results:
        if result.unreadable:
            yield f"{result.scenario.camera.name}: {result.unreadable} frames could not be read"
        for truth in result.scenario.truths:
            if truth.from_s > result.length_s:
                told = f"the truth from {truth.from_s:g} s begins after the clip's end"
                yield f"{result.scenario.file}: {told}, {result.length_s:.1f} s"
