"""From which labels Q learns: scribbles, what a walk makes of them, the truth, or superpixels of the truth."""

from collections.abc import Callable
from typing import Any

import torch
from numpy.typing import NDArray
from skimage.segmentation import slic
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from experiments.rawks.scenes import Scene
from graphrw.models import RAWKS

COMPACTNESS = 10.0  # of SLIC, scikit-image's default
SCRATCH_WIDTH = 16  # of U-Nets that learn from scratch

Loss = Callable[[Any, Scene, float], Tensor]  # of a model, a scene, and the share of the training that is done


class Head(nn.Module):
    """The layers that learn, on the features of the frozen network: one for labels, one for boundaries."""

    stride, axes = 1, 2

    def __init__(self, inputs: int, width: int = 32) -> None:
        super().__init__()
        self.out_channels = width
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, width, 1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=2, dilation=2),  # no ReLU: features of one sign move as one
        )

    def forward(self, features: Tensor) -> Tensor:
        return self.layers(features)


def heads(features: int, *, scratch: bool) -> dict[str, nn.Module]:
    """The trunks of the model, as arguments; none where it has two U-Nets of its own, which learn from scratch."""
    return {} if scratch else {"trunk": Head(features), "boundary_trunk": Head(features)}


def made(features: int, classes: int, *, scratch: bool = False) -> RAWKS:
    """RAWKS before training; its images are features of cells, so that its stride is theirs."""
    width = SCRATCH_WIDTH if scratch else None
    return RAWKS(features, classes, width, **heads(features, scratch=scratch))


def sparse_loss(model: RAWKS, scene: Scene) -> Tensor:
    """The cross entropy at the seeds alone."""
    return cross_entropy(model(scene.features), scene.seeds, ignore_index=-1)


def dense_loss(model: RAWKS, scene: Scene) -> Tensor:
    """The cross entropy with a target (1, H, W) of all pixels; −1: not known."""
    assert scene.target is not None
    return cross_entropy(scene.at_pixels(model(scene.features)), scene.target, ignore_index=-1)


@torch.no_grad()
def spread(model: RAWKS, scene: Scene, guess_rate: float = 0.0) -> Tensor:
    """P at the cells, (1, L, h, w), as `RAWKS.propagate` has it; wherever the model is, on the CPU."""
    seen = scene.to(next(model.parameters()).device)
    return model.propagate(seen.features, seen.seeds, guess_rate=guess_rate).cpu()


def unlearned(answer: Callable[..., NDArray], scene: Scene, **options: float) -> Tensor:
    """(1, H, W): what `random_walker` or `segment` make of the scribbles, who have not learned what a boundary is."""
    image, seeds = scene.image[0].movedim(0, -1).numpy(), (scene.scribbles[0] + 1).numpy()
    found = torch.from_numpy(answer(image, seeds, channel_axis=-1, **options))[None]
    return torch.where(found > 0, found - 1, -1)


def optimum(scene: Scene, classes: int, count: int, *, consistent: bool) -> Tensor:
    """(1, H, W): the best labels that superpixels can have, which the truth decides (SPOPT).

    Where `consistent`, a superpixel with seeds has the label of most of them (SPCON), and the truth decides the others.

    Args:
        scene: with its truth.
        classes: L.
        count: how many superpixels SLIC is asked for.
        consistent: with the seeds.
    """
    pixels = scene.image[0].movedim(0, -1).numpy()
    regions = torch.from_numpy(slic(pixels, n_segments=count, compactness=COMPACTNESS, start_label=0)).flatten()
    votes = _votes(regions, scene.classes.flatten(), classes)
    if consistent:
        seeds = _votes(regions, scene.scribbles.flatten(), classes)
        votes = torch.where(seeds.sum(1, keepdim=True) > 0, seeds, votes)
    labels = torch.where(votes.sum(1) > 0, votes.argmax(1), -1)
    return labels[regions].view(scene.classes.shape)


def _votes(regions: Tensor, labels: Tensor, classes: int) -> Tensor:
    """(R, L): how many pixels of each region have each label ≥ 0."""
    known = labels >= 0
    counted = torch.zeros(int(regions.max()) + 1, classes)
    return counted.index_add_(0, regions[known], one_hot(labels[known], classes).float())
