"""The weakly supervised head of Neural Diffusion Distance: classes of regions learned from classes of whole images."""

import math

import torch
from torch import Tensor, nn

from graphrw.core.whole import check_positive, check_whole
from graphrw.functional.classes import ClassMaps, class_maps
from graphrw.functional.pooling import Rows
from graphrw.nn.region_pooling import RegionPooling


class RegionClassifier(nn.Module):
    """Weakly supervised segmentation: trained to say which classes an image holds, it shows where they are.

    With regionally pooled features x̄ and one linear classifier s = x̄ Wᵀ + b for nodes and images,

        maps_i = softmax over classes of s_i,     a_l = softmax over the nodes of one image of  γ_l · maps_l,
        scores_l = Σ_i a_il s_il,

    γ > 0 learned: the score of a class is that of its most active nodes. Train the scores with `losses.presence_loss`.

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
        self._start = check_positive("sharpness", sharpness)
        self.pooling = RegionPooling(threshold)
        self.classifier = nn.Linear(check_whole("in_channels", in_channels, 1), num_classes)
        self.log_sharpness = nn.Parameter(torch.empty(num_classes))
        nn.init.constant_(self.log_sharpness, math.log(self._start))

    def reset_parameters(self) -> None:
        """A new draw of the classifier, and γ as the layer was made with."""
        self.classifier.reset_parameters()
        nn.init.constant_(self.log_sharpness, math.log(self._start))

    def forward(self, x: Tensor, similarity: Tensor | Rows, batch: Tensor | None = None) -> ClassMaps:
        """Scores (B, L) and maps (N, L); see the class."""
        logits = self.classifier(self.pooling(x, similarity))
        return class_maps(logits, self.log_sharpness.exp(), batch)
