"""Too slow for every run: real sizes."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import scikit_image_differences
import torch
from skimage import data, segmentation, util

import graphrw as rw
from graphrw.solvers import CG, Cholesky, SuperLU

pytestmark = pytest.mark.nightly


def camera():
    image = util.img_as_float(data.camera())
    labels = torch.zeros(512, 512, dtype=torch.int64)
    labels[::64, ::64] = torch.arange(64).reshape(8, 8) % 4 + 1
    return image, labels.numpy()


@pytest.mark.parametrize("solver", [SuperLU(), CG(rtol=1e-12)], ids=lambda solver: type(solver).__name__)
def test_solvers_agree_on_a_real_image(solver):
    image, labels = camera()
    ours = rw.random_walker(image, labels, return_full_prob=True, solver=Cholesky())
    other = rw.random_walker(image, labels, return_full_prob=True, solver=solver)
    assert abs(ours - other).max() < 1e-6
    assert abs(ours.sum(0) - 1).max() < 1e-9


def test_scikit_images_direct_answer_is_ours_on_a_real_image():
    image, labels = camera()
    ours = rw.random_walker(image, labels, return_full_prob=True)
    theirs = segmentation.random_walker(image, labels, mode="bf", return_full_prob=True)
    assert abs(ours - theirs).max() < 1e-5


def test_scikit_images_own_tests_pass_on_ours_but_for_the_differences_that_are_meant(tmp_path):
    """The file is in the wheel of scikit-image 0.24; later ones have no tests."""
    fetch = [sys.executable, "-m", "pip", "download", "scikit-image==0.24.0", "--no-deps", "--dest", str(tmp_path)]
    any_wheel = ["--only-binary", ":all:", "--python-version", "3.12"]  # whatever Python runs here: no code of it runs
    fetched = subprocess.run([*fetch, *any_wheel], capture_output=True, text=True, check=False)
    if fetched.returncode:
        pytest.skip(f"scikit-image 0.24 could not be fetched: {fetched.stderr.strip().splitlines()[-1]}")
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        tests = wheel.read("skimage/segmentation/tests/test_random_walker.py")
    (tmp_path / "test_random_walker.py").write_bytes(tests)
    (tmp_path / "pytest.ini").write_text("[pytest]")
    here = Path(__file__).parent
    # Its own switch for other environments: no warning is missed, as those of iterative methods are here.
    settings = {"SKIMAGE_TEST_STRICT_WARNINGS": "0", "PYTHONPATH": os.pathsep.join([str(here.parent), str(here)])}
    command = [sys.executable, "-m", "pytest", "-p", "scikit_image_differences", "-q", "test_random_walker.py"]
    ran = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout
    assert f"34 passed, {len(scikit_image_differences.DIFFERENCES)} xfailed" in ran.stdout


def test_a_step_of_learning_on_a_real_image_has_the_gradient_of_finite_differences():
    graph, (image, labels) = rw.grid_graph((512, 512)), camera()
    pixels, seeds = torch.from_numpy(image).flatten(), torch.from_numpy(labels).flatten() - 1
    weight = (rw.gaussian_affinity(graph, pixels, 100.0) + 1e-4).requires_grad_()
    direction = (
        torch.randn(graph.num_edges, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * weight.detach()
    )

    def loss(weight):
        return rw.hitting_probabilities(rw.walk(graph, weight), seeds).square().mean()

    (gradient,) = torch.autograd.grad(loss(weight), weight)
    step = 1e-4
    with torch.no_grad():
        slope = (loss(weight + step * direction) - loss(weight - step * direction)) / (2 * step)
    assert float(gradient @ direction) == pytest.approx(float(slope), rel=1e-5)
