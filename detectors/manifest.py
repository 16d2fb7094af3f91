"""A model's manifest: what must be known of a network to run it, checked before it runs."""

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Text = Annotated[str, msgspec.Meta(min_length=1)]
_SizePx = Annotated[int, msgspec.Meta(ge=32, le=4096)]
_Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
Layout = Literal["yolov8", "yolov5", "yolox", "end_to_end"]


_W = TypeVar("_W", bound="Weights")


class ManifestError(ValueError):
    """A model folder that must not be run; the message names the file, what, and how to mend it."""


class ModelInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One picture, (1, 3, height_px, width_px), letterboxed; the type of number is the network's.

    `pad`: the grey, 0..255, of what the picture leaves free. `place`: where the picture lies.
    """

    name: _Text
    size_wh: tuple[_SizePx, _SizePx]
    colour: Literal["rgb", "bgr"]
    pad: Annotated[int, msgspec.Meta(ge=0, le=255)]
    scale: Literal["0..1", "0..255"] = "0..1"
    place: Literal["top_left", "centre"] = "top_left"


class ModelOutput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`layout`: which numbers stand where; `decoders` has one function for each."""

    name: _Text
    layout: Layout

    def shape(self, labels: int) -> tuple[int, ...]:
        """What follows the batch for so many labels; -1: as many as there are cells or boxes."""
        if self.layout == "yolov8":
            return (4 + labels, -1)
        return (-1, 6 if self.layout == "end_to_end" else 5 + labels)


class ClassGroup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Classes that compete for one object.

    `score_threshold`: from which detectors are shown a box. `nms_iou`: of two boxes that overlap
    more than this, the better stays. `nms_inside`: so too where their intersection is more than
    this share of the smaller; 1.0 = off.
    """

    labels: Annotated[tuple[_Text, ...], msgspec.Meta(min_length=1)]
    score_threshold: _Share
    nms_iou: _Share
    nms_inside: _Share


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """manifest.toml of a folder whose network has a detector of its own, which knows the rest."""

    name: _Text
    version: _Text
    file: _Text
    sha256: _Sha256
    source: _Text
    licence: _Text

    @property
    def model_id(self) -> str:
        """What a hit calls this model: name@sha256 of the weights."""
        return f"{self.name}@{self.sha256}"


class Manifest(Weights, frozen=True, forbid_unknown_fields=True):
    """manifest.toml of an object model's folder. Labels outside all `groups` are never reported.

    `labels`: the classes in the network's order, in the words that detectors look for: where it
    says pedestrian and rider, write person twice.
    `faint_threshold`: down to which boxes are kept for redaction and for measuring precision.
    """

    labels: Annotated[tuple[_Text, ...], msgspec.Meta(min_length=1)]
    input: ModelInput
    output: ModelOutput
    faint_threshold: _Share
    groups: Annotated[tuple[ClassGroup, ...], msgspec.Meta(min_length=1)]


def load_manifest(folder: Path) -> Manifest:
    """The manifest of an object model's folder whose weights have the sha256 that it names.

    Raises ManifestError when a file is absent, cannot be read, is malformed or is another one.
    """
    manifest = _load(folder, Manifest)
    _check_groups(folder / "manifest.toml", manifest)
    return manifest


def load_weights(folder: Path) -> Weights:
    """The same of a network that has a detector of its own."""
    return _load(folder, Weights)


_LIKE: dict[type[Weights], str] = {Manifest: "objects", Weights: "flying_wire"}


def _load(folder: Path, kind: type[_W]) -> _W:
    path = folder / "manifest.toml"
    try:
        manifest = msgspec.convert(tomllib.loads(path.read_text("utf-8")), kind)
    except OSError as error:
        raise ManifestError(
            f"{path}: {error.strerror}. Point to a folder with manifest.toml and its weights."
        ) from error
    except ValueError as error:  # as all are that TOML, UTF-8 and msgspec raise
        raise ManifestError(
            f"{path}: {error}. Compare with the manifest of models/{_LIKE[kind]}."
        ) from error
    _check_weights(path, folder / manifest.file, manifest.sha256)
    return manifest


def as_toml(manifest: Manifest) -> str:
    """The text of its manifest.toml; JSON's strings, numbers and lists are TOML's."""
    fields: dict[str, Any] = msgspec.to_builtins(manifest)
    tables = [("[input]", fields.pop("input")), ("[output]", fields.pop("output"))]
    tables += [("[[groups]]", group) for group in fields.pop("groups")]
    head = "# What GridAlert must know of this model to run it. Labels are in its detectors' words."
    lines = []
    for name, table in [(head, fields), *tables]:
        pairs = (f"{key} = {json.dumps(v, ensure_ascii=False)}" for key, v in table.items())
        lines += [name, *pairs, ""]
    return "\n".join(lines)


def _check_groups(path: Path, manifest: Manifest) -> None:
    grouped = [label for group in manifest.groups for label in group.labels]
    for label in grouped:
        if label not in manifest.labels:
            raise ManifestError(
                f"{path}: groups: {label!r} is none of labels. Spell it as labels does."
            )
        if grouped.count(label) > 1:
            raise ManifestError(f"{path}: groups: {label!r} is there twice. Leave it in one group.")
    lowest = min(group.score_threshold for group in manifest.groups)
    if lowest < manifest.faint_threshold:
        raise ManifestError(
            f"{path}: faint_threshold is {manifest.faint_threshold:g}, a score_threshold"
            f" {lowest:g}. Set it no higher than the lowest of them."
        )


def _check_weights(path: Path, weights: Path, sha256: str) -> None:
    try:
        found = hashlib.sha256(weights.read_bytes()).hexdigest()
    except OSError as error:
        raise ManifestError(
            f"{weights}: {error.strerror}. Put the weights there, or correct `file` in {path}."
        ) from error
    if found != sha256:
        raise ManifestError(
            f"{weights}: sha256 is {found}, {path} says {sha256}. Fetch the file again, "
            "or, if you changed the weights on purpose, write the new sha256 into the manifest."
        )
