"""Command lines from configurations: each field of a frozen dataclass is an option."""

import argparse
import os
import types
import typing
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import torch

T = TypeVar("T", bound="Command")


def option(default: Any, help: str) -> Any:
    """A field of a configuration, explained in words."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, kw_only=True)
class Command:
    """What every script takes."""

    data: Path = option(None, "the folder that holds all sets; or the variable GRAPHRW_DATA")
    device: str = option("auto", "cpu, cuda, or auto: cuda if it is there")
    threads: int = option(1, "of the processor")


@dataclass(frozen=True, kw_only=True)
class Training(Command):
    """What every training takes."""

    out: Path | None = option(None, "the folder, outside the repository, of checkpoints, the log and what is learned")
    seed: int = option(0, "of all chance")
    minutes: float = option(25.0, "of the processor for training, in all, also of a run that was stopped and goes on")


@dataclass(frozen=True, kw_only=True)
class Evaluation(Command):
    """What every evaluation takes."""

    split: str = option("val", "a split of the sets, by the name of its list or folder")
    out: Path | None = option(None, "a JSON file for the results")


def parsed(kind: type[T], about: str | None, arguments: list[str] | None = None) -> T:
    """The configuration that the command line asks for; ends with words if the data are not there."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = typing.get_type_hints(kind)
    for each in fields(kind):
        _add(parser, each, kinds[each.name])
    given = parser.parse_args(arguments)
    chosen = {name: tuple(value) if isinstance(value, list) else value for name, value in vars(given).items()}
    chosen["data"] = _data(chosen["data"])
    torch.set_num_threads(chosen["threads"])
    os.environ.setdefault("RAYON_NUM_THREADS", str(chosen["threads"]))  # of `Cholesky`, which spin where cores are few
    return kind(**chosen)


def device_of(command: Command) -> torch.device:
    """Where to compute."""
    wanted = command.device
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted)


def _data(given: Path | None) -> Path:
    folder = given or os.environ.get("GRAPHRW_DATA")
    if not folder:
        raise SystemExit("Where are the data? Give --data DIR, or GRAPHRW_DATA: see experiments/README.md.")
    if not Path(folder).is_dir():
        raise SystemExit(f"There is no folder `{folder}`, given as --data or GRAPHRW_DATA.")
    return Path(folder)


def _add(parser: argparse.ArgumentParser, each: Field[Any], kind: Any) -> None:
    name, default = f"--{each.name.replace('_', '-')}", None if each.default is MISSING else each.default
    shown = "" if default in (None, ()) else " (%(default)s)"
    told = {"help": each.metadata.get("help", "") + shown, "default": default, "dest": each.name}
    origin, inner = typing.get_origin(kind), [part for part in typing.get_args(kind) if part not in (type(None), ...)]
    if kind is bool:
        parser.add_argument(name, action=argparse.BooleanOptionalAction, **told)
    elif origin is tuple:
        parser.add_argument(name, nargs="*", type=inner[0], **told)
    else:
        single = inner[0] if origin in (types.UnionType, typing.Union) else kind
        parser.add_argument(name, type=single, **told)
