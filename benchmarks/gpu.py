"""All that a GPU can show in eight minutes: the tests that need one, and training steps beside the CPU's.

`make gpu` runs it with the Python that has torch for CUDA; nothing is downloaded. What fails is told at the end and in
the exit status, and does not keep the rest from running: a machine with a GPU may not be there tomorrow. With
`--device cpu --small` all of it runs in two minutes where there is no GPU.

Writes gpu.json and gpu.md into --out.
"""

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import torch
from child import machine
from gpu_steps import LARGE, ON_GPU, SMALL, STEPS, bandwidth, measured

from graphrw.core.errors import MissingDependencyError

ROOT = Path(__file__).parents[1]
OPTIONAL = ("rslab", "nvmath", "triton")
PROCESSES = max(min(8, (os.cpu_count() or 2) // 2), 1)
SHARE_OF_TESTS = 0.6  # of the time, at most
SPARE = 100.0  # seconds at the end, in which nothing is begun on the CPU
NEEDS_A_GPU = re.compile(r"mark\.cuda|def test_\w+\([^)]*\bdevice\b")  # others may need packages that are not there


def run_tests(out: Path, seconds: float) -> dict[str, Any]:
    """In processes beside each other: how many passed, and the names of those that did not."""
    report = out / "tests.xml"
    report.unlink(missing_ok=True)
    files = [str(path) for path in sorted((ROOT / "tests").glob("test_*.py")) if NEEDS_A_GPU.search(path.read_text())]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "cuda", f"--junitxml={report}", "-p", "no:cacheprovider"]
    command += ["-W", "default", *files]  # other packages may be of any version, and their plugins for pytest stay out
    command += ["-p", "xdist.plugin", "-n", str(PROCESSES)] if importlib.util.find_spec("xdist") else []
    began = time.monotonic()
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    try:
        with (out / "tests.log").open("w") as log:
            done = subprocess.run(
                command, cwd=ROOT, env=environment, stdout=log, stderr=log, timeout=seconds, check=False
            )
        ended = "" if report.exists() else f"pytest ended with status {done.returncode} and no report"
    except subprocess.TimeoutExpired:
        ended = f"stopped after {seconds:.0f} s"
    return {"seconds": time.monotonic() - began, "ended": ended, **(_counts(report) if report.exists() else {})}


def _counts(report: Path) -> dict[str, Any]:
    cases = list(ET.parse(report).getroot().iter("testcase"))
    kinds: dict[str, list[str]] = {"failed": [], "skipped": [], "passed": []}
    for case in cases:
        bad = case.find("failure") is not None or case.find("error") is not None
        kind = "failed" if bad else "skipped" if case.find("skipped") is not None else "passed"
        kinds[kind].append(f"{case.get('classname')}::{case.get('name')}")
    return {"passed": len(kinds["passed"]), "skipped": len(kinds["skipped"]), "failed": kinds["failed"]}


def run_steps(names: list[str], device: torch.device, runs: int, deadline: float) -> list[dict[str, Any]]:
    """Each on the device, then on the CPU while time is left."""
    rows = [_tried(name, device, runs, bandwidth(device), deadline) for name in names]
    if device.type != "cpu":
        cpu = torch.device("cpu")
        speed, beside = bandwidth(cpu), [name for name in names if name not in ON_GPU]
        rows += [_tried(name, cpu, 1, speed, deadline - SPARE) for name in beside]
    return rows


def _tried(name: str, device: torch.device, runs: int, speed: float, deadline: float) -> dict[str, Any]:
    row: dict[str, Any] = {"step": name, "device": str(device)}
    if time.monotonic() > deadline:
        row["error"] = "no time was left"
    else:
        try:
            row = measured(name, device, runs, speed)
        except MissingDependencyError as error:
            row["missing"] = str(error)
        except Exception as error:  # whatever one step meets, the others are worth having
            row["error"] = f"{type(error).__name__}: {error}"[:300]
    print(line(row), flush=True)
    return row


HEAD = (
    *("step", "device", "solver", "forward (ms)", "backward (ms)", "both (ms)", "target (ms)", "floor (ms)", "floors"),
    *("iterations", "residual", "GiB"),
)


def line(row: dict[str, Any]) -> str:
    said = row.get("error") or row.get("missing")
    if said:
        cells = [row["step"], row["device"], said.replace("\n", " ").replace("|", "/")]
        return "| " + " | ".join([*cells, *[""] * (len(HEAD) - 3)]) + " |"
    both = row["forward"] + row["backward"]
    times = [f"{1e3 * seconds:.1f}" for seconds in (row["forward"], row["backward"], both)]
    floors = [f"{1e3 * row['floor']:.3f}", f"{both / row['floor']:.0f}"]
    target, peak = (_number(row[name], form) for name, form in (("target", ".0f"), ("peak", ".2f")))
    cells = [row["step"], row["device"], row["solver"], *times, target, *floors, str(row["iterations"])]
    return "| " + " | ".join([*cells, _number(row["residual"], ".1e"), peak]) + " |"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def page(found: dict[str, Any]) -> str:
    """The results as Markdown."""
    tests = found["tests"]
    counts = ((kind, tests.get(kind, 0)) for kind in ("passed", "skipped"))
    said = ", ".join(f"{count} {kind}" for kind, count in counts) + f", {len(tests.get('failed', ()))} failed"
    said += f" ({tests['ended']})" if tests["ended"] else ""
    parts = [
        f"{found['gpu']}; {found['machine']}; memory {found['bandwidth'] / 1e9:.0f} GB/s",
        f"Tests that need a GPU: {said}, {tests['seconds']:.0f} s.",
        f"Not installed: {', '.join(found['missing']) or 'nothing'}.",
        "\n".join(f"* {name}" for name in tests.get("failed", ())),
        "\n".join(["| " + " | ".join(HEAD) + " |", "|---" * len(HEAD) + "|", *map(line, found["steps"])]),
        _aims(found["steps"]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _aims(rows: list[dict[str, Any]]) -> str:
    """Which targets were reached."""
    aimed = [row for row in rows if row.get("target") is not None]
    missed = [row["step"] for row in aimed if 1e3 * (row["forward"] + row["backward"]) > row["target"]]
    if not aimed:
        return "No step with a target was measured on a GPU."
    return f"Targets reached: {len(aimed) - len(missed)} of {len(aimed)}. Missed: {'; '.join(missed) or 'none'}."


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=[*LARGE, *ON_GPU], metavar="NAME")
    parser.add_argument("--small", action="store_true", help="small steps, for a first look")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=450, help="for all of it; at most 0.6 of them for tests")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "gpu")
    options = parser.parse_args(arguments)
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print(f"torch {torch.__version__} of {sys.executable} sees no CUDA device.", file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + options.seconds
    found: dict[str, Any] = {
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU",
        "machine": machine(),
        "bandwidth": bandwidth(device),
        "missing": [name for name in OPTIONAL if importlib.util.find_spec(name) is None],
        "tests": run_tests(options.out, SHARE_OF_TESTS * options.seconds),
    }
    names = list(SMALL if options.small else options.steps)
    found["steps"] = run_steps(names, device, options.runs, deadline)
    (options.out / "gpu.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (options.out / "gpu.md").write_text(page(found), encoding="utf-8")
    print(page(found))
    wrong = found["tests"]["ended"] or found["tests"].get("failed") or any("error" in row for row in found["steps"])
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
