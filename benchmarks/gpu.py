"""All that a GPU can show in eight minutes: the tests that need one, and training steps beside the CPU's.

`make gpu` runs it with the Python that has torch for CUDA; nothing is downloaded. What fails is told at the end and in
the exit status, and does not keep the rest from running: a machine with a GPU may not be there tomorrow.

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
from gpu_steps import LARGE, SMALL, bandwidth, measured

ROOT = Path(__file__).parents[1]
OPTIONAL = ("rslab", "nvmath", "triton")
NEEDS_A_GPU = re.compile(r"mark\.cuda|def test_\w+\([^)]*\bdevice\b")  # others may need packages that are not there


def run_tests(out: Path, seconds: float) -> dict[str, Any]:
    """In processes beside each other: how many passed, and the names of those that did not."""
    report = out / "tests.xml"
    report.unlink(missing_ok=True)
    files = [str(path) for path in sorted((ROOT / "tests").glob("test_*.py")) if NEEDS_A_GPU.search(path.read_text())]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "cuda", f"--junitxml={report}", "-p", "no:cacheprovider"]
    command += ["-W", "default::DeprecationWarning", *files]  # other packages may be of any version
    command += ["-n", "4"] if importlib.util.find_spec("xdist") else []
    began = time.monotonic()
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
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
    places = [device] if device.type == "cpu" else [device, torch.device("cpu")]
    rows: list[dict[str, Any]] = []
    for place in places:
        speed = bandwidth(place)
        for name in names:
            if time.monotonic() > deadline:
                rows.append({"step": name, "device": str(place), "error": "no time was left"})
                continue
            try:
                rows.append(measured(name, place, runs if place == device else 1, speed))
            except Exception as error:  # whatever one step meets, the others are worth having
                rows.append({"step": name, "device": str(place), "error": f"{type(error).__name__}: {error}"[:300]})
            print(line(rows[-1]), flush=True)
    return rows


HEAD = ("step", "device", "solver", "forward (ms)", "backward (ms)", "both (ms)", "floors", "steps", "residual", "GiB")


def line(row: dict[str, Any]) -> str:
    if "error" in row:
        return f"| {row['step']} | {row['device']} | {row['error']} |" + " |" * (len(HEAD) - 3)
    forward, backward = 1e3 * row["forward"], 1e3 * row["backward"]
    peak = "–" if row["peak"] is None else f"{row['peak']:.2f}"
    residual = "–" if row["residual"] is None else f"{row['residual']:.1e}"
    times = f"{forward:.1f} | {backward:.1f} | {forward + backward:.1f} | {row['floors']:.0f}"
    return (
        f"| {row['step']} | {row['device']} | {row['solver']} | {times} | {row['iterations']} | {residual} | {peak} |"
    )


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
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--steps", nargs="+", choices=(*LARGE, *SMALL), default=LARGE, metavar="NAME")
    parser.add_argument("--small", action="store_true", help="small steps, for a first look")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=450, help="for all of it; half of them for tests")
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
        "tests": run_tests(options.out, options.seconds / 2),
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
