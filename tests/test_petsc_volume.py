"""Volumes in Zarr that processes label together, each its own block: in one process, and in several (`.ci/petsc`)."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

import graphrw as rw
from graphrw.files import ome_zarr, read_image, write_image
from graphrw.files.image_file import ImageFile
from graphrw.solvers import Cholesky, PETSc

pytest.importorskip("petsc4py")
pytest.importorskip("mpi4py")
pytest.importorskip("zarr")
from mpi4py import MPI

from graphrw.distributed import Volume

WORLD = MPI.COMM_WORLD
SHAPE = (12, 17, 15)


@pytest.fixture
def folder(tmp_path):
    return WORLD.bcast(tmp_path)


def files(folder, kind=np.float64, seeds=((2, 3, 3, 5), (9, 12, 11, 9), (3, 14, 2, 300))):
    """A noisy volume of two halves, seeds with their labels, and a mask; written by one process."""
    chance = np.random.default_rng(0)
    image = 0.3 * chance.random(SHAPE)
    image[:, 8:] += 0.5
    image = image if kind == np.float64 else (image * np.iinfo(kind).max / 2).astype(kind)
    labels, mask = np.zeros(SHAPE, np.int32), np.ones(SHAPE, np.uint8)
    for *place, label in seeds:
        labels[tuple(place)] = label
    mask[:3, :3], labels[0, -1, -1] = 0, -1
    paths = [folder / f"{name}.zarr" for name in ("image", "seeds", "mask")]
    if WORLD.rank == 0:
        for path, values in zip(paths, (image, labels, mask), strict=True):
            write_image(path, ImageFile(values, axes="zyx", spacing=(2.0, 1.0, 1.0), unit="µm"))
    WORLD.Barrier()
    return paths, image, np.where(mask == 0, -1, labels)


@pytest.mark.parametrize("kind", [np.float64, np.uint16])
@pytest.mark.parametrize("spacing", [None, (2.0, 1.0, 1.0)])
def test_probabilities_are_those_of_one_process(folder, kind, spacing):
    paths, image, labels = files(folder, kind)
    volume = Volume(*paths, beta=90.0, spacing=spacing)
    options = {"return_full_prob": True, "solver": Cholesky()}
    expected = rw.random_walker(image, labels, 90.0, spacing=spacing, **options)
    found = volume.probabilities(PETSc(rtol=1e-12))
    block = torch.from_numpy(expected)[(slice(None), *volume.graph.block)].reshape(3, -1).T
    inside = volume.labels >= 0
    torch.testing.assert_close(found[inside], block[inside], rtol=0, atol=1e-8)
    assert not found[~inside].any()


def test_all_processes_write_one_file_each_its_own_blocks(folder):
    paths, image, labels = files(folder)
    volume = Volume(*paths)
    probability = volume.probabilities()
    volume.write(folder / "labels.zarr", volume.answer(probability).numpy().astype(np.uint16))
    volume.write(folder / "share.zarr", probability.float().numpy())
    WORLD.Barrier()
    expected = rw.random_walker(image, labels)
    found = read_image(folder / "labels.zarr")
    assert np.array_equal(found.values, np.where(expected < 0, 0, expected))
    assert (found.spacing, found.unit) == ((2.0, 1.0, 1.0), "µm")
    share = read_image(folder / "share.zarr")
    assert share.channel_axis == 0
    assert share.values.shape == (3, *SHAPE)
    assert np.array_equal(share.values[:, 5, 5, 5].argmax(), np.searchsorted([5, 9, 300], found.values[5, 5, 5]))
    chunks = ome_zarr.created(folder / "labels.zarr").chunks
    starts = [[part.start for part in block] for block in WORLD.allgather(volume.graph.block)]
    assert all(start % chunk == 0 for corner in starts for start, chunk in zip(corner, chunks, strict=True))


def test_a_volume_without_a_seed_or_of_another_shape_is_refused(folder):
    paths, *_ = files(folder, seeds=())
    with pytest.raises(ValueError, match="holds no seed"):
        Volume(*paths).probabilities()
    if WORLD.rank == 0:
        write_image(folder / "small.zarr", ImageFile(np.zeros((3, 4, 5)), axes="zyx"))
    WORLD.Barrier()
    with pytest.raises(ValueError, match=r"small.zarr` is \(3, 4, 5\)"):
        Volume(paths[0], folder / "small.zarr")


@pytest.mark.skipif(WORLD.size > 1, reason="starts processes of its own")
@pytest.mark.parametrize("processes", [1, 2, 4])
def test_the_command_labels_a_volume_in_several_processes(tmp_path, processes):
    paths, image, labels = files(tmp_path)
    words = [
        "walk",
        *map(str, paths[:2]),
        "--mask",
        str(paths[2]),
        "-o",
        str(tmp_path / "out.zarr"),
        "--engine",
        "petsc",
    ]
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    # This process has started MPI, and its mark must not pass to those that `mpirun` starts.
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("OMPI_", "PMIX_"))}
    start = ["mpirun", "--oversubscribe", "-n", str(processes), sys.executable, "-m", "graphrw", *words]
    ended = subprocess.run(start, env=plain | root, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("Labels 5, 9, 300 on 12 × 17 × 15 pixels") == 1
    expected = rw.random_walker(image, labels, spacing=(2.0, 1.0, 1.0))
    assert np.array_equal(read_image(tmp_path / "out.zarr").values, np.where(expected < 0, 0, expected))
