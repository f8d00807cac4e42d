"""What goes wrong around a run: it is killed, interrupted, given a bad item or a full disk. Nothing is half done."""

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from torch import Tensor, nn

import graphrw as rw
from graphrw.core.errors import SingularWalkError
from graphrw.files import ImageFile, read_image, write_image
from graphrw.functional import limit
from graphrw.models import training
from graphrw.partition import kmeans
from graphrw.segmentation import random_walker_blocks

resource = pytest.importorskip("resource", reason="limits are those of POSIX")
GRID = rw.grid_graph((20, 20))
WEIGHT = torch.rand(GRID.num_edges, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.1
SEEDS = torch.full((400,), -1).index_put((torch.tensor([0, 399]),), torch.tensor([0, 1]))


def trained(checkpoint: Path, *, stuck_at: int = -1) -> dict[str, Tensor]:
    """The weights after 30 steps; a run that is to be killed keeps its state at every step, and then waits."""
    training.KEEP_EVERY = 0.0
    torch.manual_seed(0)
    model = nn.Linear(3, 1)

    def loss(step: int) -> Tensor:
        if step == stuck_at:
            print("now", flush=True)
            time.sleep(600)
        x = torch.rand(8, 3, generator=torch.Generator().manual_seed(step))
        return (model(x) - x.sum(1, keepdim=True)).square().mean()

    training.fit(model, loss, schedule=training.Schedule(30), checkpoint=checkpoint)
    return dict(model.state_dict())


def test_a_training_that_is_killed_and_resumed_ends_with_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "KEEP_EVERY", 0.0)
    program = f"import test_faults; test_faults.trained(test_faults.Path({str(tmp_path / 'a')!r}), stuck_at=17)"
    here = Path(__file__).parent
    settings = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here.parent), str(here), *sys.path])}
    with subprocess.Popen([sys.executable, "-c", program], env=settings, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "now\n"
        process.kill()
    assert (tmp_path / "a").exists()
    resumed, whole = trained(tmp_path / "a"), trained(tmp_path / "b")
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)
    assert not list(tmp_path.iterdir())


def test_one_bad_item_of_a_batch_is_named() -> None:
    batch = rw.Graph.batch([GRID] * 3)
    weight, killing, seeds = WEIGHT.repeat(3), torch.zeros(1200).double(), SEEDS.repeat(3)
    weight[GRID.num_edges + 5] = torch.nan
    with pytest.raises(ValueError, match=rf"got nan at index {GRID.num_edges + 5}, in graph 1 of the batch"):
        rw.walk(batch, weight)
    killing[800] = -1.0
    with pytest.raises(ValueError, match=r"got -1\.0 at index 800, in graph 2 of the batch"):
        rw.walk(batch, WEIGHT.repeat(3), killing)
    seeds[400:800] = -1
    with pytest.raises(SingularWalkError, match=r"400 of 1200 nodes \(first: 400, in graph 1 of the batch\)"):
        rw.hitting_probabilities(rw.walk(batch, WEIGHT.repeat(3)), seeds)
    held = torch.tensor([0, 400])
    with pytest.raises(SingularWalkError, match=r"first: 800, in graph 2 of the batch\)"):
        rw.harmonic(rw.walk(batch, WEIGHT.repeat(3)), held, torch.ones(2).double())
    with pytest.raises(SingularWalkError, match=r"first: 0, in graph 0 of the batch\)"):
        rw.solve(rw.walk(batch, WEIGHT.repeat(3)), torch.ones(1200))
    huge = WEIGHT.repeat(3)
    huge[-1] = huge[-2] = 1.7e308
    with pytest.raises(ValueError, match=r"weights of node \d+, in graph 2 of the batch"):
        rw.walk(batch, huge * 1.0)


def test_one_bad_image_of_a_batch_is_named() -> None:
    model, images = rw.models.LearnedRandomWalker(1, 4, stride=1), torch.rand(3, 1, 8, 8)
    images[2, 0, 3, 3] = torch.inf
    with pytest.raises(ValueError, match=r"`image` holds NaN or infinite values \(image 2 of the batch\)"):
        model.edge_weights(images)


