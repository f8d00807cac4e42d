"""Convolutional Random Walk Networks, ready to train: a segmenter whose answer a random walk draws together."""

import torch
from torch import Tensor, nn

from graphrw.core.graph import Graph
from graphrw.losses import affinity_loss, cross_entropy
from graphrw.models.trunk import Trunk
from graphrw.nn import FeatureAffinity, Propagation
from graphrw.nn.grids import Grids
from graphrw.solvers import Auto, Solver


class RWN(nn.Module):
    """A segmenter, an affinity branch, and a walk between them (Bertasius, Torresani, Yu & Shi, CVPR 2017).

    The walk carries the logits f of a CNN along edges whose weights fall with the L1 distances of features: in training
    one step, A f, with a large radius; in evaluation the limit (1 − α)(I − αA)⁻¹ f with a small one. Features are the
    image and those of the trunk. Departs from the paper: the trunk is our own small U-Net, and α is 0.9, where the 0.01
    printed there hardly spreads anything.

    Args:
        in_channels: C of the image.
        num_classes: L.
        width: channels of the trunk's features, a multiple of 8.
        alpha: α in (0, 1), for evaluation.
        radius: R of the walk in evaluation, in pixels, ≥ 1.
        training_radius: R of the step in training.
        axes: 2 for images, 3 for volumes.
        solver: how to solve for the limit.

    >>> model = RWN(in_channels=3, num_classes=4).eval()
    >>> model(torch.zeros(1, 3, 16, 16)).shape
    torch.Size([1, 4, 16, 16])
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        width: int = 32,
        *,
        alpha: float = 0.9,
        radius: float = 5.0,
        training_radius: float = 10.0,
        axes: int = 2,
        solver: Solver = Auto(),
    ) -> None:
        super().__init__()
        convolution: type[nn.Conv2d] | type[nn.Conv3d] = nn.Conv2d if axes == 2 else nn.Conv3d
        self.trunk = Trunk(in_channels, width, axes=axes)
        self.classes = convolution(width, num_classes, 1)
        self.affinity = FeatureAffinity(in_channels + width)
        self.step = Propagation(None, steps=1)
        self.limit = Propagation(alpha, solver=solver)
        self.radius = radius
        self.training_radius = training_radius
        self._grids = Grids()

    def forward(self, image: Tensor) -> Tensor:
        """The logits after the walk: (B, C, H, W) → (B, L, H, W); (B, C, D, H, W) likewise."""
        return self._walked(image)[0]

    def loss(self, image: Tensor, target: Tensor, *, side: float = 1.0) -> Tensor:
        """Cross entropy of the classes + `side` · squared error of the weights against the true affinity.

        Args:
            image: as in `forward`.
            target: (B, H, W) int64 classes; −1 does not count.
            side: ≥ 0.
        """
        logits, weight, graph = self._walked(image)
        fit = cross_entropy(torch.softmax(logits, 1), target)
        return fit if side == 0 else fit + side * affinity_loss(weight, graph.edges, target.flatten())

    def _walked(self, image: Tensor) -> tuple[Tensor, Tensor, Graph]:
        """The logits after the walk, its weights and its graph."""
        radius = self.training_radius if self.training else self.radius
        graph = self._grids.batch(len(image), tuple(image.shape[2:]), image.device, radius)
        features = self.trunk(image)
        weight = self.affinity(torch.cat([image, features], 1), graph)
        f = self.classes(features).movedim(1, -1)
        walked = (self.step if self.training else self.limit)(f.flatten(0, -2), graph, weight)
        return walked.reshape(f.shape).movedim(-1, 1).contiguous(), weight, graph
