"""How every network is trained and tuned, alike."""

import itertools
import time
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import nll_loss
from torch_geometric.nn import CorrectAndSmooth

from experiments.node_labels.inputs import Task
from experiments.node_labels.networks import DECAYS, Network, Options
from graphrw.models.training import Schedule, fit

STEPS, PATIENCE = 300, 101  # of Adam at most, and how many in a row without better validation end a run
SMOOTHING = tuple(itertools.product((0.5, 0.8, 0.95), (0.5, 0.8)))  # α of correction and of smoothing


@dataclass(frozen=True)
class Trained:
    """The scores at the step that is best on the validation nodes; of several, that of the smallest loss."""

    scores: Tensor  # (N, L): logarithms of probabilities
    quality: float  # on the validation nodes
    seconds: float  # of the processor
    steps: int


def trained(kind: type[Network], task: Task, options: Options, seed: int, *, steps: int = STEPS) -> Trained:
    torch.manual_seed(seed)
    network, began = kind(task, options), time.process_time()
    first = {"params": [network.first.weight], "weight_decay": options.decay}
    rest = {"params": [each for each in network.parameters() if each is not network.first.weight]}

    def judged() -> Tensor:
        scores = network.scores()
        loss = nll_loss(scores[task.val], task.y[task.val])
        return torch.tensor([-task.quality(scores, task.val), float(loss)], dtype=torch.float64)

    # Without a checkpoint: it takes seconds, and `evaluate.py` keeps what each run has found.
    found = fit(
        network,
        lambda step: network.loss(step / steps),
        schedule=Schedule(steps, validations=steps, patience=PATIENCE),
        optimizer=torch.optim.Adam([first, rest], lr=options.rate),
        validate=judged,
    )
    with torch.no_grad():
        return Trained(network.scores(), -found.loss, time.process_time() - began, found.steps)


def tuned(kind: type[Network], task: Task, seed: int, *, choices: int, steps: int = STEPS) -> Options:
    """Of the combinations with the first so many of its own options the one that is best on the validation nodes."""
    grid = [Options(decay, own) for own in kind.own[:choices] for decay in DECAYS]
    return max(grid, key=lambda options: trained(kind, task, options, seed, steps=steps).quality)


def smoothed(task: Task, scores: Tensor) -> Tensor:
    """PyG's Correct & Smooth of an MLP's answers (Huang et al., ICLR 2021), the best of six combinations."""
    found, mask = [], torch.zeros(len(task.y), dtype=torch.bool).index_fill(0, task.train, True)
    for correction, smoothing in SMOOTHING:
        both = CorrectAndSmooth(50, correction, 50, smoothing, autoscale=False, scale=1.0)
        y = task.y[task.train]
        found.append(both.smooth(both.correct(scores.exp(), y, mask, task.adjacency), y, mask, task.adjacency))
    return max(found, key=lambda each: task.quality(each, task.val))
