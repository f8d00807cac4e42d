"""The problems that solvers are compared on: walks on images, volumes, points, hubs and meshes, with sparse seeds.

All are generated, or come from photographs inside scikit-image's wheel, and are the same at every call.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import ConvexHull
from skimage import data, transform, util
from torch import Tensor

import graphrw as rw

BETA = 130.0  # scikit-image's default
LABELS = 16
SEEDED = 5e-4  # the share of nodes with a seed
FLOOR = 1e-10  # added to the weights of images, as scikit-image does
DECADES = 6


@dataclass(frozen=True, eq=False)
class Problem:
    """A walk and its seeds, and the linear system that they pose: A x = b, with the seeds absorbed."""

    walk: rw.Walk
    seeds: Tensor  # (N,) int64: the label of each seed, −1 elsewhere
    shape: tuple[int, ...] = ()  # of a grid
    image: NDArray[np.float64] | None = None  # where the weights come from one

    @cached_property
    def free(self) -> NDArray[np.bool_]:
        """(N,): the F nodes without a seed."""
        return (self.seeds < 0).numpy()

    @cached_property
    def absorbed(self) -> rw.Walk:
        """The walk that ends on the seeds."""
        return rw.absorb(self.walk, (self.seeds >= 0).nonzero().squeeze(1))

    @cached_property
    def matrix(self) -> csr_array:
        """A between free nodes, (F, F) float64 with sorted int32 indices."""
        tail, head = self.walk.graph.edges.numpy()
        inner = self.free[tail] & self.free[head]
        index = np.cumsum(self.free, dtype=np.int32) - np.int32(1)
        i, j, w = index[tail[inner]], index[head[inner]], self.walk.weight.numpy()[inner]
        diagonal = np.arange(index[-1] + 1, dtype=np.int32)
        values = np.concatenate([-w, -w, self.walk.rate.numpy()[self.free]])
        places = np.concatenate([i, j, diagonal]), np.concatenate([j, i, diagonal])
        matrix = coo_array((values, places), shape=(len(diagonal),) * 2).tocsr()
        matrix.sort_indices()
        return matrix

    def labels(self, count: int) -> NDArray[np.int64]:
        """(N,): the label of each seed when there are only `count` of them, −1 elsewhere."""
        seeds = self.seeds.numpy()
        return np.where(seeds < 0, -1, seeds % count)

    def right_hand_side(self, count: int) -> Tensor:
        """b (N, count), 0 on the seeds; a single column is one of two labels."""
        labels = torch.from_numpy(self.labels(max(count, 2)))
        tail, head = self.walk.graph.edges
        b = torch.zeros(len(labels), count, dtype=torch.float64)
        for start, end in ((tail, head), (head, tail)):  # from free nodes to seeds, whichever way the edge is listed
            cut = ((labels[start] < 0) & (labels[end] >= 0) & (labels[end] < count)).nonzero().squeeze(1)
            b.index_put_((start[cut], labels[end[cut]]), self.walk.weight[cut], accumulate=True)
        return b


def make(name: str) -> Problem:
    """The problem of a kind and a size, such as ``image-512`` (512²), ``volume-64`` (64³) or ``knn-50000`` (nodes)."""
    kind, _, size = name.partition("-")
    if kind not in KINDS or not size.isdigit():
        raise ValueError(f"Problems are called KIND-SIZE, with one of the kinds {', '.join(KINDS)}; got {name!r}.")
    return KINDS[kind](int(size))


def photograph(size: int) -> Problem:
    """`camera`, enlarged, with real texture at the scale of pixels, and noise."""
    camera = transform.resize(util.img_as_float(data.camera()), (size, size), order=3, anti_aliasing=size < 512)
    texture = util.img_as_float(data.brick())
    repeats = -(-size // len(texture))
    texture = np.tile(texture, (repeats, repeats))[:size, :size]
    image = 0.7 * camera + 0.3 * texture + np.random.default_rng(0).normal(0, 0.04, camera.shape)
    return from_image(image.clip(0, 1))


def volume(size: int) -> Problem:
    """Cells of three grey values with blurred borders, and noise."""
    rng = np.random.default_rng(1)
    scales = [gaussian_filter(rng.standard_normal((size,) * 3), width) for width in (3, 8)]
    field = sum(scale / scale.std() for scale in scales)
    cells = gaussian_filter(0.5 * (field > -0.5) + 0.5 * (field > 0.8), 0.7)
    return from_image((cells + rng.normal(0, 0.06, cells.shape)).clip(0, 1))


def from_image(image: NDArray[np.float64]) -> Problem:
    """Each pixel joined to its nearest neighbours, with scikit-image's weights."""
    graph = rw.grid_graph(image.shape)
    weight = rw.gaussian_affinity(graph, torch.from_numpy(image).reshape(-1), BETA / (10 * image.std()))
    return seeded(graph, weight + FLOOR, image.shape, image)


