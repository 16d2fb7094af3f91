"""gridalert models: bring your own detection network."""

import ast
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.manifest import (
    ClassGroup,
    Layout,
    Manifest,
    ManifestError,
    ModelInput,
    ModelOutput,
    as_toml,
)
from detectors.preprocess import Letterbox
from detectors.recognise import (
    SIZE_PX,
    NotRecognised,
    check_outputs,
    check_values,
    decoded,
    input_of,
    layout_of,
)
from detectors.runtime import ObjectModel, Session, open_object_model, open_session
from pipeline.cli.shared import MODEL_FOLDER, write
from pipeline.proof.coco import KINDS
from pipeline.proof.trial import beside, judge, try_out

_DEMO_CLIP = Path(__file__).parents[2] / "deploy/demo/campus.mp4"
_DEMO_FRAME = 100
_FAINT = 0.15  # of the shipped model: enough to hide a face
# How a family was trained to be shown a picture, where nobody says otherwise.
_ULTRALYTICS = {"colour": "rgb", "scale": "0..1", "place": "centre"}
_MEGVII = {"colour": "bgr", "scale": "0..255", "place": "top_left"}
_EPILOG = """\b
Example:
  gridalert models add yolo11n.onnx
  gridalert models add best.onnx --labels classes.txt --person pedestrian,rider \\
    --vehicle van,truck --licence Apache-2.0 --source "trained by us, 2026-05"
"""


@click.group("models", epilog=_EPILOG)
def command() -> None:
    """Bring your own detection network."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What the user said of the network; None: not asked yet, or left to what it is found to be."""

    name: str | None
    labels: Path | None
    person: str | None
    vehicle: str | None
    size: int | None
    layout: Layout | None
    colour: str | None
    scale: str | None
    threshold: float
    licence: str | None
    source: str | None


@command.command("add", epilog=_EPILOG)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), default="models",
              show_default=True, help="The folder that gets a folder NAME.")  # fmt: skip
