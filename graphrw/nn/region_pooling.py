"""Features pooled over the regions of a similarity, and classes of regions learned from classes of whole images."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import multilabel_soft_margin_loss
from torch.utils.checkpoint import checkpoint
from torch_geometric.utils import scatter, softmax

from graphrw.core.whole import check_whole
from graphrw.nn.inputs import widened

Rows = Callable[[Tensor], Tensor]  # from (R,) node indices to the (R, N) similarities of those nodes to all


def region_pooling(x: Tensor, similarity: Tensor | Rows, *, threshold: float = 0.0, rows_at_once: int = 1024) -> Tensor:
    """Features averaged over what is similar:  x̄_i = Σ_j K_ij x_j / Σ_j K_ij.

    Source: J. Sun, Z. Xu, Neural diffusion distance for image segmentation, NeurIPS 2019 (regional feature pooling).

    Args:
        x: (N, F) floats.
        similarity: K, (N, N) ≥ 0; or a function that makes its rows, from node indices (R,) to (R, N). Rows are then
            made a few at a time, and again in backward, so that K never exists as a whole; gradients flow into
            whatever the function makes them from.
        threshold: similarities up to this one count as 0 (the authors' code: 0.8).
        rows_at_once: rows per call of such a function, ≥ 1.

    Returns:
        (N, F), within the range of `x`.

    Raises:
        ValueError: for wrong shapes or types, negative similarities, or a node that is similar to none.

    >>> pairs = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> region_pooling(torch.tensor([[0.0], [2.0], [5.0]]), pairs).squeeze()
    tensor([1., 1., 5.])
    """
    if x.ndim != 2 or not x.is_floating_point():
        raise ValueError(f"`x` must be (N, F) floats; got {tuple(x.shape)} {x.dtype}.")
    x = widened(x)
    every = torch.arange(len(x), device=x.device)
    if isinstance(similarity, Tensor):
        return _pool(x, widened(similarity), every, threshold)
    rows_at_once = check_whole("rows_at_once", rows_at_once, 1)

    def pool(nodes: Tensor) -> Tensor:
        return _pool(x, widened(similarity(nodes)), nodes, threshold)

    parts = [checkpoint(pool, nodes, use_reentrant=False) for nodes in every.split(rows_at_once)]
    return torch.cat(parts)


class RegionPooling(nn.Module):
    """`region_pooling` as a layer: ``layer(x, similarity)``, (N, F) → (N, F).

    In `torch_geometric.nn.Sequential` it stands between convolutions as ``(RegionPooling(), "x, k -> x")``.

    Args:
        threshold, rows_at_once: as in `region_pooling`.

    >>> RegionPooling()(torch.eye(2), torch.ones(2, 2))
    tensor([[0.5000, 0.5000],
            [0.5000, 0.5000]])
    """

    def __init__(self, threshold: float = 0.0, rows_at_once: int = 1024) -> None:
        super().__init__()
        self.threshold = threshold
        self.rows_at_once = rows_at_once

    def forward(self, x: Tensor, similarity: Tensor | Rows) -> Tensor:
        """Pooled features, (N, F)."""
        return region_pooling(x, similarity, threshold=self.threshold, rows_at_once=self.rows_at_once)

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}, rows_at_once={self.rows_at_once}"


class ClassMaps(NamedTuple):
    """What `RegionClassifier` finds.

    Args:
        scores: (B, L) logits of the classes of each image: is it there?
        maps: (N, L) class activation maps, probabilities of the classes at each node: where is it?
    """

    scores: Tensor
    maps: Tensor


class RegionClassifier(nn.Module):
    """Weakly supervised segmentation: trained to say which classes an image holds, it shows where they are.

    With regionally pooled features x̄ and one linear classifier s = x̄ Wᵀ + b for nodes and images,

        maps_i = softmax over classes of s_i,     a_l = softmax over the nodes of one image of  γ_l · maps_l,
        scores_l = Σ_i a_il s_il,

    γ > 0 learned: the score of a class is that of its most active nodes. Train with ``layer.loss``.

    Source: J. Sun, Z. Xu, Neural diffusion distance for image segmentation, NeurIPS 2019 (weakly supervised semantic
    segmentation with regional feature pooling), from one of the variants in the authors' code: that pools features
    with attention and then classifies them, which is the same for a linear classifier. Departures: one softmax over
    classes instead of two in a row, one scale of regions instead of several thresholds, and logits with torch's
    multi-label loss in place of its sigmoid.

    Args:
        in_channels: F, features of a node.
        num_classes: L ≥ 2, of which one may be the background.
        threshold: as in `region_pooling` (the authors' code: 0.8).
        sharpness: γ to start from, > 0.

    Call it as ``layer(x, similarity)``, or ``layer(x, similarity, batch)`` for the nodes of several images: x (N, F),
    similarity as in `region_pooling`, batch (N,) int64, the image of each node, as in PyG → `ClassMaps`.

    Raises:
        ValueError: for fewer than two classes, a `sharpness` that is not positive, an image without nodes; and as
            `region_pooling`.

    >>> layer = RegionClassifier(8, num_classes=3)
    >>> found = layer(torch.rand(6, 8), torch.ones(6, 6))
    >>> found.scores.shape, found.maps.shape
    (torch.Size([1, 3]), torch.Size([6, 3]))
    """

    def __init__(self, in_channels: int, num_classes: int, threshold: float = 0.0, sharpness: float = 10.0) -> None:
        super().__init__()
        num_classes = check_whole("num_classes", num_classes, 2, reason=", background included")
        if not 0 < sharpness < math.inf:
            raise ValueError(f"`sharpness` must be finite and > 0; got {sharpness}.")
        self.pooling = RegionPooling(threshold)
        self.classifier = nn.Linear(in_channels, num_classes)
        self.log_sharpness = nn.Parameter(torch.full((num_classes,), math.log(sharpness)))

    def forward(self, x: Tensor, similarity: Tensor | Rows, batch: Tensor | None = None) -> ClassMaps:
        """Scores (B, L) and maps (N, L); see the class."""
        logits = self.classifier(self.pooling(x, similarity))
        maps = logits.softmax(1)
        image = torch.zeros(len(x), dtype=torch.int64, device=x.device) if batch is None else batch
        count = _count_images(image, len(x))
        attention = softmax(self.log_sharpness.exp() * maps, image, num_nodes=count)
        return ClassMaps(scatter(attention * logits, image, dim=0, dim_size=count, reduce="sum"), maps)

    def loss(self, scores: Tensor, present: Tensor) -> Tensor:
        """Multi-label soft margin loss: binary cross entropy of σ(scores), averaged over classes and images.

        Args:
            scores: (B, L) logits, from this layer.
            present: (B, L), 1 or True where the image holds the class, else 0. A background class counts as present
                wherever there is some.

        Returns:
            A scalar.

        Raises:
            ValueError: for another shape, or values that are neither 0 nor 1.
        """
        if present.shape != scores.shape:
            raise ValueError(
                f"`present` must have the shape of `scores`, {tuple(scores.shape)}; got {tuple(present.shape)}."
            )
        wrong = (present != 0) & (present != 1)
        if bool(wrong.any()):
            raise ValueError(f"`present` must be 0 or 1 for each class; got {present[wrong][0].item()}.")
        return multilabel_soft_margin_loss(scores, present.to(scores.dtype))


def _pool(x: Tensor, rows: Tensor, nodes: Tensor, threshold: float) -> Tensor:
    if rows.shape != (len(nodes), len(x)):
        raise ValueError(f"`similarity` must be {(len(nodes), len(x))} for these nodes; got {tuple(rows.shape)}.")
    wrong = ~(rows.detach() >= 0) | rows.detach().isinf()
    if bool(wrong.any()):
        raise ValueError(f"`similarity` must be finite and not negative; got {float(rows.detach()[wrong][0])}.")
    kept = torch.where(rows > threshold, rows, 0).to(x.dtype)
    mass = kept.sum(1, keepdim=True)
    empty = nodes[mass.detach().squeeze(1) == 0]
    if len(empty):
        raise ValueError(
            f"Node {int(empty[0])} is similar to no node, not even itself (`threshold`={threshold}; "
            f"{len(empty)} such nodes). Lower the threshold, or give each node a similarity to itself."
        )
    return (kept @ x) / mass


def _count_images(batch: Tensor, nodes: int) -> int:
    if batch.shape != (nodes,) or batch.dtype != torch.int64:
        raise ValueError(f"`batch` must be ({nodes},) int64; got {tuple(batch.shape)} {batch.dtype}.")
    if nodes == 0 or int(batch.min()) < 0:
        raise ValueError(f"`batch` must name an image ≥ 0 for each of at least one node; got {batch.tolist()[:1]}.")
    present = torch.bincount(batch) > 0
    if not bool(present.all()):
        raise ValueError(f"Image {int((~present).nonzero()[0])} of `batch` has no node. Number images without gaps.")
    return len(present)
