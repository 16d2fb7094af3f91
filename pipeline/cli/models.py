"""gridalert models: bring your own detection network."""

import ast
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors import recognise
from detectors.manifest import ClassGroup, Manifest, ManifestError, ModelInput, ModelOutput, as_toml
from detectors.preprocess import Letterbox
from detectors.recognise import SIZE_PX, NotRecognised
from detectors.runtime import Session, open_object_model, open_session
from pipeline.cli.shared import MODEL_FOLDER
from pipeline.proof.coco import KINDS
from pipeline.proof.trial import beside, judge, try_out

_DEMO_CLIP, _DEMO_FRAME = Path(__file__).parents[2] / "deploy/demo/campus.mp4", 100
_FAINT = 0.15  # of the shipped model: enough to hide a face
# How a family was trained to be shown a picture, where nobody says otherwise.
_ULTRALYTICS = {"colour": "rgb", "scale": "0..1", "place": "centre"}
_MEGVII = {"colour": "bgr", "scale": "0..255", "place": "top_left"}
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_INTO = "The folder that gets a folder NAME; default: models."
_COUNTS = "From which score a box counts; default: 0.4."
_LABELS = "Its classes in its order, one a line; default: the file's own."
_PERSON = 'Which of them are people, comma-separated; "" = none.'
_OPEN = f"Its picture's side in px, where it is open; default {SIZE_PX}."
_EPILOG = """\b
Example:
  gridalert models add yolo11n.onnx
  gridalert models add best.onnx --labels classes.txt --person pedestrian,rider \\
    --vehicle van,truck --licence Apache-2.0 --source "trained by us, 2026-05"
"""


@click.group("models", epilog=_EPILOG)
def command() -> None:
    """Bring your own detection network."""


@command.command("add", epilog=_EPILOG)
@click.argument("file", type=_FILE)
@click.option("--into", type=_FOLDER, default="models", help=_INTO)
@click.option("--name", help="Its name; default: the file's.")
@click.option("--labels", type=_FILE, help=_LABELS)
@click.option("--person", help=_PERSON)
@click.option("--vehicle", help='Which of them are vehicles; "" = none.')
@click.option("--size", type=click.IntRange(32, 4096), help=_OPEN)
@click.option("--colour", type=click.Choice(["rgb", "bgr"]), help="Default: its family's.")
@click.option("--scale", type=click.Choice(["0..1", "0..255"]), help="Default: its family's.")
@click.option("--threshold", type=click.FloatRange(_FAINT, 1), default=0.4, help=_COUNTS)
@click.option("--licence", help="Of the weights, as SPDX names it.")
@click.option("--source", help="Where it comes from.")
@click.option("--picture", type=_FILE, default=_DEMO_CLIP, help="With people or vehicles, to try.")
def add(file: Path, into: Path, picture: Path, **said: Any) -> None:
    """Add the detection network FILE (ONNX): YOLOv5, YOLOv8, YOLO11, YOLOX, or end to end (N, 6).

    Finds out what it is, asks for what it can't know, tries it on a picture beside GridAlert's own
    model, and writes INTO/NAME with a picture of its boxes. Whatever does not fit is refused.
    """
    name = said["name"] or file.stem
    folder = into / name
    if name != Path(name).name or folder.exists():
        raise click.ClickException(f"{folder} is there already, or no folder. Give another --name.")
    try:
        with tempfile.TemporaryDirectory() as part:
            written = Path(part) / name
            written.mkdir()
            _write(file, written, _picture(picture), said)
            into.mkdir(parents=True, exist_ok=True)
            shutil.move(written, folder)
    except (NotRecognised, ManifestError, msgspec.ValidationError) as error:
        raise click.ClickException(f"{file}: {error}") from error
    except OSError as error:
        raise click.ClickException(f"{error.filename or into}: {error.strerror}") from error
    click.echo(f"{folder / 'boxes.jpg'}: look at it before you use the model")
    click.echo(f'in gridalert.toml, under [ingest]: model = "{folder.resolve()}"')


def _write(file: Path, folder: Path, image_bgr: NDArray[np.uint8], said: Mapping[str, Any]) -> None:
    """Weights, manifest and a picture of its boxes, of a network that agrees with ours."""
    # Opened where it will lie, a file without its external data is found out.
    weights = Path(shutil.copyfile(file, folder / "model.onnx"))
    size_px = said["size"] or SIZE_PX
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
    for choice, agrees in seen.items():
        mark = "  <- chosen" if choice == chosen else ""
        told = f"{agrees.found}, sum of scores {agrees.belief:.2f}: {' '.join(choice)}{mark}"
        click.echo(f"  {told}")
    judge(seen, chosen)
    (folder / "manifest.toml").write_text(as_toml(manifest), "utf-8")
    model = open_object_model(folder, 1)
    (folder / "boxes.jpg").write_bytes(try_out(model, image_bgr, click.echo))


