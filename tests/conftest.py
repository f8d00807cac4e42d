"""Settings of every test."""

from collections.abc import Iterator

import pytest
import torch
from torch_geometric.nn import Sequential

from graphrw.build import forget_grids
from graphrw.solvers import numba_kernels

torch.set_num_threads(1)  # the problems are tiny: threads would only wait for each other


FORWARD = Sequential.forward


def pytest_runtest_setup(item: pytest.Item) -> None:
    """The one place that knows whether there is a GPU."""
    if item.get_closest_marker("cuda") and not torch.cuda.is_available():
        pytest.skip("no CUDA device")


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request: pytest.FixtureRequest) -> str:
    """Where a test computes: here, and on a GPU (`make gpu`)."""
    return request.param


@pytest.fixture(autouse=True)
def _sequential_as_it_was():
    """PyG's `Sequential` leaves the forward of its latest instance on the class, where others may fall back to it."""
    yield
    Sequential.forward = FORWARD


@pytest.fixture(autouse=True)
def _no_grids_of_other_tests() -> None:
    """Grids are kept with what solvers have planned for them, which tests look at and change."""
    forget_grids()


@pytest.fixture(autouse=True)
def _reproducible() -> None:
    """Every test draws the same numbers, whatever ran before it and in whichever process."""
    torch.manual_seed(0)


@pytest.fixture
def kernels_are_asked_for_anew() -> Iterator[None]:
    """Of numba, as in a new process."""
    numba_kernels.kernels.cache_clear()
    yield
    numba_kernels.kernels.cache_clear()
