"""What an experiment has found: a JSON file, and tables of it."""

import json
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.shared.command import Command, Training, device_of
from graphrw.files.replacing import replacing

NOT_OF_THE_RESULT = {"data", "out", "device", "threads"}  # of a configuration: matters of the machine


def machine(device: torch.device | None = None) -> dict[str, Any]:
    """The hardware and versions that figures belong to."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    gpu = torch.cuda.get_device_name(device) if device is not None and device.type == "cuda" else None
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": gpu,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def write(path: Path | None, command: Command, figures: Sequence[Mapping[str, Any]], **more: Any) -> None:
    """Keep the figures, one row each, with all that they depend on: options, those of the trainings, seeds, machine.

    Args:
        path: the JSON file; None: keep nothing.
        command: the options; folders and devices are left out.
        figures: rows, each by its own names.
        more: whatever else belongs to the whole result.
    """
    if path is None:
        return
    result = {
        "config": options_of(command),
        "trainings": trainings(command),
        **more,
        "machine": machine(device_of(command) if isinstance(command, Training) else None),
        "date": time.strftime("%Y-%m-%d"),
        "processor_seconds": round(time.process_time(), 1),
        "figures": list(figures),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as unfinished:
        Path(unfinished).write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path | None, command: Command) -> list[dict[str, Any]]:
    """The figures that a run with the same options has kept so far; none if there is no file.

    Ends with words if the file is of other options.
    """
    if path is None or not path.exists():
        return []
    result = json.loads(path.read_text(encoding="utf-8"))
    if result["config"] != json.loads(json.dumps(options_of(command))):
        raise SystemExit(f"`{path}` holds results of other options: delete it, or give another --out.")
    return list(result["figures"])


def options_of(command: Command) -> dict[str, Any]:
    """All but those of the machine, and places."""
    config = {name: value for name, value in asdict(command).items() if name not in NOT_OF_THE_RESULT}
    # JSON has no word for what is without a limit.
    return {name: None if value == math.inf else value for name, value in config.items() if not _is_place(value)}


def trainings(command: Command) -> list[dict[str, Any]]:
    """The options of the trainings that left `--models`, files or folders of weights, as `stage` has kept them."""
    places = [Path(place) for place in getattr(command, "models", ())]
    files = [file for place in places for file in (sorted(place.glob("*.pt")) if place.is_dir() else [place])]
    kept = [file.with_suffix(".json") for file in files]
    return [{"stage": each.stem, **json.loads(each.read_text(encoding="utf-8"))} for each in kept if each.is_file()]


def check_weights(folders: Iterable[Path], names: Iterable[str]) -> None:
    """Ends with words if one of `--models` holds none of these weights."""
    files = [f"{name}.safetensors" for name in names]
    for folder in folders:
        if not any((folder / file).is_file() for file in files):
            raise SystemExit(f"`{folder}` holds none of {', '.join(files)}: give what a training that ended has left.")


def _is_place(value: Any) -> bool:
    return isinstance(value, Path) or (isinstance(value, tuple) and any(isinstance(part, Path) for part in value))


def told(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """All rows, each written to stderr as it comes: an evaluation may take an hour."""
    found, began = [], time.process_time()
    for row in rows:
        said = ", ".join(f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values())
        print(f"{time.process_time() - began:.0f} s of the processor: {said}", file=sys.stderr, flush=True)
        found.append(row)
    return found


def table(rows: Sequence[Mapping[str, Any]], *, digits: int = 3) -> str:
    """Rows as Markdown, columns as in the first.

    >>> print(table([{"method": "walk", "VOI": 0.21}]))
    | method | VOI |
    |---|---:|
    | walk | 0.210 |
    """
    if not rows:
        return "(nothing)"
    names = list(rows[0])

    def cell(value: Any) -> str:
        return f"{value:.{digits}f}" if isinstance(value, float) else str("" if value is None else value)

    rules = ["---:" if isinstance(rows[0][name], int | float) else "---" for name in names]
    lines = [names, rules, *([cell(row.get(name)) for name in names] for row in rows)]
    marks = [("|", "|") if line is rules else ("| ", " |") for line in lines]
    return "\n".join(
        begin + ("|" if line is rules else " | ").join(line) + end
        for line, (begin, end) in zip(lines, marks, strict=True)
    )


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Mean ± standard deviation; of one value, the value.

    >>> spread([1.0, 2.0, 3.0])
    '2.000 ± 1.000'
    """
    deviation = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{deviation}"


def paired_interval(first: Sequence[float], second: Sequence[float], *, draws: int = 10_000) -> tuple[float, float]:
    """95 % of the mean difference of pairs, by the bootstrap: resampled with replacement, always the same draws.

    >>> paired_interval([1.0, 2.0, 3.0], [0.0, 1.0, 2.0])
    (1.0, 1.0)
    """
    differences = np.subtract(first, second)
    chosen = np.random.default_rng(0).integers(len(differences), size=(draws, len(differences)))
    low, high = np.quantile(differences[chosen].mean(1), (0.025, 0.975))
    return float(low), float(high)
