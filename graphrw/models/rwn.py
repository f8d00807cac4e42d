"""Convolutional Random Walk Networks, ready to train: a segmenter whose answer a random walk draws together."""

from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from graphrw.build.affinity import above
from graphrw.build.grid import check_radius
from graphrw.core.arrays import as_tensor
from graphrw.core.graph import Graph
from graphrw.core.precision import widened
from graphrw.core.walk import walk
from graphrw.core.whole import check_whole
from graphrw.functional.limit import check_share, limit
from graphrw.functional.local import local_affinity_loss, local_step
from graphrw.functional.propagation import check_alpha
from graphrw.losses import cross_entropy
from graphrw.losses.propagation import check_factor
from graphrw.models.base import Model
from graphrw.models.cells import upsampled
from graphrw.models.contrast import log_contrast
from graphrw.models.early import HUNDREDTHS, EarlyFeatures
from graphrw.models.features import channels_of, checked_trunk, stride_of
from graphrw.models.scale import InputScale
from graphrw.nn import FeatureAffinity
from graphrw.nn.grids import Grids


class RWN(Model):
    """A segmenter, an affinity branch, and a walk between them (Bertasius, Torresani, Yu & Shi, CVPR 2017).

    The walk carries the logits f of a coarse CNN, brought to the pixels, along edges whose weights fall with the L1
    distances of features, to the limit (1 − α)(I − αA)⁻¹ f. Features are the image and those of two convolutions on it,
    as the paper takes RGB and the first two layers: what is fine, while f is coarse.

    Departs from the paper: the trunk is our own small U-Net unless you give one, and the two convolutions are not part
    of it. It learns through the limit that predicts, where the paper has one step, A f, with a large radius
    (`training_radius`). α is 0.9, where the 0.01 printed there hardly spreads anything. The walk has the weights w^p:
    near 1 within a class and near 0 across, as the loss asks of w, weights are too wide open for a pixel with 80
    neighbours, most of them of its own class, and blur with such an α. p is learned through the walk alone.

    Args:
        in_channels: C of the image.
        num_classes: L.
        width: channels of the trunk's features; None: 32, or those of `trunk`.
        stride: pixels for each logit of the trunk along each axis; None: 8, as in the paper, or that of `trunk`. At 1
            the walk has little to repair.
        early: channels of each of the two convolutions for affinities.
        affinity_trunk: any `FeatureTrunk` in their place, with features of about unit size: pretrained ones, say.
        contrast: p to start from, > 0. None: w as it is; then take an α of 0.5 to 0.8.
        alpha: α in (0, 1).
        rtol: to which residual the limit is computed; see `functional.limit.limit`.
        radius: R of the walk to the limit, in pixels, ≥ 1.
        training_radius: R of the one step in training that the paper has in place of the limit; None: it learns through
            the limit with which it predicts.
        axes: 2 for images, 3 for volumes.
        trunk: any `FeatureTrunk` in place of our own.
        input_scale: how `as_input` reads a NumPy image.

    Raises:
        ValueError: for values out of range, or a trunk that does not fit.

    >>> model = RWN(in_channels=3, num_classes=4).eval()
    >>> model(torch.zeros(1, 3, 16, 16)).shape
    torch.Size([1, 4, 16, 16])
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        width: int | None = None,
        *,
        stride: int | None = None,
        early: int = 16,
        contrast: float | None = 8.0,
        alpha: float = 0.9,
        rtol: float = 1e-4,
        radius: float = 5.0,
        training_radius: float | None = None,
        axes: int = 2,
        trunk: nn.Module | None = None,
        affinity_trunk: nn.Module | None = None,
        input_scale: InputScale = InputScale(),
    ) -> None:
        arguments = {"num_classes": num_classes, "early": early, "contrast": contrast, "alpha": alpha, "rtol": rtol}
        super().__init__(
            in_channels,
            width,
            stride=stride,
            usual_stride=8,
            axes=axes,
            trunk=trunk,
            input_scale=input_scale,
            arguments={**arguments, "radius": radius, "training_radius": training_radius},
        )
        convolution: type[nn.Conv2d] | type[nn.Conv3d] = nn.Conv2d if axes == 2 else nn.Conv3d
        self.classes = convolution(channels_of(self.trunk), check_whole("num_classes", num_classes, 1), 1)
        early = check_whole("early", early, 1)
        if affinity_trunk is None:
            affinity_trunk = EarlyFeatures(in_channels, early, axes)
        else:
            self._given["affinity_trunk"] = type(affinity_trunk).__name__
        self.affinity_trunk = checked_trunk(affinity_trunk, "affinity_trunk")
        self.affinity = FeatureAffinity(in_channels + channels_of(self.affinity_trunk))
        self.log_contrast = log_contrast(contrast)
        self.alpha, self.rtol = check_alpha(alpha), check_share("rtol", rtol)
        self.radius = check_radius("radius", radius)
        if training_radius is not None:
            training_radius = check_radius("training_radius", training_radius)
        self.training_radius = training_radius
        self._grids = Grids()

    def forward(self, image: Tensor) -> Tensor:
        """The logits after the walk: (B, C, H, W) → (B, L, H, W); (B, C, D, H, W) likewise."""
        f = self.scores(image)
        if self.training and self.training_radius is not None:
            features = self.contrast * self.early_features(image)
            return local_step(f, features, self.affinity.coefficients, self.training_radius)
        rows = f.movedim(1, -1)
        moved = walk(*self.affinities(image))
        walked = limit(moved, widened(rows.flatten(0, -2)), self.alpha, rtol=self.rtol)
        return walked.reshape(rows.shape).movedim(-1, 1).contiguous()

    @classmethod
    def load(cls, path: str | Path, *, trunk: nn.Module | None = None, affinity_trunk: nn.Module | None = None) -> Self:
        """As `Model.load`, which tells of `trunk`; with an `affinity_trunk` likewise."""
        return cls._load(path, {"trunk": trunk, "affinity_trunk": affinity_trunk})

    def scores(self, image: Tensor) -> Tensor:
        """f, the logits before the walk, at the pixels: (B, L, H, W)."""
        return upsampled(self.classes(self._features(image, self.trunk)), self.stride, image.shape[2:])

    def early_features(self, image: Tensor) -> Tensor:
        """What the weights of the walk come from: the image, and what `affinity_trunk` sees, (B, C + F, H, W)."""
        fine = self._features(image, self.affinity_trunk)
        return torch.cat([HUNDREDTHS * image, upsampled(fine, stride_of(self.affinity_trunk), image.shape[2:])], 1)

    def affinities(self, image: Tensor) -> tuple[Graph, Tensor]:
        """The graph of the pixels of all images of the batch within `radius`, and its weights (E,).

        One step, where `training_radius` asks for it, has no such list: see `functional.local.local_step`.
        """
        features = self.contrast * self.early_features(image)  # exp(−θ |p φ_i − p φ_j|) is w^p, and p w^(p − 1) never ∞
        graph = self._grids.batch(len(features), tuple(features.shape[2:]), features.device, self.radius)
        return graph, above(self.affinity(features, graph))

    @property
    def contrast(self) -> Tensor | float:
        """p > 0."""
        return 1.0 if self.log_contrast is None else self.log_contrast.exp()

    def loss(self, image: Tensor, target: Tensor, *, side: float = 0.1) -> Tensor:
        """Cross entropy of the classes + `side` · squared error of the weights against the true affinity, balanced.

        Args:
            image: as in `forward`.
            target: (B, H, W) int64 classes; −1 does not count.
            side: ≥ 0.
        """
        check_factor("side", side)
        target = as_tensor("target", target, "(B, H, W) int64 classes")
        scores = self(image)
        wanted = (len(image), *image.shape[2:])
        if target.shape != wanted:
            cure = " Of a single image it is `target[None]`." if (1, *target.shape) == wanted else ""
            raise ValueError(f"`target` must be {wanted}, as `image` asks; got {tuple(target.shape)}.{cure}")
        fit = cross_entropy(torch.softmax(scores, 1), target)
        if side == 0:
            return fit
        features = self.early_features(image)
        return fit + side * local_affinity_loss(features, self.affinity.coefficients, target, self.radius)
