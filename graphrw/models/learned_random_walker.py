"""The Learned Random Walker, ready to train: image and seeds in, label probabilities out."""

from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from graphrw.losses import cross_entropy, weight_side_loss
from graphrw.models.trunk import Trunk
from graphrw.nn import EdgeWeightsCNN, HarmonicLabels
from graphrw.solvers import Auto, Solver


class LearnedRandomWalker(nn.Module):
    """A CNN predicts the edge weights of an image, the walk labels it (Cerrone, Zeilmann & Hamprecht, CVPR 2019).

    As in the paper weights are predicted at half resolution, seeds are brought there, and probabilities come back by
    linear interpolation. The trunk is our own small U-Net, not the paper's network.

    Args:
        in_channels: C of the image.
        width: channels of the trunk's features, a multiple of 8.
        stride: how many pixels of the image make one node along each axis: 1, 2, 4, …
        axes: 2 for images, 3 for volumes.
        solver: how to solve.

    >>> import torch
    >>> model = LearnedRandomWalker(in_channels=1)
    >>> seeds = torch.full((1, 16, 16), -1)
    >>> seeds[0, 3, 3], seeds[0, 12, 12] = 0, 1
    >>> model(torch.zeros(1, 1, 16, 16), seeds).shape
    torch.Size([1, 2, 16, 16])
    """

    def __init__(
        self, in_channels: int, width: int = 32, *, stride: int = 2, axes: int = 2, solver: Solver = Auto()
    ) -> None:
        super().__init__()
        self.trunk = Trunk(in_channels, width, stride=stride, axes=axes)
        self.head = EdgeWeightsCNN(width, axes=axes)
        self.walk = HarmonicLabels(solver=solver)
        self.stride = stride

    def forward(self, image: Tensor, seeds: Tensor) -> Tensor:
        """Label probabilities of each pixel.

        Args:
            image: (B, C, H, W) or (B, C, D, H, W).
            seeds: (B, H, W) or (B, D, H, W) int64, −1 where there is none.

        Returns:
            (B, L, H, W) or (B, L, D, H, W); sums over labels are 1.

        Raises:
            ValueError: if a label is lost because all its seeds share their coarse pixels with other labels' seeds.
        """
        return self._upsampled(self.walk(self.edge_weights(image), coarse_seeds(seeds, self.stride)), image)

    def edge_weights(self, image: Tensor) -> Tensor:
        """(B, 2, H / stride, W / stride) or (B, 3, …): weights as `HarmonicLabels` takes them."""
        weight: Tensor = self.head(self.trunk(image))
        return weight

    def loss(self, image: Tensor, seeds: Tensor, target: Tensor, *, side: float = 1e-2) -> Tensor:
        """CE(Z) + `side` · CE(w): the paper's loss; with a large `side`, its pre-training.

        Args:
            image, seeds: as in `forward`.
            target: labels of the shape of `seeds`; −1 does not count.
            side: ≥ 0, weight of the side loss on the edge weights.
        """
        weight = self.edge_weights(image)
        probability = self._upsampled(self.walk(weight, coarse_seeds(seeds, self.stride)), image)
        fit = cross_entropy(probability, target)
        if side == 0:
            return fit
        every = (slice(None), *(slice(None, None, self.stride) for _ in target.shape[1:]))
        return fit + side * weight_side_loss(weight, target[every])

    def _upsampled(self, probability: Tensor, image: Tensor) -> Tensor:
        if self.stride == 1:
            return probability
        mode = "bilinear" if image.ndim == 4 else "trilinear"
        return interpolate(probability, size=image.shape[2:], mode=mode, align_corners=False)


def coarse_seeds(seeds: Tensor, stride: int) -> Tensor:
    """Seeds (B, H, W) at a coarser resolution: the largest label in each block of `stride` pixels along each axis.

    Raises:
        ValueError: if some image loses a label so.

    >>> import torch
    >>> coarse_seeds(torch.tensor([[[0, -1, -1], [-1, -1, 1]]]), 2)
    tensor([[[0, 1]]])
    """
    axes = seeds.ndim - 1
    padding = [amount for size in reversed(seeds.shape[1:]) for amount in (0, -size % stride)]
    blocks = pad(seeds, padding, value=-1)
    shape = [part for size in blocks.shape[1:] for part in (size // stride, stride)]
    coarse = blocks.reshape(len(seeds), *shape).amax(dim=tuple(range(2, 2 * axes + 1, 2)))
    for index, (fine, left) in enumerate(zip(seeds, coarse, strict=True)):
        lost = sorted(set(fine.unique().tolist()) - set(left.unique().tolist()) - {-1})
        if lost:
            raise ValueError(
                f"At stride {stride} image {index} loses label {lost[0]}: each of its seeds shares a block of pixels "
                "with a larger label's seed. Move a seed, or use a smaller `stride`."
            )
    return coarse
