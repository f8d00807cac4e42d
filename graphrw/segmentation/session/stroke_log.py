"""Strokes in a file: JSON that says on which image, with which options, and what was drawn."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphrw.core.whole import is_whole
from graphrw.files.replacing import replacing
from graphrw.segmentation.labelling import Options
from graphrw.segmentation.session.history import Stroke

FORMAT = "graphrw.strokes"
VERSION = 1  # raised when old strokes would give other labels, or could not be read


@dataclass(frozen=True)
class ImageKey:
    """Tells one image from another."""

    shape: tuple[int, ...]
    kind: str  # of its numbers
    sha256: str

    @classmethod
    def of(cls, image: Tensor) -> "ImageKey":
        return cls(tuple(image.shape), str(image.dtype).removeprefix("torch."), digest(image))


@dataclass(frozen=True, eq=False)
class StrokeLog:
    """All that a session needs to be where it was."""

    image: ImageKey
    mask: str | None  # a digest; None: the log is from before it was kept
    options: dict[str, Any]
    strokes: list[dict[str, Any]]  # as they stand in the file: `strokes_of` unpacks them


def write(path: str | Path, log: StrokeLog) -> None:
    """Write a log; a file that is there already is replaced in one go, once all is written."""
    path = as_path(path)
    described = {
        "format": FORMAT,
        "version": VERSION,
        "image": asdict(log.image),
        "mask": log.mask,
        "options": log.options,
        "strokes": log.strokes,
    }
    with replacing(path) as unfinished:
        unfinished.write_text(json.dumps(described), encoding="utf-8")


def read(path: str | Path) -> StrokeLog:
    """Read what `write` has written, but for where the strokes lie: `strokes_of`.

    Raises:
        ValueError: for any other file, or one of another version.
        FileNotFoundError: if there is none.
    """
    path = as_path(path)
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        if described["format"] != FORMAT:
            raise KeyError("format")
        version = described["version"]
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError, KeyError, TypeError) as error:
        raise ValueError(
            f"`{path}` is no log of strokes: only what `Session.save_log` has written can be replayed."
        ) from error
    if version != VERSION:
        raise ValueError(
            f"`{path}` has version {version} of the log of strokes; this graphrw replays version {VERSION}: it would "
            "give other labels. Install the graphrw that wrote it."
        )
    try:
        key, strokes = _image_key(described.get("image")), described.get("strokes")
        if not isinstance(strokes, list):
            raise ValueError("`strokes` must be a list")
        return StrokeLog(key, described.get("mask"), _options(described.get("options")), strokes)
    except ValueError as error:
        raise ValueError(f"`{path}` is damaged: {str(error).removesuffix('.')}.") from error


def packed(strokes: list[Stroke]) -> list[dict[str, Any]]:
    """Strokes as they stand in a file: pixels as runs."""
    return [{"label": stroke.label, "kept": stroke.kept, "runs": _runs(stroke.pixels)} for stroke in strokes]


def strokes_of(log: StrokeLog, num_pixels: int, path: str | Path) -> list[Stroke]:
    """The strokes of a log that was made on an image of so many pixels.

    Raises:
        ValueError: if they are damaged, or lie outside; before they fill the memory.
    """
    strokes = []
    for number, part in enumerate(log.strokes, start=1):
        try:
            strokes.append(_stroke(part, num_pixels))
        except ValueError as error:
            raise ValueError(f"`{path}` is damaged: stroke {number}: {error}.") from error
    return strokes


def check_image(log: StrokeLog, image: ImageKey, path: str | Path) -> None:
    """Raise `ValueError` unless the strokes of `log` were made on this image."""
    if log.image.shape != image.shape:
        raise ValueError(f"`{path}` was made on an image of shape {log.image.shape}; this one is {image.shape}.")
    if log.image != image:
        raise ValueError(
            f"`{path}` was made on another image of this shape: their numbers differ ({log.image.kind}; {image.kind})."
        )


def check_mask(log: StrokeLog, inside: Tensor, path: str | Path) -> None:
    """Raise `ValueError` if `log` was made with another mask than `inside`, which is true everywhere for none."""
    if log.mask in (None, digest(inside)):
        return
    if log.mask == digest(torch.ones_like(inside)):
        raise ValueError(f"`{path}` was made without a mask, so that labels would be others: give none.")
    raise ValueError(
        f"`{path}` was made with a mask, which is not what this session has, so that labels would be others: give that."
    )


def check_options(log: StrokeLog, options: dict[str, Any], path: str | Path) -> None:
    """Raise `ValueError` unless `log` was made with these options."""
    there = json.loads(json.dumps(options))
    for name in there:
        value = log.options.get(name)
        if value != there[name]:
            raise ValueError(
                f"`{path}` was made with {name}={value!r}; this session has {name}={there[name]!r}, which would give "
                f"other labels. Make it with `Session(image, {name}={value!r})`."
            )


def digest(values: Tensor) -> str:
    """Of all numbers, in their type."""
    return hashlib.sha256(values.detach().cpu().contiguous().numpy().data).hexdigest()


def as_path(path: object) -> Path:
    """`path` as a path; `ValueError` for what is none."""
    if isinstance(path, str | os.PathLike):
        return Path(path)
    raise ValueError(f"`path` must be a path to a file; got {path!r}.")


def _runs(pixels: Tensor) -> list[list[int]]:
    """Where runs of neighbours begin in `pixels` (M,), ascending, and how long they are."""
    if len(pixels) == 0:
        return []
    begins = torch.cat([torch.ones(1, dtype=torch.bool), pixels.diff() > 1])
    first = begins.nonzero().squeeze(1)
    length = torch.cat([first, torch.tensor([len(pixels)])]).diff()
    return torch.stack([pixels[first], length], dim=1).tolist()


def _image_key(told: Any) -> ImageKey:
    if isinstance(told, dict) and told.keys() >= {"shape", "kind", "sha256"} and isinstance(told["shape"], list):
        return ImageKey(tuple(told["shape"]), told["kind"], told["sha256"])
    raise ValueError("`image` must have `shape`, a list, `kind` and `sha256`")


def _options(told: Any) -> dict[str, Any]:
    """What `Session` takes, all of it."""
    names = {field.name for field in fields(Options)}
    if not isinstance(told, dict) or told.keys() != names:
        raise ValueError(f"`options` must have {', '.join(sorted(names))}, and nothing else")
    Options(**told)  # refuses what it is not for
    return told


def _stroke(told: Any, num_pixels: int) -> Stroke:
    if not isinstance(told, dict) or not told.keys() >= {"label", "runs", "kept"}:
        raise ValueError("it must have `label`, `runs` and `kept`")
    if not isinstance(told["kept"], bool):
        raise ValueError(f"`kept` must be true or false; got {str(told['kept'])[:20]}")
    return Stroke(_label(told["label"]), _pixels(told["runs"], num_pixels), told["kept"])


def _label(label: Any) -> int:
    if not (is_whole(label) and 0 <= label < 2**63):
        raise ValueError(f"the label {str(label)[:20]} is no whole number from 0 to 2⁶³ − 1")
    return int(label)


def _pixels(runs: Any, num_pixels: int) -> Tensor:
    if not isinstance(runs, list) or not all(isinstance(run, list) and len(run) == 2 for run in runs):
        raise ValueError("`runs` must be a list of pairs [first pixel, how many]")
    end = 0
    for first, length in runs:  # looked at before they fill the memory
        if not (is_whole(first) and is_whole(length) and end <= first < first + length <= num_pixels):
            raise ValueError(
                f"the run {[first, length]} does not lie behind the one before it, within {num_pixels} pixels"
            )
        end = first + length
    return torch.cat(
        [torch.zeros(0, dtype=torch.int64), *(torch.arange(first, first + length) for first, length in runs)]
    )