@click.option("--name", help="Its name; default: the file's.")
@click.option("--labels", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Its classes in its order, one a line; default: the file's own.")  # fmt: skip
@click.option("--person", help='Which of them are people, comma-separated; "" = none.')
@click.option("--vehicle", help='Which of them are vehicles; "" = none.')
@click.option(
    "--size",
    type=click.IntRange(32, 4096),
    help=f"Its picture's side in px, where open; default {SIZE_PX}.",
)
@click.option("--layout", type=click.Choice(["yolov8", "yolov5", "yolox", "end_to_end"]),
              help="What its output must be; default: what it is found to be.")  # fmt: skip
@click.option("--colour", type=click.Choice(["rgb", "bgr"]), help="Default: its family's.")
@click.option("--scale", type=click.Choice(["0..1", "0..255"]), help="Default: its family's.")
@click.option("--threshold", type=click.FloatRange(_FAINT, 1), default=0.4,
              show_default=True, help="From which score a box counts.")  # fmt: skip
@click.option("--licence", help="Of the weights, as SPDX names it.")
@click.option("--source", help="Where it comes from.")
@click.option("--picture", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="To try it on, with people or vehicles; default: the demo's.")  # fmt: skip
def add(file: Path, into: Path, picture: Path | None, **said: Any) -> None:
    """Add the detection network FILE (ONNX): YOLOv5, YOLOv8, YOLO11, YOLOX, or end to end (N, 6).

    Finds out what it is, asks for what it can't know, tries it on a picture beside GridAlert's own
    model, and writes INTO/NAME with a picture of its boxes. Whatever does not fit is refused.
    """
    try:
        _add(file, into, _picture(picture), _Said(**said))
    except (NotRecognised, ManifestError, msgspec.ValidationError) as error:
        raise click.ClickException(f"{file}: {error}") from error
    except OSError as error:
        raise click.ClickException(f"{error.filename or into}: {error.strerror}") from error


def _add(file: Path, into: Path, image_bgr: NDArray[np.uint8], said: _Said) -> None:
    name = said.name or file.stem
    if name != Path(name).name:
        raise click.ClickException(f"{name!r} is no name of a folder. Give another --name.")
    folder = into / name
    if folder.exists():
        raise click.ClickException(f"{folder} is there already. Remove it, or give another --name.")
    with tempfile.TemporaryDirectory() as part:
        written = Path(part) / name
        written.mkdir()
        manifest = _right(Path(shutil.copyfile(file, written / "model.onnx")), image_bgr, said)
        (written / "manifest.toml").write_text(as_toml(manifest), "utf-8")
        (written / "README.md").write_text(_card(manifest), "utf-8")
        _try_out(open_object_model(written, 1), image_bgr, written / "boxes.jpg")
        into.mkdir(parents=True, exist_ok=True)
        shutil.move(written, folder)
    click.echo(f"{folder / 'boxes.jpg'}: look at it before you use the model")
    click.echo(f'in gridalert.toml, under [ingest]: model = "{folder.resolve()}"')


def _right(weights: Path, image_bgr: NDArray[np.uint8], said: _Said) -> Manifest:
    """The manifest of a network that agrees with ours. Raises NotRecognised.

    `weights`: where they will lie, so that a file without its external data is found out.
    """
    size_px = said.size or SIZE_PX
    try:
        session = open_session(weights, 1, (size_px, size_px))
    except Exception as error:  # onnxruntime fails in its own many ways
        raise NotRecognised(
            f"onnxruntime can't run it on one picture: {str(error).splitlines()[0][:200]}. "
            "Is it an ONNX file of a detection network, with its weights in it?"
        ) from error
    manifest = _described(weights, session, image_bgr, said)
    click.echo("comparing it with GridAlert's own model on the picture ...")
    seen = beside(open_object_model(MODEL_FOLDER, 1), manifest, session, image_bgr)
    chosen = (manifest.input.colour, manifest.input.scale)
    click.echo(f"of {seen[chosen].known} people and vehicles that ours sees, it finds")
    for (colour, scale), agrees in seen.items():
        mark = "  <- chosen" if (colour, scale) == chosen else ""
        click.echo(f"  {agrees.found}, sum of scores {agrees.belief:.2f}: {colour} {scale}{mark}")
    judge(seen, chosen)
    return manifest


def _picture(path: Path | None) -> NDArray[np.uint8]:
    if path is None:
        clip = cv2.VideoCapture(str(_DEMO_CLIP))
        clip.set(cv2.CAP_PROP_POS_FRAMES, _DEMO_FRAME)
        path, image_bgr = _DEMO_CLIP, clip.read()[1]
    else:
        image_bgr = cv2.imread(str(path))
    if image_bgr is None:
        raise click.ClickException(f"{path} is no picture. Give a JPEG or PNG as --picture.")
    return np.asarray(image_bgr, np.uint8)


def _described(
    weights: Path, session: Session, image_bgr: NDArray[np.uint8], said: _Said
) -> Manifest:
    """Its manifest, by its shapes, its metadata, what was said, and what it gives on a picture."""
    own = session.metadata
    if own.get("task", "detect") != "detect":
        raise NotRecognised(f"it is made for the task {own['task']!r}; GridAlert runs detectors.")
    input_name, size_wh = input_of(session.inputs)
    if size_wh is not None and said.size not in (None, *size_wh):
        raise NotRecognised(f"its input is {size_wh[0]}x{size_wh[1]}: leave --size out.")
    size_wh = size_wh or (said.size or SIZE_PX, said.size or SIZE_PX)
    blank = {input_name: np.zeros((1, 3, *size_wh[::-1]), np.float32)}
    shapes = {output: session.run(output, blank).shape for output in session.outputs}
    check_outputs(shapes)
    labels = _labels(own, said.labels)
    output, layout = layout_of(shapes, size_wh, len(labels))
    usual = _MEGVII if layout == "yolox" else _ULTRALYTICS
    if session.dtypes[input_name] == "uint8":
        usual = usual | {"scale": "0..255"}
    chosen = {key: getattr(said, key, None) or value for key, value in usual.items()}
    shape = {"name": input_name, "size_wh": size_wh, "pad": 114}
    shown = msgspec.convert(shape | chosen, ModelInput)
    values = session.run(output, {input_name: Letterbox(shown)(image_bgr)[0]})
    layout = decoded(layout, values, size_wh)
    if said.layout not in (None, layout):
        raise NotRecognised(f"its output is {layout}, not {said.layout}: leave --layout out.")
    check_values(layout, values, size_wh, len(labels))
    words, groups = _groups(labels, said)
    return Manifest(
        name=weights.parent.name,
        version="1",
        file=weights.name,
        sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
        source=_ask("--source", said.source, "Where does it come from", own.get("description")),
        licence=_ask("--licence", said.licence, "Its licence (SPDX)", own.get("license")),
        labels=words,
        input=shown,
        output=ModelOutput(output, layout),
        faint_threshold=_FAINT,
        groups=groups,
    )


def _ask(option: str, said: str | None, question: str, default: str | None = None) -> str:
    """What was said, what the file says itself, or what a person at a terminal answers."""
    if said is not None or default:
        return said if said is not None else str(default)
    if not sys.stdin.isatty():
        raise click.UsageError(f"give {option} ({question.lower()}): nobody is there to ask.")
    return str(click.prompt(question))


def _labels(own: Mapping[str, str], path: Path | None) -> tuple[str, ...]:
    """The classes in the network's order: of a file, or of metadata as Ultralytics writes it."""
    if path is None and "names" in own:
        try:
            names = ast.literal_eval(own["names"])
        except (ValueError, SyntaxError):
            names = own["names"].split(",")
        if isinstance(names, dict):
            names = [names[index] for index in sorted(names)]
        if isinstance(names, list):
            return tuple(map(str, names))
    answer = str(path) if path else _ask("--labels", None, "The file of its classes, one a line")
    try:
        lines = Path(answer).read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{answer} is not UTF-8. Save it so.") from error
    labels = tuple(line.strip() for line in lines if line.strip())
    if not labels:
        raise click.ClickException(f"{answer} names no class. Write one a line.")
    return labels


def _groups(labels: Sequence[str], said: _Said) -> tuple[tuple[str, ...], tuple[ClassGroup, ...]]:
    """The labels in the words that detectors look for, and the groups that are reported; doubles
    are told as in models/objects.
    """
    words, groups = list(labels), []
    there = ", ".join(labels[:12]) + (", ..." if len(labels) > 12 else "")
    for kind, inside in (("person", 0.7), ("vehicle", 1.0)):
        known = ",".join(label for label in labels if label in KINDS[kind])
        question = f"Which of its classes are {kind}s, with commas (of {there})"
        answer = _ask(f"--{kind}", getattr(said, kind), question, known)
        named = [label.strip() for label in answer.split(",") if label.strip()]
        for label in named:
            if label not in labels:
                raise click.ClickException(f"--{kind}: {label!r} is none of its classes ({there}).")
            if label not in KINDS[kind]:
                words[labels.index(label)] = "person" if kind == "person" else "car"
        if named:
            ours = dict.fromkeys(words[labels.index(label)] for label in named)
            groups.append(ClassGroup(tuple(ours), said.threshold, 0.6, inside))
    if not groups:
        raise click.ClickException("It finds neither people nor vehicles. Name them by --person.")
    return tuple(words), tuple(groups)


def _try_out(model: ObjectModel, image_bgr: NDArray[np.uint8], picture: Path) -> None:
    """Draw what counts on the picture, and say how much that is and how long it took."""
    trial = try_out(model, image_bgr)
    write(picture, trial.jpeg)
    counted = ", ".join(f"{count} {name}" for name, count in trial.counted.items()) or "nothing"
    shown, (width_px, height_px) = model.manifest.input, model.manifest.input.size_wh
    click.echo(
        f"{model.manifest.output.layout}, {width_px}x{height_px}, {shown.colour} {shown.scale}, "
        f"{shown.place}: {trial.spent_ms:.0f} ms a picture on one thread "
        f"({model.session.provider}); it counts {counted}"
    )


def _card(manifest: Manifest) -> str:
    return f"""# {manifest.name}

Added by `gridalert models add`. Source: {manifest.source}. Licence: {manifest.licence}.

## What it can do

Not measured. `gridalert evaluate` measures it on clips and pictures of yours; `boxes.jpg` is one
picture, which proves that it runs, not that it is good.

## What it cannot do

Not known.
"""