@contextmanager
def full_disk(room: int = 2000) -> Iterator[None]:
    """No file may grow beyond so many bytes: writing fails half way, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def noisy_image(path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 65535, (90, 90)).astype(np.uint16)
    write_image(path, ImageFile(values, axes="yx"))


def long_log(path: Path) -> None:
    session = rw.Session(np.zeros((60, 60)), superpixels=False)
    for row in range(0, 60, 2):
        session.paint(1, (np.full(30, row), np.arange(0, 60, 2)))
    session.save_log(path)


def checkpoint(path: Path) -> None:
    training.fit(nn.Linear(50, 50), lambda step: stopped(), checkpoint=path, progress=lambda share, what: False)


def stopped() -> Tensor:
    raise AssertionError("it was stopped before")


WRITTEN: dict[str, Callable[[Path], object]] = {
    **dict.fromkeys(["a.png", "a.tif", "a.nii", "a.nii.gz", "a.nrrd", "a.zarr", "a.npy"], noisy_image),
    "a.safetensors": lambda path: rw.models.LearnedRandomWalker(1, 8).save(path),
    "a.json": long_log,
    "a.checkpoint": checkpoint,
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of writers that close twice
@pytest.mark.parametrize("name", WRITTEN)
def test_on_a_full_disk_a_file_stays_what_it_was(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name.endswith("zarr"):
        path.mkdir()
        (path / ".zgroup").write_text('{"zarr_format": 2}')
    elif name != "a.checkpoint":
        path.write_bytes(b"before")
    before = sorted(tmp_path.rglob("*"))
    with full_disk(), pytest.raises(OSError):  # noqa: PT011 - the words are the system's
        WRITTEN[name](path)
    gc.collect()
    assert sorted(tmp_path.rglob("*")) == before


def session_labels() -> Callable[[], Any]:
    image = np.random.default_rng(0).random((60, 60))
    session = rw.Session(image)
    session.paint(1, ([5, 5], [5, 9]))
    session.paint(2, ([50, 50], [50, 44]))

    def labels() -> Any:
        session.undo()
        session.redo()
        return torch.as_tensor(session.labels)

    return labels


def learned_labels() -> Callable[[], Any]:
    image = np.zeros((30, 40))
    image[:, 20:] = 1
    session = rw.Session(image)
    for label, column in ((1, 2), (1, 9), (2, 25), (2, 37)):
        session.paint(label, ([15], [column]))

    def labels() -> Any:
        session.learn(image[None])
        return torch.as_tensor(session.labels)

    return labels


def labels_by_blocks(folder: Path) -> Callable[[], Any]:
    """An interrupted run leaves its folder, from which the next one goes on."""
    image = np.random.default_rng(0).random((9, 20))
    marks = np.zeros((9, 20), int)
    marks[4, 2], marks[4, 17] = 1, 2

    def labels() -> Any:
        random_walker_blocks(image, marks, folder / "out.zarr", block=8)
        return torch.as_tensor(read_image(folder / "out.zarr").values)

    return labels


def again_and_again(call: Callable[[], Any], seconds: float) -> None:
    """Until the alarm, in so many seconds."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    for _ in count():
        call()


def long_calls(folder: Path) -> dict[str, Callable[[], Callable[[], Any]]]:
    """Each makes a call that can be made again and again, with what it shares from one to the next."""
    walk = rw.walk(GRID, WEIGHT)
    image = np.random.default_rng(0).random((40, 40))
    marks = np.zeros((40, 40), int)
    marks[3, 3], marks[36, 36] = 1, 2
    points = torch.rand(300, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return {
        "diffusion_map": lambda: lambda: rw.diffusion_distance(walk, 2.0, 6, rows=torch.tensor([0])),
        "heat": lambda: lambda: rw.heat(walk, torch.eye(400, 2, dtype=torch.float64), 0.5),
        "resolvent": lambda: lambda: rw.resolvent(rw.walk(GRID, WEIGHT, 0.1), torch.ones(400, 2, dtype=torch.float64)),
        "poisson_labels": lambda: lambda: rw.poisson_labels(walk, SEEDS),
        "effective_resistance": lambda: lambda: rw.effective_resistance(walk, torch.tensor([[0, 399]])),
        "hitting_time": lambda: lambda: rw.hitting_time(walk, torch.tensor([399])),
        "knn_graph": lambda: lambda: rw.knn_graph(points, 5)[1],
        "kmeans": lambda: lambda: kmeans(points, 4),
        "random_walker": lambda: lambda: torch.as_tensor(rw.random_walker(image, marks)),
        "segment": lambda: lambda: torch.as_tensor(rw.segment(image, marks)),
        "Session": session_labels,
        "learn": learned_labels,
        "random_walker_blocks": lambda: labels_by_blocks(folder),
        "normalised_cut": lambda: lambda: rw.normalised_cut(walk, 3),
        "limit": lambda: lambda: limit(walk, torch.eye(400, 2, dtype=torch.float64), 0.9),
        "step": lambda: lambda: rw.step(walk, torch.eye(400, 2, dtype=torch.float64), steps=50),
    }


# An interrupt may meet psutil, too, between the opening of a file in /proc and its `with`.
@pytest.mark.filterwarnings("ignore:unclosed file", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", long_calls(Path()))
def test_after_ctrl_c_in_a_long_call_the_same_objects_answer_as_before(name: str, tmp_path: Path) -> None:
    call = long_calls(tmp_path)[name]()
    expected = call()
    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for seconds in (0.002, 0.009, 0.04):
            with pytest.raises(KeyboardInterrupt):
                again_and_again(call, seconds)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        # An interrupt may meet torch's own `no_grad` between the switch and its `with`, which then never switches back.
        torch.set_grad_enabled(True)
    torch.testing.assert_close(call(), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.nightly
def test_ten_thousand_solves_take_no_more_memory_than_a_thousand() -> None:
    held = []
    for number in range(10_000):
        z = rw.hitting_probabilities(rw.walk(GRID, WEIGHT + number % 7), SEEDS)
        assert z.shape == (400, 2)
        if number in (999, 9_999):
            gc.collect()
            held.append(psutil.Process().memory_info().rss)
    assert held[1] < 1.01 * held[0]
