"""Neural Diffusion Distance, ready to train: an image in, similarities of its pixels and nested segmentations out."""

import math

import torch
from torch import Tensor, nn

from graphrw.build.affinity import above, gaussian_affinity
from graphrw.build.grid import check_radius
from graphrw.core.arrays import as_floats, as_tensor
from graphrw.core.graph import Graph
from graphrw.core.walk import walk
from graphrw.core.whole import check_positive, check_whole
from graphrw.functional.diffusion import diffusion_map
from graphrw.functional.distances import squared_distance
from graphrw.losses import kernel_matching
from graphrw.models.base import Model
from graphrw.models.features import channels_of
from graphrw.models.scale import InputScale
from graphrw.nn.grids import Grids
from graphrw.partition.hierarchy import map_hierarchy

FEATURES = "(B, width, h, w) or (B, width, d, h, w) floats, as the trunk gives them, B ≥ 1"
TOLERANCE = 1e-6  # of eigenpairs and their derivatives: features are in single precision
GAIN = 10.0  # of log μ, log t and log γ: with 1, Adam at a rate of 1e-3 needs 700 steps to double one of them


class NDD(Model):
    """A CNN's features, a walk between alike cells, and how its spread tells them apart (Sun & Xu, NeurIPS 2019).

    The image is seen at a stride; cells within a radius are joined with weights exp(−μ |f_i − f_j|²), and k eigenpairs
    give the diffusion distance D_t, with learned μ, t and scale. The trunk is our own small U-Net in place of the
    paper's pre-trained network, unless you give one; `DiffusionDistance` says what else departs.

    Args:
        in_channels: C of the image.
        width: channels of the trunk's features; None: 32, or those of `trunk`.
        k: eigenpairs, at most the number of cells.
        stride: pixels for each cell along each axis: 1, 2, 4, …; None: 8, or that of `trunk`.
        radius: how far cells are joined, in cells, ≥ 1.
        mu: initial μ > 0, in inverse squared units of the features.
        time: initial t > 0, in steps.
        scale: initial γ > 0 of the similarity exp(−γ D_t), as a multiple of one over the number of cells.
        axes: 2 for images, 3 for volumes.
        trunk: any `FeatureTrunk` in place of our own.
        input_scale: how `as_input` reads a NumPy image.

    Raises:
        ValueError: for values out of range, or a trunk that does not fit; when called, if an image has fewer than k
            cells.

    >>> model = NDD(in_channels=3, k=8, stride=4)
    >>> model(torch.rand(1, 3, 32, 32)).shape
    torch.Size([1, 64, 64])
    """

    def __init__(
        self,
        in_channels: int,
        width: int | None = None,
        *,
        k: int = 50,
        stride: int | None = None,
        radius: float = 5.0,
        mu: float = 1.0,
        time: float = 8.0,
        scale: float = 200.0,
        axes: int = 2,
        trunk: nn.Module | None = None,
        input_scale: InputScale = InputScale(),
    ) -> None:
        starts = {"mu": mu, "time": time, "scale": scale}
        super().__init__(
            in_channels,
            width,
            stride=stride,
            usual_stride=8,
            axes=axes,
            trunk=trunk,
            input_scale=input_scale,
            arguments={"k": k, "radius": radius, **starts},
        )
        starts = {name: check_positive(name, value) for name, value in starts.items()}
        self.k = check_whole("k", k, 1)
        self.radius = check_radius("radius", radius)
        self.exponents = nn.ParameterDict(
            {name: nn.Parameter(torch.tensor(math.log(value) / GAIN)) for name, value in starts.items()}
        )
        self._grids = Grids()

    @property
    def mu(self) -> Tensor:
        """μ, ()."""
        return self._learned("mu")

    @property
    def time(self) -> Tensor:
        """t, ()."""
        return self._learned("time")

    @property
    def scale(self) -> Tensor:
        """γ times the number of cells, ()."""
        return self._learned("scale")

    def forward(self, image: Tensor) -> Tensor:
        """K_D: (B, C, H, W) → (B, n, n), the similarity of the n = ⌈H / stride⌉ · ⌈W / stride⌉ cells of each image.

        (B, C, D, H, W) likewise.
        """
        return self.similarity(self._cells(image))

    def map(self, features: Tensor) -> Tensor:
        """Diffusion maps of features as the trunk gives them: (B, width, h, w) → (B, n, k), n = h · w cells.

        (B, width, d, h, w) likewise.
        """
        return torch.stack([self._map(one)[1] for one in self._checked(features)])

    def similarity(self, features: Tensor) -> Tensor:
        """K_D of features as the trunk gives them: (B, width, h, w) → (B, n, n); (B, width, d, h, w) likewise."""
        return torch.stack([self._similarity(*self._map(one)) for one in self._checked(features)])

    def loss(self, image: Tensor, target: Tensor, *, ignore_index: int = -1) -> Tensor:
        """Cosine kernel matching at the resolution of the cells; see `losses.kernel_matching`.

        Args:
            image: as in `forward`.
            target: (B, A, h, w) or (B, A, d, h, w) int64 segments by A annotators, at the resolution of the cells.
            ignore_index: target of the cells that do not count.
        """
        similarity = self.forward(image)
        target = as_tensor("target", target, "(B, A, h, w) int64 segments")
        if target.ndim != self.axes + 2 or len(target) != len(image) or target[0, 0].numel() != similarity.shape[1]:
            raise ValueError(
                f"`target` must be (B, A, h, w) or (B, A, d, h, w) with B = {len(image)} and {similarity.shape[1]} "
                f"cells; got {tuple(target.shape)}."
            )
        pairs = zip(similarity, target.flatten(2), strict=True)
        return torch.stack([kernel_matching(k, labels, ignore_index=ignore_index) for k, labels in pairs]).mean()

    @torch.no_grad()
    def segment(self, image: Tensor, num_segments: list[int]) -> Tensor:
        """Nested segmentations: (B, C, H, W) → (B, M, h, w) int64, one for each of the M numbers of segments.

        (B, C, D, H, W) likewise. Each is made of segments of the finer ones, and all of them are connected: each cell
        of a segment reaches the others over cells beside, above and below it. See `map_hierarchy`.
        """
        cells = self._cells(image)
        shape = tuple(cells.shape[2:])
        touching = self._grids.batch(1, shape, image.device).edges
        levels = [map_hierarchy(self._map(one)[1], num_segments, edges=touching) for one in cells]
        return torch.stack(levels).reshape(len(image), -1, *shape)

    def _cells(self, image: Tensor) -> Tensor:
        """(B, width, h, w), of at least k cells."""
        features = self._features(image, self.trunk)
        if len(image) == 0:
            raise ValueError(f"`image` must hold at least one image; got a batch of none, {tuple(image.shape)}.")
        size, cells = tuple(image.shape[2:]), features.shape[2:].numel()
        if cells < self.k:
            raise ValueError(
                f"An image of {size} pixels has {cells} cells at stride {self.stride}, too few for "
                f"k = {self.k} eigenpairs: lower `k` or `stride`, or give larger images."
            )
        return features

    def _checked(self, features: Tensor) -> Tensor:
        features, channels = as_floats("features", features, FEATURES), channels_of(self.trunk)
        if features.ndim != self.axes + 2 or len(features) == 0 or features.shape[1] != channels:
            raise ValueError(f"`features` must be {FEATURES}, with {channels} channels; got {tuple(features.shape)}.")
        return features

    def _map(self, features: Tensor) -> tuple[Graph, Tensor]:
        """The graph of the cells of one image, and their diffusion map (n, k)."""
        graph = self._grids.batch(1, tuple(features.shape[1:]), features.device, self.radius)
        weight = above(gaussian_affinity(graph, features.flatten(1).T, self.mu))
        return graph, diffusion_map(walk(graph, weight), self.time, self.k, tolerance=TOLERANCE)

    def _similarity(self, graph: Graph, coordinates: Tensor) -> Tensor:
        return torch.exp(-self.scale / graph.num_nodes * squared_distance(graph, coordinates, None, None))

    def _learned(self, name: str) -> Tensor:
        value: Tensor = (GAIN * self.exponents[name]).exp()
        return value
