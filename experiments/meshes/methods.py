"""What gives each face the part of one of the seeds: (N,) labels from a surface and its seeds."""

from collections.abc import Callable

import torch
from torch import Tensor

import graphrw as rw
from experiments.meshes.surfaces import Surface
from graphrw.build import above, cotangent_weight
from graphrw.functional.shortest import shortest_distance

STRICT = 10.0  # what a radian of bending inwards cost in earlier looks at these meshes


def walked(surface: Surface, weight: Tensor, seeds: Tensor) -> Tensor:
    """(N, L): where a walk from face to face ends; from a piece without seeds, anywhere."""
    labels = int(seeds.max()) + 1
    anywhere = torch.full((labels,), 1 / labels, dtype=torch.float64)
    return rw.hitting_probabilities(rw.walk(surface.dual, weight), seeds, unreachable=anywhere)


def cotangent(surface: Surface, seeds: Tensor) -> Tensor:
    """The walk from vertex to vertex: a seed is the three corners of a face, a face has the mean of its corners."""
    weight = cotangent_weight(surface.vertices, surface.faces).clamp(min=1e-6)  # 0 would part the graph
    corners = torch.full((len(surface.vertices),), -1)
    held = seeds >= 0
    corners[surface.faces[held]] = seeds[held][:, None].expand(-1, 3)
    labels = int(seeds.max()) + 1
    anywhere = torch.full((labels,), 1 / labels, dtype=torch.float64)  # from a vertex of no face
    walk = rw.walk(surface.vertex_graph, weight)
    at_vertices = rw.hitting_probabilities(walk, corners, labels, unreachable=anywhere)
    return at_vertices[surface.faces].mean(1).argmax(1)


def uniform(surface: Surface, seeds: Tensor) -> Tensor:
    return walked(surface, surface.length / surface.distance, seeds).argmax(1)


def ten(surface: Surface, seeds: Tensor) -> Tensor:
    """Lengths, and concave angles × 10, as in the first look."""
    cost = torch.where(surface.angle < 0, STRICT, 1.0) * surface.angle.abs()
    return walked(surface, surface.length / surface.length.mean() * above(torch.exp(-cost)), seeds).argmax(1)


def crease(surface: Surface, seeds: Tensor) -> Tensor:
    return walked(surface, surface.crease, seeds).argmax(1)


def voronoi(surface: Surface, seeds: Tensor) -> Tensor:
    """The nearest seed along the surface, by the shortest path from centroid to centroid."""
    return shortest_distance(surface.dual, surface.distance, seeds, int(seeds.max()) + 1).argmin(1)


def heat(surface: Surface, seeds: Tensor) -> Tensor:
    """The nearest seed along the surface, by the heat method from the corners of its face."""
    sources = [surface.faces[seeds == part].flatten() for part in range(int(seeds.max()) + 1)]
    far = [rw.geodesic_distance(surface.vertices, surface.faces, corners) for corners in sources]
    return torch.stack(far, 1)[surface.faces].mean(1).argmin(1)


METHODS: dict[str, Callable[[Surface, Tensor], Tensor]] = {
    "geodesic Voronoi, paths": voronoi,
    "geodesic Voronoi, heat": heat,
    "vertices, cotangent": cotangent,
    "faces, flat": uniform,
    "faces, concave × 10": ten,
    "faces, crease_weight": crease,
}
