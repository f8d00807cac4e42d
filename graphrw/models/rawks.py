"""RAWKS, ready to train: a segmenter that learns from scribbles, which a random walk spreads."""

from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import nll_loss

from graphrw.core.arrays import as_tensor
from graphrw.core.walk import Walk, degree
from graphrw.core.whole import check_whole
from graphrw.functional import hitting_probabilities
from graphrw.losses import propagation_loss
from graphrw.losses.propagation import check_factor
from graphrw.models.base import Model, make_trunk
from graphrw.models.cells import upsampled
from graphrw.models.features import channels_of
from graphrw.models.scale import InputScale
from graphrw.models.seeds import check_seeds, coarse_seeds
from graphrw.nn import BoundaryLabels
from graphrw.nn.grids import Grids
from graphrw.solvers import Auto, Solver

START = -6.0  # before the sigmoid: scores start at 0.05, and a walk lives for some 20 steps
GAIN = 5.0  # of the head of the scores: with 1, they had hardly moved after 40 steps of Adam at a rate of 1e-3
HEIGHT = 20.0  # of the highest wall: nothing passes it; without a limit walls grew past 1000, to no one's good


class RAWKS(Model):
    """A segmenter and a boundary detector that a random walk lets learn together (Vernaza & Chandraker, CVPR 2017).

    One trunk with a head gives logits of the classes, Q, another with a head boundary scores B ≥ 0. In training the
    walk spreads the scribbles up to the boundaries, and Q learns from what comes out, P; in use Q stands alone. The
    paper has two networks of its own for Q and B, at a quarter of the resolution; these two small U-Nets are ours.

    Args:
        in_channels: C of the image.
        num_classes: L.
        width: channels of the trunks' features; None: 32, or those of `trunk` (and 32 for boundaries).
        stride: pixels for each node of the walk, and each logit, along each axis; None: 1, or that of `trunk`. The
            paper has 4.
        axes: 2 for images, 3 for volumes.
        trunk: any `FeatureTrunk` for Q, in place of our own.
        boundary_trunk: any `FeatureTrunk` for B, with the stride of the other; the same module: they share it, and
            training one without the other changes both.
        input_scale: how `as_input` reads a NumPy image.
        solver: how to solve.

    Raises:
        ValueError: for values out of range, or trunks that do not fit.

    >>> model = RAWKS(in_channels=3, num_classes=2)
    >>> model(torch.zeros(1, 3, 16, 16)).shape
    torch.Size([1, 2, 16, 16])
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        width: int | None = None,
        *,
        stride: int | None = None,
        axes: int = 2,
        trunk: nn.Module | None = None,
        boundary_trunk: nn.Module | None = None,
        input_scale: InputScale = InputScale(),
        solver: Solver = Auto(),
    ) -> None:
        super().__init__(
            in_channels,
            width,
            stride=stride,
            usual_stride=1,
            axes=axes,
            trunk=trunk,
            input_scale=input_scale,
            arguments={"num_classes": num_classes},
        )
        convolution: type[nn.Conv2d] | type[nn.Conv3d] = nn.Conv2d if axes == 2 else nn.Conv3d
        self.boundary_trunk = make_trunk(
            in_channels,
            boundary_trunk,
            width=width if trunk is None else None,
            stride=self.stride,
            usual_stride=self.stride,
            axes=axes,
            name="boundary_trunk",
        )
        if boundary_trunk is not None:
            self._given["boundary_trunk"] = type(boundary_trunk).__name__
        self.classes = convolution(channels_of(self.trunk), check_whole("num_classes", num_classes, 1), 1)
        self.edges = convolution(channels_of(self.boundary_trunk), 1, 1)
        nn.init.zeros_(self.edges.weight)
        nn.init.constant_(self.edges.bias, START / GAIN)  # type: ignore[arg-type]
        self.walk = BoundaryLabels(num_labels=num_classes, solver=solver)
        self._grids = Grids()

    def forward(self, image: Tensor) -> Tensor:
        """The logits of Q: (B, C, H, W) → (B, L, H, W); (B, C, D, H, W) likewise."""
        return upsampled(self._logits(image), self.stride, image.shape[2:])

    def boundary(self, image: Tensor) -> Tensor:
        """The boundary scores B of the nodes, from 0 to 20: (B, 1, ⌈H / stride⌉, ⌈W / stride⌉)."""
        return HEIGHT * torch.sigmoid(GAIN * self.edges(self._features(image, self.boundary_trunk)))

    def propagate(self, image: Tensor, seeds: Tensor, *, guess_rate: float = 0.0) -> Tensor:
        """P: the seeds spread by the walk; (B, L, H, W).

        With a `guess_rate` walkers end at any other node, too, in the labels that Q guesses there. This is not in the
        paper. It helps where walls leak and Q is the better of the two, as on photographs with few short scribbles; it
        was not tried where P is far better than Q.

        Args:
            image: (B, C, H, W).
            seeds: (B, H, W) int64, −1 where there is none.
            guess_rate: ρ ≥ 0, how often a walker ends in a guess for each step that it would take without walls.
                0: the paper's P.
        """
        check_factor("guess_rate", guess_rate)
        return upsampled(self._spread(image, seeds, guess_rate), self.stride, image.shape[2:])

    def loss(
        self,
        image: Tensor,
        seeds: Tensor,
        *,
        alpha: float = 1.0,
        entropy_weight: float = 1.0,
        detach_weight: bool = True,
        seed_weight: float = 1.0,
    ) -> Tensor:
        """The paper's joint loss (11) of P and Q at the nodes, and the cross entropy of Q at the seeds.

        Args:
            image: (B, C, H, W).
            seeds: (B, H, W) int64, −1 where there is none.
            alpha, entropy_weight, detach_weight: as of `losses.propagation_loss`.
            seed_weight: ≥ 0, of the mean cross entropy over all seeds; 0: the paper's loss.
        """
        check_factor("seed_weight", seed_weight)
        log_q = torch.log_softmax(self._logits(image), 1)
        joint = propagation_loss(
            self._spread(image, seeds), log_q, alpha, entropy_weight=entropy_weight, detach_weight=detach_weight
        )
        given = coarse_seeds(seeds, self.stride)
        return joint + seed_weight * nll_loss(log_q, given, ignore_index=-1) if seed_weight else joint

    def label_loss(self, image: Tensor, probability: Tensor, *, alpha: float = 1.0) -> Tensor:
        """How far Q is from labels that stay as they are: with those of `propagate`, the paper's "P, Q, then Q".

        As `propagation_loss` at the pixels, where the labels do not learn: find them before, for all images, so that
        they stay what they are also where both heads share a trunk.

        Args:
            image: (B, C, H, W).
            probability: (B, L, H, W), with sum 1 along axis 1, P of `propagate` or any other distribution.
            alpha: α ≥ 0, per nat.
        """
        fixed = as_tensor("probability", probability, "(B, L, H, W) floats").detach()
        return propagation_loss(fixed, torch.log_softmax(self(image), 1), alpha)

    @classmethod
    def load(cls, path: str | Path, *, trunk: nn.Module | None = None, boundary_trunk: nn.Module | None = None) -> Self:
        """As `Model.load`, which tells of `trunk`; with a `boundary_trunk` likewise."""
        return cls._load(path, {"trunk": trunk, "boundary_trunk": boundary_trunk})

    def _logits(self, image: Tensor) -> Tensor:
        logits: Tensor = self.classes(self._features(image, self.trunk))
        return logits

    def _spread(self, image: Tensor, seeds: Tensor, guess_rate: float = 0.0) -> Tensor:
        boundary = self.boundary(image)
        check_seeds(seeds, image, self.classes.out_channels)
        given = coarse_seeds(seeds, self.stride)
        if guess_rate:
            return self._spread_with_guesses(boundary, given, guess_rate * torch.softmax(self._logits(image), 1))
        bare = (given < 0).flatten(1).all(1)
        if bool(bare.any()):
            raise ValueError(
                f"`seeds` holds none for image {int(bare.nonzero()[0])} of the batch, and nothing spreads without. "
                "Leave it out; or `propagate(…, guess_rate=0.1)` lets walkers end in guesses."
            )
        probability: Tensor = self.walk(boundary, given)
        return probability

    def _spread_with_guesses(self, boundary: Tensor, seeds: Tensor, guess: Tensor) -> Tensor:
        """P of seeds (B, h, w), and of absorption d · `guess` (B, L, h, w): c = d e^B + d Σ_l guess_l off the seeds."""
        graph, shape = self._grids.of("boundary", boundary, (1, 1), seeds)
        weight = boundary.new_ones(graph.num_edges, dtype=torch.float64)
        around = degree(graph, weight).clamp(min=1.0)  # an image of one cell has 0, and its guess for an answer
        rate = torch.where(seeds.flatten() < 0, around, 0.0)[:, None]
        known = Walk(graph, weight, rate[:, 0] * torch.expm1(boundary.double().flatten()))
        absorption = rate * guess.double().movedim(1, -1).reshape(graph.num_nodes, -1)
        labels = hitting_probabilities(
            known, seeds.flatten(), guess.shape[1], absorption=absorption, solver=self.walk.solver
        )
        share = (labels / labels.sum(1, keepdim=True)).to(boundary)
        return share.reshape(len(boundary), *shape, -1).movedim(-1, 1).contiguous()
