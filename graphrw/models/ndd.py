"""Neural Diffusion Distance, ready to train: an image in, similarities of its pixels and nested segmentations out."""

import torch
from torch import Tensor, nn

from graphrw.core.graph import Graph
from graphrw.losses import kernel_matching
from graphrw.models.trunk import Trunk
from graphrw.nn import DiffusionDistance
from graphrw.nn.grids import Grids
from graphrw.partition.hierarchy import map_hierarchy


class NDD(nn.Module):
    """A CNN's features, a walk between alike cells, and how its spread tells them apart (Sun & Xu, NeurIPS 2019).

    The image is seen at a stride; cells within a radius are joined with weights exp(−μ |f_i − f_j|²), and k eigenpairs
    give the diffusion distance D_t, with learned μ, t and scale. The trunk is our own small U-Net in place of the
    paper's pre-trained network; `DiffusionDistance` says what else departs.

    Args:
        in_channels: C of the image.
        width: channels of the trunk's features, a multiple of 8.
        k: eigenpairs, at most the number of cells.
        stride: pixels for each cell along each axis: 1, 2, 4, …
        radius: how far cells are joined, in cells, ≥ 1.
        mu: initial μ, in inverse squared units of the features.
        scale: initial γ of the similarity exp(−γ D_t), as a multiple of one over the number of cells.
        axes: 2 for images, 3 for volumes.

    Raises:
        ValueError: for values out of range; when called, if an image has fewer than k cells.

    >>> model = NDD(in_channels=3, k=8, stride=4)
    >>> model(torch.rand(1, 3, 32, 32)).shape
    torch.Size([1, 64, 64])
    """

    def __init__(
        self,
        in_channels: int,
        width: int = 32,
        *,
        k: int = 50,
        stride: int = 8,
        radius: float = 5.0,
        mu: float = 0.1,
        scale: float = 1.0,
        axes: int = 2,
    ) -> None:
        super().__init__()
        self.trunk = Trunk(in_channels, width, stride=stride, axes=axes)
        self.distance = DiffusionDistance(k, mu=mu, scale=scale)
        self.radius = radius
        self._grids = Grids()

    def forward(self, image: Tensor) -> Tensor:
        """K_D: (B, C, H, W) → (B, n, n), the similarity of the n = ⌈H / stride⌉ · ⌈W / stride⌉ cells of each image.

        (B, C, D, H, W) likewise.
        """
        features = self._features(image)
        return torch.stack([self._similarity(*self._nodes(one)) for one in features])

    def loss(self, image: Tensor, target: Tensor, *, ignore_index: int = -1) -> Tensor:
        """Cosine kernel matching at the resolution of the cells; see `losses.kernel_matching`.

        Args:
            image: as in `forward`.
            target: (B, A, h, w) or (B, A, d, h, w) int64 segments by A annotators, at the resolution of the cells.
            ignore_index: target of the cells that do not count.
        """
        similarity = self.forward(image)
        pairs = zip(similarity, target.flatten(2), strict=True)
        return torch.stack([kernel_matching(k, labels, ignore_index=ignore_index) for k, labels in pairs]).mean()

    @torch.no_grad()
    def segment(self, image: Tensor, num_segments: list[int]) -> Tensor:
        """Nested segmentations: (B, C, H, W) → (B, M, h, w) int64, one for each of the M numbers of segments.

        (B, C, D, H, W) likewise.         Each is made of segments of the finer ones, and all of them are connected; see
        `map_hierarchy`.
        """
        features = self._features(image)
        levels = []
        for one in features:
            nodes, graph = self._nodes(one)
            levels.append(map_hierarchy(self.distance.map(nodes, graph), num_segments, edges=graph.edges))
        return torch.stack(levels).reshape(len(image), -1, *features.shape[2:])

    def _features(self, image: Tensor) -> Tensor:
        """(B, width, h, w), of at least k cells."""
        features: Tensor = self.trunk(image)
        size, cells = tuple(image.shape[2:]), features.shape[2:].numel()
        if cells < self.distance.k:
            raise ValueError(
                f"An image of {size} pixels has {cells} cells at stride {self.trunk.stride}, too few for "
                f"k = {self.distance.k} eigenpairs: lower `k` or `stride`, or give larger images."
            )
        return features

    def _nodes(self, features: Tensor) -> tuple[Tensor, Graph]:
        """(n, width) features of the cells of one image, and their graph."""
        shape = tuple(features.shape[1:])
        return features.flatten(1).T, self._grids.batch(1, shape, features.device, self.radius)

    def _similarity(self, nodes: Tensor, graph: Graph) -> Tensor:
        return self.distance.similarity(self.distance(nodes, graph) / graph.num_nodes)
