"""The command line as a process: how it ends when it is killed, and without typer."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from cli_files import patched, start, two_halves, written

from graphrw.files import ImageFile, read_image, write_image

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
HALF = """
import graphrw.files.{0} as f
w = f.write
def write(path, file):
    w(path, file)
    part = next(path.rglob("*.*")) if path.is_dir() else path
    part.write_bytes(part.read_bytes()[:20])
    print("now", flush=True)
    for _ in range(600):  # a signal that comes just before a long sleep would wait for its end
        time.sleep(0.1)
f.write = write
"""
AT_WORK = """
import graphrw.cli.segment as command
by_session = command.by_session
def work(*arguments, **options):
    print("now", flush=True)
    return by_session(*arguments, **options)
command.by_session = work
"""


def writing(kind: str, ending: str, folder: Path) -> "subprocess.Popen[str]":
    """A run of `graphrw segment` that has written half of its output, in place of an older one."""
    image, seeds = written(folder, ending)
    write_image(folder / f"o{ending}", ImageFile(two_halves(40, 60)[1]))
    return patched(HALF.format(kind), "segment", image, seeds, "-o", folder / f"o{ending}")


@pytest.mark.parametrize(("kind", "ending"), [("picture", ".png"), ("ome_zarr", ".zarr")])
def test_a_run_that_is_killed_while_it_writes_leaves_what_was_there(kind: str, ending: str, tmp_path: Path) -> None:
    process = writing(kind, ending, tmp_path)
    process.kill()
    process.communicate()
    np.testing.assert_array_equal(read_image(tmp_path / f"o{ending}").values, two_halves(40, 60)[1])


@pytest.mark.parametrize(
    ("number", "code", "said"), [(signal.SIGINT, 130, "Interrupted.\n"), (signal.SIGTERM, 143, "")]
)
def test_a_run_that_is_asked_to_stop_sweeps_up(number: int, code: int, said: str, tmp_path: Path) -> None:
    process = writing("picture", ".png", tmp_path)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (code, said)
    assert sorted(os.listdir(tmp_path)) == ["image.png", "o.png", "seeds.png"]
    np.testing.assert_array_equal(read_image(tmp_path / "o.png").values, two_halves(40, 60)[1])


def test_ctrl_c_in_the_midst_of_the_work_is_130_without_a_traceback(tmp_path: Path) -> None:
    image, seeds = written(tmp_path, ".npy", (60, 90, 90))
    process = patched(AT_WORK, "walk", image, seeds, "-o", tmp_path / "o.npy", "--beta", 5000)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (130, "Interrupted.\n")
    assert sorted(os.listdir(tmp_path)) == ["image.npy", "seeds.npy"]


LOST = """
import os, signal
import graphrw.cli.segment as command
class Last:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0)  # where Python asks for signals
def work(*arguments, **options):
    print("now", flush=True)
    Last()
    for _ in range(200):
        time.sleep(0.1)
command.by_session = work
"""


def test_ctrl_c_where_python_drops_exceptions_is_asked_again(tmp_path: Path) -> None:
    image, seeds = written(tmp_path)
    _, errors = (process := patched(LOST, "walk", image, seeds, "-o", tmp_path / "o.png")).communicate(timeout=60)
    assert (process.returncode, errors) == (130, "Interrupted.\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_crashes_when_python_takes_itself_down_does_not_after_a_signal(
    number: int, code: int, tmp_path: Path
) -> None:
    image, seeds = written(tmp_path)
    crash = "import atexit, os; atexit.register(os.abort)\n"
    process = patched(crash + HALF.format("picture"), "segment", image, seeds, "-o", tmp_path / "o.png")
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == code


def test_the_module_is_the_command_and_shows_help(tmp_path: Path) -> None:
    output, errors = start("--help", folder=tmp_path).communicate()
    assert errors == ""
    assert output.startswith("Usage: graphrw [OPTIONS] COMMAND [ARGS]...")
    for command in ("segment", "walk", "label", "train", "info", "page"):
        assert f"\n  {command} " in output


def test_without_typer_one_sentence_names_the_extra(tmp_path: Path) -> None:
    program = "import sys; sys.modules['typer'] = None; from graphrw.__main__ import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "The command line needs typer and rich: pip install 'graphrw[image]'\n"


BOTH = """
import warnings
import graphrw.cli.segment as command
class Both(UserWarning, DeprecationWarning): pass
by_session = command.by_session
def warns(*arguments, **options):
    warnings.warn("of another package", Both)
    warnings.warn("of this run")
    print("now", flush=True)
    return by_session(*arguments, **options)
command.by_session = warns
"""


def test_deprecations_in_other_packages_are_not_for_users(tmp_path: Path) -> None:
    image, seeds = written(tmp_path, ".npy")
    process = patched(BOTH, "walk", image, seeds, "-o", tmp_path / "o.npy")
    _, errors = process.communicate(timeout=120)
    assert errors.splitlines()[0] == "Warning: of this run"
    assert "of another package" not in errors


def test_a_reader_who_leaves_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "edges.txt").write_text("".join(f"{i} {i + 1}\n" for i in range(50_000)))
    (tmp_path / "known.txt").write_text("0 a\n50000 b\n")
    with start("label", "edges.txt", "known.txt", folder=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "node,label,probability\n"
        process.stdout.close()
        assert process.stderr.read() == ""
