"""Small pictures with seeds and truth, and a few steps of training on them."""

import io

import torch
from torch import Tensor, nn


def image(*shape: int) -> Tensor:
    """A bright left half, with noise."""
    noise = 0.1 * torch.randn(1, 1, *shape)
    noise[..., : shape[-1] // 2] += 1
    return noise


def halves(*shape: int) -> Tensor:
    return (torch.arange(shape[-1]) >= shape[-1] // 2).long().expand(1, *shape).contiguous()


def two_seeds(*shape: int) -> Tensor:
    seeds = torch.full((1, *shape), -1)
    middle = tuple(size // 2 for size in shape[:-1])
    seeds[(0, *middle, 1)], seeds[(0, *middle, -2)] = 0, 1
    return seeds


def losses_of(model: nn.Module, loss, steps: int = 12) -> list[float]:
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    history = []
    for _ in range(steps):
        optimiser.zero_grad()
        value = loss()
        value.backward()
        optimiser.step()
        history.append(float(value.detach()))
    return history


def saved_and_loaded(model: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)
