"""Where the classes of an image are, and whether they are there, from scores of its nodes."""

from typing import NamedTuple

import torch
from torch import Tensor

from graphrw.core.arrays import as_floats, as_tensor
from graphrw.core.finite import DIVERGED, check_finite
from graphrw.core.opaque import opaque
from graphrw.core.precision import widened
from graphrw.functional.softmax import grouped_softmax


class ClassMaps(NamedTuple):
    """What `class_maps` finds. (A tuple, since torch's module hooks look into no other containers.)

    Args:
        scores: (B, L) logits of the classes of each image: is it there?
        maps: (N, L) class activation maps, probabilities of the classes at each node: where is it?
    """

    scores: Tensor
    maps: Tensor


@opaque
def class_maps(logits: Tensor, sharpness: Tensor, batch: Tensor | None = None) -> ClassMaps:
    """Maps of the classes over the nodes, and scores of whole images that look where a class is most active.

        maps_i = softmax over classes of s_i,     a_l = softmax over the nodes of one image of  γ_l · maps_l,
        scores_l = Σ_i a_il s_il.

    Source: J. Sun, Z. Xu, Neural diffusion distance for image segmentation, NeurIPS 2019; see `nn.RegionClassifier`.

    Args:
        logits: s, (N, L) floats, of each class at each node.
        sharpness: γ, (L,): at 0 an image has the mean of its nodes, towards ∞ that of the most active node.
        batch: (N,) int64, the image of each node, as in PyG; None: all are of one.

    Raises:
        ValueError: for a `batch` of another shape or type, or an image without nodes.

    >>> found = class_maps(torch.tensor([[0.0, 0.0], [4.0, 0.0]]), torch.full((2,), 100.0))
    >>> found.scores
    tensor([[4., 0.]])
    """
    logits, sharpness = _checked(logits, sharpness)
    batch = None if batch is None else as_tensor("batch", batch, "(N,) int64")
    image = torch.zeros(len(logits), dtype=torch.int64, device=logits.device) if batch is None else batch
    num_images = _count_images(image, len(logits))
    maps = logits.softmax(1)
    _, attention = grouped_softmax(sharpness * maps, image, num_images)
    attended = attention * logits
    return ClassMaps(attended.new_zeros(num_images, logits.shape[1]).index_add(0, image, attended), maps)


def _checked(logits: Tensor, sharpness: Tensor) -> tuple[Tensor, Tensor]:
    logits = widened(as_floats("logits", logits, "(N, L) floats"))
    if logits.ndim != 2 or logits.shape[1] == 0:
        raise ValueError(f"`logits` must be (N, L) floats, L ≥ 1; got {tuple(logits.shape)}.")
    check_finite("logits", logits, DIVERGED)
    sharpness = as_floats("sharpness", sharpness, "(L,) floats, one for each class")
    if sharpness.shape != logits.shape[1:]:
        wanted = tuple(logits.shape[1:])
        raise ValueError(f"`sharpness` must be {wanted}, one for each class; got {tuple(sharpness.shape)}.")
    return logits, sharpness


def _count_images(batch: Tensor, nodes: int) -> int:
    if batch.shape != (nodes,) or batch.dtype != torch.int64:
        raise ValueError(f"`batch` must be ({nodes},) int64; got {tuple(batch.shape)} {batch.dtype}.")
    if nodes == 0:
        return 0
    if int(batch.min()) < 0:
        raise ValueError(f"`batch` must name an image ≥ 0 for each node; got {int(batch.min())}.")
    present = torch.bincount(batch) > 0
    if not bool(present.all()):
        raise ValueError(f"Image {int((~present).nonzero()[0])} of `batch` has no node. Number images without gaps.")
    return len(present)
