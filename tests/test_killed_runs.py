"""`graphrw walk --blocks`, killed by the system: the same command goes on, to the answer of a run that was not."""

from pathlib import Path

import numpy as np
import pytest
from cli_files import patched, run, two_halves
from numpy.typing import NDArray

from graphrw.files import ImageFile, open_in_parts, write_image
from graphrw.solvers.streamed import coarsening, hierarchy

LEVELS = "IN_MEMORY", "LEAST_PART"
# Levels on disk, and a line when a stage begins; it is killed wherever it then is, such as within a write.
UNTIL = """
from graphrw.segmentation.blocks.telling import Telling
from graphrw.solvers.streamed import coarsening, hierarchy
hierarchy.IN_MEMORY, coarsening.LEAST_PART = 200, 100
tell = Telling.__call__
def told(self):
    if self.what.startswith({stage!r}) and not told.ticks:
        print("now", flush=True)
    told.ticks -= self.what.startswith({stage!r})
    tell(self)
told.ticks = {ticks}
Telling.__call__ = told
"""
STAGES = ["reading", "finding what hangs together", "weighing edges", "making coarser levels", "walking", "writing"]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A volume to walk over, without the output."""
    monkeypatch.setattr(hierarchy, "IN_MEMORY", 200)
    monkeypatch.setattr(coarsening, "LEAST_PART", 100)
    for name, values in zip(("image", "seeds"), two_halves(16, 20, 24), strict=True):
        write_image(tmp_path / f"{name}.zarr", ImageFile(values))
    paths = [tmp_path / f"{name}.zarr" for name in ("image", "seeds")]
    return ["walk", *paths, "--blocks", 8, "--probabilities", tmp_path / "p.zarr", "--quiet"]


def killed(stage: str, ticks: int, *command: object) -> None:
    process = patched(UNTIL.format(stage=stage, ticks=ticks), *command)
    process.kill()
    process.communicate()


def answer(folder: Path, command: list[object]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    out = run(*command, "-o", folder / "out.zarr")
    assert out.exit_code == 0, out.output
    labels, share = (open_in_parts(folder / f"{name}.zarr").values[...] for name in ("out", "p"))
    return labels, share


@pytest.mark.parametrize(
    "stages", [["walking"], pytest.param(STAGES, marks=pytest.mark.nightly)], ids=["once", "in every stage"]
)
def test_a_run_that_the_system_kills_goes_on_to_the_same_answer(
    stages: list[str], command: list[object], tmp_path: Path
) -> None:
    labels, share = answer(tmp_path, command)
    for path in ("out.zarr", "p.zarr"):
        (tmp_path / path).rename(tmp_path / f"first-{path}")
    for ticks, stage in enumerate(stages, start=7):
        killed(stage, ticks, *command, "-o", tmp_path / "out.zarr")
        assert (tmp_path / "out.zarr.unfinished").exists() == (stage != "reading")
        assert not (tmp_path / "out.zarr").exists()
        assert not (tmp_path / "p.zarr").exists()
    again, shares = answer(tmp_path, command)
    np.testing.assert_array_equal(again, labels)
    np.testing.assert_allclose(shares, share, rtol=0, atol=2e-6)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["first-out.zarr", "first-p.zarr", "image.zarr", "out.zarr", "p.zarr", "seeds.zarr"]
    )
