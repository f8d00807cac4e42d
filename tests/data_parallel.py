"""What several processes train on: one small picture for each, and the loss of every model on it."""

from pathlib import Path

import torch
from small_pictures import halves, image, two_seeds
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from graphrw.models import NDD, RAWKS, RWN, LearnedRandomWalker

SIZE = (16, 16)
PROCESSES = 2
MODELS = {
    "LearnedRandomWalker": lambda: LearnedRandomWalker(1, 4, contrast=2.0),
    "RAWKS": lambda: RAWKS(1, 2, 4, stride=2),
    "RWN": lambda: RWN(1, 2, 4, radius=2.0, training_radius=2.0),
    "NDD": lambda: NDD(1, 4, k=6, stride=2, radius=2.0),
}


class Loss(nn.Module):
    """`DistributedDataParallel` sees to gradients in `forward` alone: here that is the loss."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, *batch: Tensor) -> Tensor:
        return self.model.loss(*batch)


def made(name: str) -> Loss:
    """The same weights in every process."""
    torch.manual_seed(0)
    return Loss(MODELS[name]().double())


def batch_of(name: str, rank: int) -> list[Tensor]:
    torch.manual_seed(1 + rank)
    picture, target = image(*SIZE).double(), halves(*SIZE)
    if name == "NDD":
        return [picture, halves(1, SIZE[0] // 2, SIZE[1] // 2)]
    seeds = two_seeds(*SIZE).roll(rank, 1)
    return {"RWN": [picture, target], "RAWKS": [picture, seeds]}.get(name, [picture, seeds, target])


def gradients(module: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.grad for name, parameter in module.named_parameters()}


def take_part(rank: int, folder: str) -> None:
    """One of the processes: the gradients of every model, as they are after all have come together."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=PROCESSES
    )
    found = {}
    for name in MODELS:
        loss = made(name)
        parallel = DistributedDataParallel(loss)  # with a name, or nothing would listen to `backward`
        parallel(*batch_of(name, rank)).backward()
        found[name] = gradients(loss)
    torch.save(found, Path(folder) / f"{rank}.pt")
    torch.distributed.destroy_process_group()
