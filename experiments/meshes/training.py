"""Edge weights of the dual graph that are learned through the walk."""

import torch
from torch import Tensor, nn
from torch_geometric.nn import GraphSAGE

import graphrw as rw
from experiments.meshes.methods import walked
from experiments.meshes.surfaces import Surface
from graphrw.models.training import Schedule, fit

FACES, EDGES = 17, 4  # features of each
RATE = 1e-2
MOST = 10.0  # times as much as `crease_weight`, or as little


class LearnedMLP(nn.Module):
    """From the angles and proportions of an edge alone, on the flat walk ℓ / d."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = rw.nn.EdgeWeightsMLP(num_attributes=EDGES, hidden=16)

    def forward(self, surface: Surface) -> Tensor:
        return self.share(surface) * (surface.length / surface.distance)

    def share(self, surface: Surface) -> Tensor:
        """(E,) in (0, 1), near the middle before training."""
        share: Tensor = self.weights(None, surface.dual, surface.edge_features)
        return share.double()


class LearnedFactor(LearnedMLP):
    """The same network, for a factor on `crease_weight`."""

    def forward(self, surface: Surface) -> Tensor:
        return factor(self.share(surface)) * surface.crease


class LearnedGNN(nn.Module):
    """A factor on `crease_weight`, from these and from how the surface bends around both faces."""

    def __init__(self) -> None:
        super().__init__()
        encoder = GraphSAGE(FACES, 16, num_layers=2, dropout=0.3)
        self.weights = rw.nn.EdgeWeightsGNN(encoder, num_attributes=EDGES, hidden=16)

    def forward(self, surface: Surface) -> Tensor:
        share: Tensor = self.weights(surface.face_features, surface.dual, surface.edge_features)
        return factor(share.double()) * surface.crease


def factor(share: Tensor) -> Tensor:
    """From 1 / MOST to MOST; 1 in the middle of [0, 1]."""
    return MOST ** (2 * share - 1)


LEARNED: dict[str, type[nn.Module]] = {
    "faces, learned MLP": LearnedMLP,
    "faces, learned factor": LearnedFactor,
    "faces, learned GNN": LearnedGNN,
}


def trained(kind: type[nn.Module], surfaces: list[Surface], seed: int, steps: int) -> nn.Module:
    """So many steps of Adam, each on one mesh as one person parted it, with random deep seeds."""
    torch.manual_seed(seed)
    chance = torch.Generator().manual_seed(seed)
    model = kind()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    optimizer.register_step_post_hook(lambda *_: cycle.step())
    order: list[int] = []

    def loss(step: int) -> Tensor:
        if not order:
            order.extend(torch.randperm(len(surfaces), generator=chance).tolist())
        surface = surfaces[order.pop()]
        parts = surface.parts(int(torch.randint(len(surface.mesh.parts), (), generator=chance)))
        seeds = surface.seeds(parts, chance)
        return rw.losses.cross_entropy(walked(surface, model(surface), seeds), parts, weight=surface.area)

    # Without a checkpoint: it takes less than a minute, and `evaluate.py` keeps what each mesh has got.
    fit(model, loss, schedule=Schedule(steps, clip=1.0), optimizer=optimizer)
    return model