def _picture(path: Path) -> NDArray[np.uint8]:
    image_bgr = cv2.imread(str(path))
    if path == _DEMO_CLIP:
        clip = cv2.VideoCapture(str(path))
        clip.set(cv2.CAP_PROP_POS_FRAMES, _DEMO_FRAME)
        _, image_bgr = clip.read()
    if image_bgr is None:
        raise click.ClickException(f"{path} is no picture. Give a JPEG or PNG as --picture.")
    return np.asarray(image_bgr, np.uint8)


def _described(
    weights: Path, session: Session, image_bgr: NDArray[np.uint8], said: Mapping[str, Any]
) -> Manifest:
    """Its manifest, by its shapes, its metadata, what was said, and what it gives on a picture."""
    own = session.metadata
    if own.get("task", "detect") != "detect":
        raise NotRecognised(f"it is made for the task {own['task']!r}; GridAlert runs detectors.")
    input_name, fixed_wh = recognise.input_of(session.inputs)
    size_px = said["size"] or SIZE_PX
    size_wh = fixed_wh or (size_px, size_px)
    if said["size"] and size_wh != (size_px, size_px):
        raise NotRecognised(f"its input is {size_wh[0]}x{size_wh[1]}: leave --size out.")
    blank = {input_name: np.zeros((1, 3, *size_wh[::-1]), np.float32)}
    shapes = {output: session.run(output, blank).shape for output in session.outputs}
    recognise.check_outputs(shapes)
    labels = _labels(own, said["labels"])
    output, layout = recognise.layout_of(shapes, size_wh, len(labels))
    usual = _MEGVII if layout == "yolox" else _ULTRALYTICS
    if session.dtypes[input_name] == "uint8":
        usual = usual | {"scale": "0..255"}
    chosen = {key: said.get(key) or value for key, value in usual.items()}
    shape = {"name": input_name, "size_wh": size_wh, "pad": 114}
    shown = msgspec.convert(shape | chosen, ModelInput)
    values = session.run(output, {input_name: Letterbox(shown)(image_bgr)[0]})
    layout = recognise.decoded(layout, values, size_wh)
    recognise.check_values(layout, values, size_wh, len(labels))
    words, groups = _groups(labels, said)
    return Manifest(
        name=weights.parent.name,
        version="1",
        file=weights.name,
        sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
        source=_ask("source", said, "Where does it come from", own.get("description")),
        licence=_ask("licence", said, "Its licence (SPDX)", own.get("license")),
        labels=words,
        input=shown,
        output=ModelOutput(output, layout),
        faint_threshold=_FAINT,
        groups=groups,
    )


def _ask(option: str, said: Mapping[str, Any], question: str, own: str | None = None) -> str:
    """What was said, what the file says itself, or what a person at a terminal answers."""
    answer = own if said[option] is None else said[option]
    if answer or said[option] is not None:
        return str(answer)
    if not sys.stdin.isatty():
        raise click.UsageError(f"give --{option} ({question.lower()}): nobody is there to ask.")
    return str(click.prompt(question))


def _labels(own: Mapping[str, str], path: Path | None) -> tuple[str, ...]:
    """The classes in the network's order: of a file, or of metadata as Ultralytics writes it."""
    if path is None and "names" in own:
        try:
            names = ast.literal_eval(own["names"])
            return tuple(str(names[index]) for index in range(len(names)))
        except (ValueError, SyntaxError, TypeError, KeyError):
            return tuple(own["names"].split(","))
    path = Path(_ask("labels", {"labels": path}, "The file of its classes, one a line"))
    try:
        labels = tuple(line.strip() for line in path.read_text("utf-8").splitlines())
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{path} is not UTF-8. Save it so.") from error
    return tuple(filter(None, labels))


def _groups(
    labels: Sequence[str], said: Mapping[str, Any]
) -> tuple[tuple[str, ...], tuple[ClassGroup, ...]]:
    """The labels in the words that detectors look for, and the groups that are reported; doubles
    are told as in models/objects.
    """
    words, groups = list(labels), []
    there = ", ".join(labels[:12]) + (", ..." if len(labels) > 12 else "")
    for kind, word, inside in (("person", "person", 0.7), ("vehicle", "car", 1.0)):
        known = ",".join(label for label in labels if label in KINDS[kind])
        question = f"Which of its classes are {kind}s, with commas (of {there})"
        answer = _ask(kind, said, question, known).split(",")
        named = [label.strip() for label in answer if label.strip()]
        for label in named:
            if label not in labels:
                raise click.ClickException(f"--{kind}: {label!r} is none of its classes ({there}).")
            if label not in KINDS[kind]:
                words[labels.index(label)] = word
        if named:
            ours = dict.fromkeys(words[labels.index(label)] for label in named)
            groups.append(ClassGroup(tuple(ours), said["threshold"], 0.6, inside))
    if not groups:
        raise click.ClickException("It finds neither people nor vehicles. Name them by --person.")
    return tuple(words), tuple(groups)
