"""RAWKS, ready to train: a segmenter that learns from scribbles, which a random walk spreads."""

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from graphrw.losses import propagation_loss
from graphrw.models.trunk import Trunk
from graphrw.nn import BoundaryLabels
from graphrw.solvers import Auto, Solver

START = -6.0  # before the softplus: scores start near 0.0025, and a walk lives for some 400 steps, or 20 pixels


class RAWKS(nn.Module):
    """A segmenter and a boundary detector that a random walk lets learn together (Vernaza & Chandraker, CVPR 2017).

    Two heads on one trunk: logits of the classes, Q, and boundary scores B ≥ 0. In training the walk spreads the
    scribbles up to the boundaries, and Q learns from what comes out, P; in use Q stands alone. The paper has two
    networks of its own for Q and B; this shared small U-Net is ours.

    Args:
        in_channels: C of the image.
        num_classes: L.
        width: channels of the trunk's features, a multiple of 8.
        axes: 2 for images, 3 for volumes.
        solver: how to solve.

    >>> model = RAWKS(in_channels=3, num_classes=2)
    >>> model(torch.zeros(1, 3, 16, 16)).shape
    torch.Size([1, 2, 16, 16])
    """

    def __init__(
        self, in_channels: int, num_classes: int, width: int = 32, *, axes: int = 2, solver: Solver = Auto()
    ) -> None:
        super().__init__()
        convolution: type[nn.Conv2d] | type[nn.Conv3d] = nn.Conv2d if axes == 2 else nn.Conv3d
        self.trunk = Trunk(in_channels, width, axes=axes)
        self.classes = convolution(width, num_classes, 1)
        self.edges = convolution(width, 1, 1)
        nn.init.zeros_(self.edges.weight)
        nn.init.constant_(self.edges.bias, START)  # type: ignore[arg-type]
        self.walk = BoundaryLabels(num_labels=num_classes, solver=solver)

    def forward(self, image: Tensor) -> Tensor:
        """The logits of Q: (B, C, H, W) → (B, L, H, W); (B, C, D, H, W) likewise."""
        logits: Tensor = self.classes(self.trunk(image))
        return logits

    def boundary(self, image: Tensor) -> Tensor:
        """The boundary scores B ≥ 0: (B, 1, H, W)."""
        return softplus(self.edges(self.trunk(image)))

    def propagate(self, image: Tensor, seeds: Tensor) -> Tensor:
        """P: the seeds (B, H, W), −1 where there is none, spread by the walk; (B, L, H, W)."""
        probability: Tensor = self.walk(self.boundary(image), seeds)
        return probability

    def loss(self, image: Tensor, seeds: Tensor, *, alpha: float = 1.0) -> Tensor:
        """The paper's joint loss (11) of P and Q; see `losses.propagation_loss`."""
        features = self.trunk(image)
        probability = self.walk(softplus(self.edges(features)), seeds)
        return propagation_loss(probability, torch.log_softmax(self.classes(features), 1), alpha)
