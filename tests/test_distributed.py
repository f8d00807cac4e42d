"""Data-parallel training: two processes, each with a picture of its own, find the gradients that one finds of both."""

import pytest
import torch
from data_parallel import MODELS, PROCESSES, batch_of, gradients, made, take_part
from torch import Tensor, multiprocessing, nn

pytestmark = pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="torch has no gloo here")


@pytest.fixture(scope="module")
def apart(tmp_path_factory) -> list[dict[str, dict[str, Tensor]]]:
    """The gradients of every model that each of the processes has in the end."""
    folder = tmp_path_factory.mktemp("meeting")
    multiprocessing.spawn(take_part, (str(folder),), PROCESSES)
    return [torch.load(folder / f"{rank}.pt") for rank in range(PROCESSES)]


def alone(name: str) -> nn.Module:
    """The model, with the gradients of one process that sees all pictures."""
    loss = made(name)
    for rank in range(PROCESSES):
        (loss(*batch_of(name, rank)) / PROCESSES).backward()
    return loss


@pytest.mark.parametrize("name", MODELS)
def test_two_processes_find_the_gradients_of_one(name, apart):
    expected = gradients(alone(name))
    for found in apart:
        assert found[name].keys() == expected.keys()
        for parameter, gradient in expected.items():
            torch.testing.assert_close(found[name][parameter], gradient, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_each_process_alone_would_find_other_gradients(name):
    """Or the test above could not fail."""
    loss = made(name)
    loss(*batch_of(name, 0)).backward()
    own, both = (torch.cat([g.flatten() for g in gradients(part).values()]) for part in (loss, alone(name)))
    assert float((own - both).norm()) > 1e-2 * float(both.norm())
