"""Files of weights: what is in them besides, and what is refused when they are read."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from graphrw.files.formats import ENDINGS
from graphrw.files.replacing import replacing

FORMAT = "graphrw.model"
TORCH = {".pt", ".pth", ".ckpt"}
VERSION = 1  # of the format: raised when old readers would misread new files


@dataclass(frozen=True)
class Contents:
    """What a file holds: the class, the arguments that make it anew, its input scale, and its tensors."""

    model: str
    arguments: dict[str, Any]
    input_scale: dict[str, Any]
    modules: dict[str, str]  # arguments that were modules of the caller's, by name, with their classes
    tensors: dict[str, Tensor]


def write(path: str | Path, contents: Contents) -> None:
    """Write a safetensors file; a file that is there already is replaced in one go, once all is written."""
    path = check_name(checked_path(path))
    described = {
        "format": FORMAT,
        "version": str(VERSION),
        "model": contents.model,
        "arguments": json.dumps(contents.arguments, default=_plain),
        "input_scale": json.dumps(contents.input_scale),
        "modules": json.dumps(contents.modules),
    }
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in contents.tensors.items()}
    with replacing(path) as unfinished:
        unfinished.touch()
        mode = unfinished.stat().st_mode
        try:
            save_file(tensors, unfinished, metadata=described)
            unfinished.chmod(mode)  # for whom files are by default; safetensors leaves its own to their owner alone
        except SafetensorError as error:  # of the disk; what is on it is ours
            raise OSError(f"`{path}` could not be written: {error}.") from error


def read(path: str | Path, model: str) -> Contents:
    """What the file at `path` holds.

    Args:
        path: of the file.
        model: name of the class that wants to read it.

    Raises:
        ValueError: if it is no file of a model, of another class, or of another version of the format.
        FileNotFoundError, IsADirectoryError: if there is none, or a folder.
    """
    path = checked_path(path)
    if path.is_dir():
        raise IsADirectoryError(f"`{path}` is a folder. Name the file in it that `save` has written.")
    try:
        with safe_open(path, framework="pt") as file:
            described = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except SafetensorError as error:
        raise ValueError(
            f"`{path}` is no safetensors file ({error}). Only what `save` has written can be loaded: a file of "
            "`torch.save` goes through `model.load_state_dict(torch.load(path))`."
        ) from error
    _check(described, path, model)
    try:
        parts = {name: dict(json.loads(described[name])) for name in ("arguments", "input_scale", "modules")}
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"`{path}` is damaged: its metadata do not say how the model was made. ({error})") from error
    return Contents(model, **parts, tensors=tensors)


def check_name(path: Path) -> Path:
    """`path`, unless it is called like a file of `torch.save`, or like an image, of which it might take the place."""
    if path.suffix.lower() in TORCH:
        raise ValueError(f"`{path}`: weights are written as safetensors, not for `torch.load`. Take `{_better(path)}`.")
    if path.name.lower().endswith(ENDINGS):
        raise ValueError(f"`{path}` ends like an image; weights are written as safetensors. Take `{_better(path)}`.")
    return path


def _better(path: Path) -> Path:
    return path.with_name(f"{path.name.removesuffix('.gz').rpartition('.')[0]}.safetensors")


def checked_path(path: str | Path) -> Path:
    """`path`, if it is one."""
    if not isinstance(path, str | os.PathLike):
        raise ValueError(f"`path` must be the path of a file; got {type(path).__name__}.")
    return Path(path)


def fill(model: nn.Module, tensors: Mapping[str, Tensor], path: str | Path) -> None:
    """Put the tensors of a file into `model`.

    Raises:
        ValueError: if some are missing, left over, or of another shape.
    """
    wanted = model.state_dict()
    problems = [
        *(f"`{name}` is missing" for name in wanted if name not in tensors),
        *(f"`{name}` belongs to nothing" for name in tensors if name not in wanted),
        *(
            f"`{name}` is {tuple(tensors[name].shape)} instead of {tuple(value.shape)}"
            for name, value in wanted.items()
            if name in tensors and tensors[name].shape != value.shape
        ),
    ]
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise ValueError(
            f"`{path}` does not fit {type(model).__name__}: {problems[0]}{more}. The file is damaged, or the trunk is "
            "another one than that it was saved with."
        )
    if any(value.dtype == torch.float64 for value in tensors.values()):
        model.double()
    model.load_state_dict(tensors)


def _plain(value: Any) -> Any:
    """A number of NumPy's as Python has it."""
    return value.item()


def _check(described: Mapping[str, str], path: str | Path, model: str) -> None:
    if described.get("format") != FORMAT:
        raise ValueError(
            f"`{path}` holds tensors, but no model of graphrw: its metadata lack `format`. Load what `{model}.save` "
            "has written."
        )
    if described.get("version") != str(VERSION):
        raise ValueError(
            f"`{path}` has version {described.get('version')} of the file format; this graphrw reads version "
            f"{VERSION}. Install the graphrw that wrote it, or a newer one."
        )
    there = described.get("model")
    if there != model:
        raise ValueError(f"`{path}` holds a {there}, not a {model}: use `{there}.load`.")