def contrast(size: int) -> Problem:
    """A grid whose weights have nothing to do with each other: 10^u, u uniform in [−6, 0]."""
    graph = rw.grid_graph((size, size))
    exponent = np.random.default_rng(2).uniform(-DECADES, 0, graph.num_edges)
    return seeded(graph, torch.from_numpy(10**exponent), (size, size))


def neighbours(count: int) -> Problem:
    """Points of 16 Gaussian clusters in R^16, each joined to its 10 nearest."""
    rng = np.random.default_rng(3)
    centres = 1.2 * rng.standard_normal((16, 16))
    points = centres[rng.integers(16, size=count)] + rng.standard_normal((count, 16))
    graph, distance = rw.knn_graph(torch.from_numpy(points), 10)
    return seeded(graph, rw.build.self_tuning_affinity(graph, distance))


def hubs(count: int, links: int = 5) -> Problem:
    """A power-law graph by preferential attachment, with weights uniform in [0.1, 10].

    Batagelj & Brandes 2005: each new link copies one end, drawn at random, of all links listed so far; here all copies
    are resolved at once, by following them to the end. (networkx attaches node by node and takes far longer.)
    """
    rng = np.random.default_rng(4)
    link = np.arange(links * count)
    end = rng.integers(0, 2 * link + 1)  # even: the newer end of link end // 2; odd: what that link has copied
    while (copied := end % 2 == 1).any():
        end[copied] = end[end[copied] // 2]
    pairs = np.sort(np.stack([link, end // 2]) // links, axis=0)
    pairs = np.unique(pairs[:, pairs[0] < pairs[1]], axis=1)
    return seeded(rw.Graph(torch.from_numpy(pairs), count), torch.from_numpy(rng.uniform(0.1, 10, pairs.shape[1])))


def bumpy_sphere(count: int) -> Problem:
    """Points spread over a sphere, not quite evenly, with their Delaunay triangles, then lifted; cotangent weights."""
    height = 1 - (2 * np.arange(count) + 1) / count
    angle = np.pi * (1 + 5**0.5) * np.arange(count)  # a Fibonacci lattice
    ring = np.sqrt(1 - height**2)
    points = np.stack([ring * np.cos(angle), ring * np.sin(angle), height], axis=1)
    points += np.random.default_rng(5).normal(0, 0.2 * np.sqrt(4 * np.pi / count), points.shape)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    faces = torch.from_numpy(ConvexHull(points).simplices.astype(np.int64))
    points *= 1 + 0.1 * np.sin(8 * points).prod(1, keepdims=True)
    vertices = torch.from_numpy(points)
    graph, _ = rw.mesh_graph(vertices, faces)
    return seeded(graph, rw.build.cotangent_weight(vertices, faces) + 1e-6)  # where it is 0, it would part


def seeded(
    graph: rw.Graph, weight: Tensor, shape: tuple[int, ...] = (), image: NDArray[np.float64] | None = None
) -> Problem:
    """16 labels by turns on randomly chosen nodes, and one seed more in each component that got none."""
    count = max(2 * LABELS, round(SEEDED * graph.num_nodes))
    places = np.random.default_rng(6).choice(graph.num_nodes, count, replace=False)
    seeds = np.full(graph.num_nodes, -1)
    seeds[places] = np.arange(count) % LABELS
    walk = rw.walk(graph, weight)
    _, component = connected_components(rw.to_scipy(graph, weight), directed=False)
    _, first = np.unique(component, return_index=True)
    reached = np.zeros(len(first), dtype=bool)
    reached[component[places]] = True
    seeds[first[~reached]] = 0
    return Problem(walk, torch.from_numpy(seeds), shape, image)


def save(problem: Problem, path: Path) -> None:
    """Write what `load` reads; of a grid the shape is enough."""
    graph, image = problem.walk.graph, problem.image
    edges = np.empty((2, 0), np.int64) if problem.shape else graph.edges.numpy()
    arrays: dict[str, Any] = {"edges": edges, "weight": problem.walk.weight.numpy(), "seeds": problem.seeds.numpy()}
    np.savez(path, shape=np.array(problem.shape, np.int64), image=np.empty(0) if image is None else image, **arrays)


def load(path: Path) -> Problem:
    with np.load(path) as stored:
        arrays = dict(stored)
    shape = tuple(arrays["shape"].tolist())
    nodes = len(arrays["seeds"])
    graph = rw.grid_graph(shape) if shape else rw.Graph(torch.from_numpy(arrays["edges"]), nodes)
    walk = rw.walk(graph, torch.from_numpy(arrays["weight"]))
    image = arrays["image"] if arrays["image"].size else None
    return Problem(walk, torch.from_numpy(arrays["seeds"]), shape, image)


KINDS: dict[str, Callable[[int], Problem]] = {
    "image": photograph,
    "volume": volume,
    "contrast": contrast,
    "knn": neighbours,
    "power": hubs,
    "mesh": bumpy_sphere,
}
