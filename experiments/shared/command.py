"""Command lines from configurations: each field of a frozen dataclass is an option."""

import argparse
import math
import os
import re
import types
import typing
from collections.abc import Iterable
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import torch

T = TypeVar("T", bound="Script")


def option(default: Any, help: str, *, of: Iterable[Any] = (), there: bool = False) -> Any:
    """A field of a configuration, explained in words.

    Args:
        default: if it is not given.
        help: what it is.
        of: the names or numbers that it takes; none: it takes all.
        there: whether it is of files or folders that have to be there.
    """
    names = tuple(of)
    told = help if names in ((), default) else f"{help}, of: {'; '.join(map(str, names))}"
    return field(default=default, metadata={"help": told.replace("%", "%%"), "of": names, "there": there})


def larger(cpu: int, cuda: int, help: str) -> Any:
    """An option of a training that, if it is not given, is a larger number on a GPU."""
    told = f"{help} ({cpu}; on CUDA {cuda})"
    return field(default=None, metadata={"help": told, "larger": {"cpu": cpu, "cuda": cuda}})


@dataclass(frozen=True, kw_only=True)
class Script:
    """What every script takes."""

    threads: int = option(1, "of the processor")


@dataclass(frozen=True, kw_only=True)
class Command(Script):
    """What every script takes that reads sets."""

    data: Path = option(None, "the folder that holds all sets; or the variable GRAPHRW_DATA")


@dataclass(frozen=True, kw_only=True)
class Training(Command):
    """What every training takes; what is `larger` on a GPU has its number once this is made."""

    device: str = option("auto", "cpu, cuda, cuda:1 and so on, or auto: cuda if it is there")
    out: Path | None = option(None, "the folder, outside the repository, of checkpoints, the log and what is learned")
    seed: int = option(0, "of all chance")
    minutes: float = option(25.0, "of the processor for training, in all, also of a run that was stopped and goes on")

    def __post_init__(self) -> None:
        device = device_of(self)  # ends with words before anything is read
        for each in fields(self):
            if "larger" in each.metadata and getattr(self, each.name) is None:
                object.__setattr__(self, each.name, each.metadata["larger"][device.type])


@dataclass(frozen=True, kw_only=True)
class TrainingInSteps(Training):
    """What a training takes whose stages are so many steps, unless time ends them first."""

    minutes: float = option(math.inf, "for how long to train at most, also of a run that was stopped and goes on")


@dataclass(frozen=True, kw_only=True)
class Evaluation(Command):
    """What every evaluation takes."""

    split: str = option("val", "a split of the sets, by the name of its list or folder")
    out: Path | None = option(None, "a JSON file for the results")


def parsed(kind: type[T], about: str | None, arguments: list[str] | None = None) -> T:
    """The configuration that the command line asks for; ends with words if what it names is not there."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = typing.get_type_hints(kind)
    for each in fields(kind):
        _add(parser, each, kinds[each.name])
    given = parser.parse_args(arguments)
    chosen = {name: tuple(value) if isinstance(value, list) else value for name, value in vars(given).items()}
    if "data" in chosen:
        chosen["data"] = _data(chosen["data"])
    for each in fields(kind):
        _check(each, chosen[each.name])
    torch.set_num_threads(chosen["threads"])
    os.environ.setdefault("RAYON_NUM_THREADS", str(chosen["threads"]))  # of `Cholesky`, which spin where cores are few
    return kind(**chosen)


def device_of(command: Training) -> torch.device:
    """Where to train; ends with words if it is not there."""
    count, wanted = torch.cuda.device_count() if torch.cuda.is_available() else 0, command.device
    if wanted == "auto":
        wanted = "cuda" if count else "cpu"
    if not re.fullmatch(r"cpu|cuda(:\d+)?", wanted):
        raise SystemExit(f"There is no device `{wanted}`: --device is cpu, cuda, cuda:1 and so on, or auto.")
    device = torch.device(wanted)
    if device.type == "cuda" and (device.index or 0) >= count:
        raise SystemExit(f"torch finds {count} CUDA devices, and not `{wanted}`: give another --device, such as cpu.")
    return device


def _data(given: Path | None) -> Path:
    folder = given or os.environ.get("GRAPHRW_DATA")
    if not folder:
        raise SystemExit("Where are the data? Give --data DIR, or GRAPHRW_DATA: see experiments/README.md.")
    if not Path(folder).is_dir():
        raise SystemExit(f"There is no folder `{folder}`, given as --data or GRAPHRW_DATA.")
    return Path(folder)


def _check(each: Field[Any], given: Any) -> None:
    """Ends with words if a name is not known, or a file not there."""
    names = each.metadata.get("of")
    for value in given if isinstance(given, tuple) else (given,):
        if names and value not in (None, "", *names):
            raise SystemExit(f"There is no `{value}` for {_name(each)}: {'; '.join(map(str, names))}.")
        if value and each.metadata.get("there") and not value.exists():
            raise SystemExit(f"There is no `{value}`, given as {_name(each)}.")


def _name(each: Field[Any]) -> str:
    return f"--{each.name.replace('_', '-')}"


def _add(parser: argparse.ArgumentParser, each: Field[Any], kind: Any) -> None:
    name, default = _name(each), None if each.default is MISSING else each.default
    shown = "" if default in (None, (), "") else " (%(default)s)"
    told = {"help": each.metadata.get("help", "") + shown, "default": default, "dest": each.name}
    origin, inner = typing.get_origin(kind), [part for part in typing.get_args(kind) if part not in (type(None), ...)]
    if kind is bool:
        parser.add_argument(name, action=argparse.BooleanOptionalAction, **told)
    elif origin is tuple:
        parser.add_argument(name, nargs="*", type=inner[0], **told)
    else:
        single = inner[0] if origin in (types.UnionType, typing.Union) else kind
        parser.add_argument(name, type=single, **told)
