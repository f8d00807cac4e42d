"""Seeds at the resolution of the cells that a walk moves on."""

import torch
from torch import Tensor
from torch.nn.functional import pad


def coarse_seeds(seeds: Tensor, stride: int) -> Tensor:
    """Seeds (B, H, W) at a coarser resolution: the largest label in each block of `stride` pixels along each axis.

    Raises:
        ValueError: if some image loses a label so, or if they are no int64 images.

    >>> coarse_seeds(torch.tensor([[[0, -1, -1], [-1, -1, 1]]]), 2)
    tensor([[[0, 1]]])
    """
    if not isinstance(seeds, Tensor) or seeds.ndim not in (3, 4) or seeds.dtype != torch.int64:
        got = f"{tuple(seeds.shape)} {seeds.dtype}" if isinstance(seeds, Tensor) else type(seeds).__name__
        raise ValueError(f"`seeds` must be (B, H, W) or (B, D, H, W) int64, −1 where there is none; got {got}.")
    coarse = block_maximum(seeds, stride)
    for index, (fine, left) in enumerate(zip(seeds, coarse, strict=True)):
        lost = lost_labels(fine, left)
        if lost:
            raise ValueError(
                f"At stride {stride} image {index} loses label {lost[0]}: each of its seeds shares a block of pixels "
                "with a larger label's seed. Move a seed, or use a smaller `stride`."
            )
    return coarse


def check_seeds(seeds: Tensor, image: Tensor, num_labels: int | None = None) -> None:
    """Raise `ValueError` unless there is a seed, or −1, for each pixel of the images (B, C, H, W).

    Where labels are known to be fewer than `num_labels`, others are refused, such as 255 for what has no label.

    At a stride seeds of a size that is off by one would fit the cells as well, in silence.
    """
    wanted = (len(image), *image.shape[2:])
    if not isinstance(seeds, Tensor) or tuple(seeds.shape) != wanted or seeds.dtype != torch.int64:
        got = f"{tuple(seeds.shape)} {seeds.dtype}" if isinstance(seeds, Tensor) else type(seeds).__name__
        raise ValueError(f"`seeds` must be a torch tensor {wanted}, one for each pixel of `image`, int64; got {got}.")
    if bool((seeds < -1).any()):
        raise ValueError(f"`seeds` must be labels ≥ 0, or −1 where there is none; got {int(seeds.min())}.")
    if num_labels is not None and bool((seeds >= num_labels).any()):
        raise ValueError(
            f"`seeds` holds label {int(seeds.max())}, but labels run from 0 to {num_labels - 1}; −1 is for pixels "
            "without one."
        )


def block_maximum(values: Tensor, stride: int) -> Tensor:
    """(B, H, W) integers ≥ −1 → (B, ⌈H / stride⌉, ⌈W / stride⌉): the largest of each block; volumes likewise."""
    axes = values.ndim - 1
    padding = [amount for size in reversed(values.shape[1:]) for amount in (0, -size % stride)]
    blocks = pad(values, padding, value=-1)
    shape = [part for size in blocks.shape[1:] for part in (size // stride, stride)]
    return blocks.reshape(len(values), *shape).amax(dim=tuple(range(2, 2 * axes + 1, 2)))


def lost_labels(fine: Tensor, coarse: Tensor) -> list[int]:
    """The labels ≥ 0 that are in `fine` and not in `coarse`, in ascending order."""
    return sorted(set(fine.unique().tolist()) - set(coarse.unique().tolist()) - {-1})
