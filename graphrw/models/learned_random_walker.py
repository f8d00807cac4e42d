"""The Learned Random Walker, ready to train: image and seeds in, label probabilities out."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graphrw.build.affinity import above
from graphrw.core.arrays import as_tensor
from graphrw.core.whole import check_flag, check_id
from graphrw.losses import cross_entropy, soft_variation_of_information, weight_side_loss
from graphrw.losses.propagation import check_factor
from graphrw.models.base import Model
from graphrw.models.cells import upsampled
from graphrw.models.contrast import log_contrast
from graphrw.models.features import channels_of, check_image, reach_of
from graphrw.models.prediction import marks_of, masked, pixel_labels, pixel_probabilities, walked
from graphrw.models.scale import InputScale
from graphrw.models.seeds import check_seeds, coarse_seeds
from graphrw.models.shipped import shipped
from graphrw.models.tiling import apply_in_tiles, fitting_tile
from graphrw.nn import EdgeWeightsCNN, HarmonicLabels
from graphrw.solvers import Auto, Solver

Fit = Callable[[Tensor, Tensor], Tensor]  # of probabilities (B, L, *spatial) and labels (B, *spatial), −1 uncounted


class LearnedRandomWalker(Model):
    """A CNN predicts the edge weights of an image, the walk labels it (Cerrone, Zeilmann & Hamprecht, CVPR 2019).

    As in the paper weights are predicted at half resolution, seeds are brought there, and probabilities come back by
    linear interpolation. The trunk is our own small U-Net, not the paper's network, unless you give one.

    Args:
        in_channels: C of the image.
        width: channels of the trunk's features; None: 32, or those of `trunk`.
        stride: how many pixels of the image make one node along each axis: 1, 2, 4, …; None: 2, or that of `trunk`.
        axes: 2 for images, 3 for volumes.
        trunk: any `FeatureTrunk` in place of our own.
        contrast: let the walk have the weights w^p, with one p for all edges that is learned from this start, > 0. The
            side loss sees w. A network that tells edges well may have weights too alike for a walk: it leaks. As p
            grows the walk turns into the power watershed (Couprie et al. 2011). None: w as it is.
        input_scale: how `predict` and `as_input` read a NumPy image.
        solver: how to solve.

    Raises:
        ValueError: for values out of range, or a trunk that does not fit.

    >>> import torch
    >>> model = LearnedRandomWalker(in_channels=1)
    >>> seeds = torch.full((1, 16, 16), -1)
    >>> seeds[0, 3, 3], seeds[0, 12, 12] = 0, 1
    >>> model(torch.zeros(1, 1, 16, 16), seeds).shape
    torch.Size([1, 2, 16, 16])
    """

    def __init__(
        self,
        in_channels: int,
        width: int | None = None,
        *,
        stride: int | None = None,
        axes: int = 2,
        trunk: nn.Module | None = None,
        contrast: float | None = None,
        input_scale: InputScale = InputScale(),
        solver: Solver = Auto(),
    ) -> None:
        super().__init__(
            in_channels,
            width,
            stride=stride,
            usual_stride=2,
            axes=axes,
            trunk=trunk,
            input_scale=input_scale,
            arguments={"contrast": contrast},
        )
        self.head = EdgeWeightsCNN(channels_of(self.trunk), axes=axes)
        self.log_contrast = log_contrast(contrast)
        self.walk = HarmonicLabels(solver=solver)

    @classmethod
    def from_pretrained(cls, name: str) -> Self:
        """A model with weights that come with graphrw, in evaluation mode, on the CPU; nothing is downloaded.

        Args:
            name: one of `pretrained_names()`. `model_card` tells what each was trained on, under which licence, how
                well it does, and where it fails.

        Raises:
            ValueError: for another name.

        >>> model = LearnedRandomWalker.from_pretrained("nuclei_2d")
        >>> model.in_channels, model.axes, model.stride
        (1, 2, 1)
        """
        return cls.load(shipped(name))

    def forward(self, image: Tensor, seeds: Tensor) -> Tensor:
        """Label probabilities of each pixel.

        Args:
            image: (B, C, H, W) or (B, C, D, H, W).
            seeds: (B, H, W) or (B, D, H, W) int64, −1 where there is none.

        Returns:
            (B, L, H, W) or (B, L, D, H, W); sums over labels are 1.

        Raises:
            ValueError: for shapes or types that do not fit; if a label is lost because all its seeds share their coarse
                pixels with other labels' seeds.
        """
        return self._walked(self.edge_weights(image), image, seeds)

    def edge_affinities(self, image: Tensor) -> Tensor:
        """(B, 2, ⌈H / stride⌉, ⌈W / stride⌉) or (B, 3, …): w in [0, 1], before any `contrast`."""
        affinity: Tensor = self.head(self._features(image, self.trunk))
        return affinity

    def edge_weights(self, image: Tensor) -> Tensor:
        """Of the same shape: weights as `HarmonicLabels` takes them."""
        return self._contrasted(self.edge_affinities(image))

    def tiled_edge_weights(self, image: Tensor, tile: int | Sequence[int] | None = None) -> Tensor:
        """`edge_weights` of an image of any size, tile by tile, without a gradient; see `apply_in_tiles`.

        Args:
            image: (B, C, H, W) or (B, C, D, H, W), where the weights are wanted too; tiles go to where the model is.
            tile: pixels along each axis, or one number for each axis; None: as many as some GiB of memory hold, or all
                if the trunk says nothing of its `halo`.

        Raises:
            ValueError: as `apply_in_tiles`, and if a `tile` is given and the trunk has no `halo`.
        """
        if tile is None and getattr(self.trunk, "halo", None) is None:
            with torch.no_grad():
                return self.edge_weights(image)
        check_image(image, self.in_channels, self.axes, next(self.parameters()).dtype)
        halo, alignment = reach_of(self.trunk)
        halo += self.stride  # an edge looks at the next cell too
        if tile is None:
            tile = fitting_tile(self.axes, channels_of(self.trunk), halo, alignment)
        return apply_in_tiles(self.edge_weights, image, tile=tile, halo=halo, stride=self.stride, alignment=alignment)

    def predict(
        self,
        image: NDArray[Any],
        labels: NDArray[Any],
        *,
        return_full_prob: bool = False,
        channel_axis: int | None = None,
        tile: int | Sequence[int] | None = None,
    ) -> NDArray[Any]:
        """Segment a NumPy image of any size from seeds, as `random_walker` does, with learned weights.

        Weights are found tile by tile and are those of the whole image; the walk runs once over all of it. The model is
        in evaluation mode meanwhile.

        Args:
            image: (H, W) or (D, H, W), with `channel_axis` one axis more, scaled by the model's `input_scale`. Pixels
                outside may hold anything.
            labels: whole numbers of the spatial shape, in scikit-image's convention: > 0 a seed, 0 to be labelled,
                < 0 outside (no walker enters).
            return_full_prob: return probabilities instead of labels.
            channel_axis: which axis of `image` holds channels.
            tile: as in `tiled_edge_weights`.

        Returns:
            Labels in the type of `labels` (int64 if that has no sign): seed 7 comes out as label 7. Or probabilities
            (L, \\*spatial) float32, labels in ascending order, 0 outside and where no seed reaches. Pixels that no seed
            reaches are −1, with a warning.

        Raises:
            ValueError: for shapes or types that do not fit, no seed, NaN inside, or a label that has no coarse pixel of
                its own.

        >>> import numpy as np
        >>> image, labels = np.zeros((9, 9)), np.zeros((9, 9), int)
        >>> labels[1, 1], labels[7, 7] = 3, 7
        >>> np.unique(LearnedRandomWalker(1).predict(image, labels)).tolist()
        [3, 7]
        """
        check_flag("return_full_prob", return_full_prob)
        marks, was_training = marks_of(labels), self.training
        self.eval()
        try:
            weight = self.tiled_edge_weights(masked(self.as_input(image, channel_axis), marks), tile)[0]
        finally:
            self.train(was_training)
        cells = walked(weight, marks, self.stride, self.walk.solver)
        return pixel_probabilities(cells, marks) if return_full_prob else pixel_labels(cells, marks, labels)

    def loss(
        self,
        image: Tensor,
        seeds: Tensor,
        target: Tensor,
        *,
        fit: Fit = cross_entropy,
        side: float = 1e-2,
        variation: float = 0.0,
        closed_index: int | None = None,
    ) -> Tensor:
        """CE(Z) + `side` · CE(w): the paper's loss; with a large `side`, its pre-training.

        Args:
            image, seeds: as in `forward`.
            target: labels of the shape of `seeds`; −1 does not count.
            fit: the loss of Z, of the probabilities and the labels: `losses.cross_entropy`, `mean_squared_error`,
                `dice`, or another.
            side: ≥ 0, weight of the side loss on the edge weights.
            variation: ≥ 0, weight of `losses.soft_variation_of_information` of Z. This is not in the paper.
            closed_index: target of pixels between segments, such as membrane: their labels do not count, and the side
                loss closes their edges, as in `weight_side_loss`. None: there are none.
        """
        if not callable(fit):
            raise ValueError(f"`fit` must be a function such as `losses.dice`; got {fit!r}.")
        check_factor("side", side)
        check_factor("variation", variation)
        target = as_tensor("target", target, "int64 labels of the shape of `seeds`")
        affinity = self.edge_affinities(image)
        labels = target
        if closed_index is not None:
            labels = torch.where(target == check_id("closed_index", closed_index), -1, target)
        probability = self._walked(self._contrasted(affinity), image, seeds)
        loss = fit(probability, labels)
        if variation:
            loss = loss + variation * soft_variation_of_information(probability, labels)
        return loss + side * self._edge_loss(affinity, target, closed_index) if side else loss

    def edge_loss(self, image: Tensor, target: Tensor, *, closed_index: int | None = None) -> Tensor:
        """CE(w), the side loss alone, which needs no walk: what pre-training begins with.

        Args:
            image, target, closed_index: as in `loss`.
        """
        target = as_tensor("target", target, "int64 labels (B, H, W) or (B, D, H, W)")
        if target.ndim != self.axes + 1:
            raise ValueError(f"`target` must have {self.axes + 1} axes, the batch first; got {tuple(target.shape)}.")
        return self._edge_loss(self.edge_affinities(image), target, closed_index)

    def _edge_loss(self, affinity: Tensor, target: Tensor, closed_index: int | None) -> Tensor:
        every = (slice(None), *(slice(None, None, self.stride) for _ in target.shape[1:]))
        return weight_side_loss(affinity, target[every], closed_index=closed_index)

    def _contrasted(self, affinity: Tensor) -> Tensor:
        return affinity if self.log_contrast is None else above(affinity ** self.log_contrast.exp())

    def _walked(self, weight: Tensor, image: Tensor, seeds: Tensor) -> Tensor:
        check_seeds(seeds, image)
        return upsampled(self.walk(weight, coarse_seeds(seeds, self.stride)), self.stride, image.shape[2:])
