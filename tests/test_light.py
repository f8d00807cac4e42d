"""What a fresh process loads: nothing before it is used."""

import subprocess
import sys

import pytest

HEAVY = ("torch_geometric", "networkx", "skimage", "sklearn", "matplotlib", "torch._dynamo", "scipy", "rslab", "numba")
SAYS = f"\nimport sys\nprint(*[name for name in {HEAVY} if name in sys.modules])"

HEAD = "import torch, graphrw as rw\n"
WALK = "walk = rw.walk(rw.grid_graph((8, 8)), torch.rand(112, requires_grad=True), 0.1)\n"
SEEDS = "seeds = numpy.zeros((30, 30), int)\nseeds[0, 0], seeds[-1, -1] = 1, 2\n"


def said(code: str) -> set[str]:
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_loads_nothing_else():
    assert said("import graphrw" + SAYS) == set()


@pytest.mark.parametrize(
    "code",
    [
        HEAD + WALK + "rw.solve(walk, torch.ones(64)).sum().backward()",
        HEAD + WALK + "rw.diffusion_map(walk, 1.0, 3)",
        HEAD + "import numpy\n" + SEEDS + "rw.random_walker(numpy.random.rand(30, 30), seeds)",
        HEAD + "rw.to_scipy(rw.grid_graph((3, 3)), torch.ones(12))",
        HEAD
        + "rw.losses, rw.metrics, rw.partition, rw.solvers, rw.build, rw.convert, rw.nn, rw.estimators, rw.transforms",
    ],
    ids=["solve", "spectral", "image", "scipy", "rooms"],
)
def test_what_needs_only_scipy_loads_only_scipy(code):
    assert said(code + SAYS) <= {"scipy", "rslab"}


def test_a_first_segmentation_loads_no_compiler_and_no_networks():
    code = HEAD + "import numpy\n" + SEEDS + "rw.segment(numpy.random.rand(30, 30, 3), seeds, channel_axis=-1)"
    assert said(code + SAYS) <= {"scipy", "rslab", "skimage"}


@pytest.mark.parametrize("code", ["import graphrw.cli.app", HEAD + "rw.models.NDD, rw.nn.EdgeWeightsGNN"])
def test_the_command_and_the_models_load_no_pyg(code):
    assert said(code + SAYS) <= {"scipy", "rslab", "networkx"}  # networkx reads GraphML


def test_every_room_and_name_is_there_after_a_plain_import():
    code = """
import graphrw as rw
for room in (rw.nn, rw.transforms, rw.models, rw.estimators, rw.losses, rw.metrics, rw.solvers, rw.convert, rw):
    assert {*room.__all__} <= {*dir(room)}, room
    for name in room.__all__:
        getattr(room, name)
assert callable(rw.solve) and callable(rw.functional.harmonic) and callable(rw.segmentation.random_walker)
from graphrw import nn, solve
from graphrw.nn import HarmonicLabels
assert solve is rw.solve and nn.HarmonicLabels is HarmonicLabels
print("there")
"""
    assert said(code) == {"there"}


def test_a_name_that_is_not_there_is_an_attribute_error():
    assert said("import graphrw\ntry: graphrw.sovle\nexcept AttributeError: print('missing')") == {"missing"}
