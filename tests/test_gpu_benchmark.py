"""What `make gpu` runs and writes, tried where there is no GPU."""

import importlib
import json
import time
from pathlib import Path

import pytest
import torch

from graphrw.core.errors import MissingDependencyError


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    return importlib.import_module("gpu")


@pytest.fixture
def steps(gpu):
    return gpu.run_steps(list(gpu.SMALL), torch.device("cpu"), 1, time.monotonic() + 600)


def test_small_steps_run_here_and_make_a_page_and_plain_json(gpu, steps):
    assert [row.get("error") for row in steps] == [None] * len(gpu.SMALL)
    tests = {"passed": 3, "skipped": 1, "failed": ["tests.test_a::test_b"], "ended": "", "seconds": 2.0}
    found = {"gpu": "a GPU", "machine": "m", "bandwidth": 1e12, "missing": [], "tests": tests, "steps": steps}
    page = gpu.page(found)
    assert "3 passed, 1 skipped, 1 failed" in page
    assert "* tests.test_a::test_b" in page
    assert all(f"| {name} | cpu |" in page for name in gpu.SMALL)
    assert "No step with a target was measured on a GPU." in page
    json.loads(json.dumps(found, allow_nan=False))


def test_what_is_missing_is_no_failure_and_targets_are_counted(gpu, monkeypatch):
    row = _tried_with(gpu, monkeypatch, MissingDependencyError("The solver needs | a package."))
    assert "error" not in row
    assert "The solver needs / a package." in gpu.line(row)
    row = {"target": 40.0, "forward": 0.01, "backward": 0.02, "step": "a"}
    assert gpu._aims([row, {**row, "backward": 0.04, "step": "b"}]) == "Targets reached: 1 of 2. Missed: b."


def _tried_with(gpu, monkeypatch, error):
    def fails(*_):
        raise error

    monkeypatch.setattr(gpu, "measured", fails)
    (row,) = gpu.run_steps(["image-64, 8 labels"], torch.device("cpu"), 1, time.monotonic() + 600)
    return row


def test_every_target_is_of_a_step_on_the_gpu(gpu):
    steps = importlib.import_module("gpu_steps")
    assert set(steps.TARGETS) <= set(steps.LARGE) | set(steps.ON_GPU)


def test_a_step_that_fails_or_comes_too_late_is_told_and_keeps_no_other_from_running(gpu, monkeypatch):
    measured = gpu.measured

    first_name, second_name = list(gpu.SMALL)[:2]

    def fails(name, *others):
        if name == first_name:
            raise RuntimeError("out of memory")
        return measured(name, *others)

    monkeypatch.setattr(gpu, "measured", fails)
    first, second = gpu.run_steps([first_name, second_name], torch.device("cpu"), 1, time.monotonic() + 600)
    assert first["error"] == "RuntimeError: out of memory"
    assert "error" not in second
    (late,) = gpu.run_steps([first_name], torch.device("cpu"), 1, time.monotonic() - 1)
    assert gpu.line(late).startswith(f"| {first_name} | cpu | no time was left |")
    assert gpu.line(late).count("|") == gpu.line(second).count("|")


def test_tests_are_counted_by_how_they_ended(gpu, tmp_path):
    report = tmp_path / "tests.xml"
    report.write_text(
        '<testsuites><testsuite><testcase classname="a" name="b"/>'
        '<testcase classname="a" name="c"><failure/></testcase>'
        '<testcase classname="a" name="d"><skipped/></testcase></testsuite></testsuites>'
    )
    assert gpu._counts(report) == {"passed": 1, "skipped": 1, "failed": ["a::c"]}


def test_every_test_that_needs_a_gpu_is_found_by_its_file(gpu):
    files = {path.name: path.read_text() for path in Path(__file__).parent.glob("test_*.py")}
    chosen = {name for name, text in files.items() if gpu.NEEDS_A_GPU.search(text)}
    assert {"test_devices.py", "test_solvers.py", "test_multigrid.py", "test_label_layers.py"} <= chosen
    assert {"test_playback.py", "test_triton.py"} <= chosen
    assert len(chosen) < len(files) / 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(gpu, tmp_path, capsys):
    assert gpu.main(["--out", str(tmp_path)]) == 2
    assert "sees no CUDA device" in capsys.readouterr().err


@pytest.mark.nightly
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_in_small_it_runs_from_beginning_to_end_on_a_cpu(gpu, tmp_path):
    """With every test that needs a GPU, each of them skipped."""
    assert gpu.main(["--device", "cpu", "--small", "--runs", "1", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert (found["tests"]["ended"], found["tests"]["passed"], found["tests"]["failed"]) == ("", 0, [])
    assert found["tests"]["skipped"] > 100
    assert [row["step"] for row in found["steps"]] == list(gpu.SMALL)
    assert "| image-64, 8 labels | cpu |" in (tmp_path / "gpu.md").read_text()
