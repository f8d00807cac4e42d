"""Small meshes for tests."""

import itertools
import math
from collections import defaultdict

import pytest
import torch
from scipy.spatial import ConvexHull, Delaunay
from torch import Tensor

DOUBLE = torch.float64
CORNERS = torch.tensor(list(itertools.product([0.0, 1.0], repeat=3)), dtype=DOUBLE)
SQUARES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]  # outward
CUBE = torch.tensor([face for a, b, c, d in SQUARES for face in ((a, b, c), (a, c, d))])


def plane(rows: int, cols: int) -> tuple[Tensor, Tensor]:
    """A grid of points in the plane z = 0, each unit square cut in two along the same diagonal."""
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(cols), indexing="ij")
    number = torch.arange(rows * cols).reshape(rows, cols)
    a, b, c, d = (part.flatten() for part in (number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]))
    vertices = torch.stack([x.flatten(), y.flatten(), torch.zeros(rows * cols)], dim=1).to(DOUBLE)
    return vertices, torch.cat([torch.stack([a, b, d], dim=1), torch.stack([a, d, c], dim=1)])


def icosahedron() -> tuple[Tensor, Tensor]:
    golden = (1 + math.sqrt(5)) / 2
    corners = [p for s, t in itertools.product((-1, 1), (-golden, golden)) for p in ((0, s, t), (s, t, 0), (t, 0, s))]
    return torch.tensor(corners, dtype=DOUBLE), outward(torch.tensor(corners, dtype=DOUBLE))


def outward(points: Tensor) -> Tensor:
    """The faces of the convex hull around the origin, counter-clockwise as seen from outside."""
    faces = torch.from_numpy(ConvexHull(points.numpy()).simplices).long()
    turned = torch.linalg.det(points[faces]) < 0
    return torch.where(turned[:, None], faces.flip(1), faces)


def sphere(num_points: int = 60) -> tuple[Tensor, Tensor]:
    points = torch.randn(num_points, 3, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    points = torch.nn.functional.normalize(points, dim=1)
    return points, outward(points)


def sheet(num_points: int = 40) -> tuple[Tensor, Tensor]:
    """Random points in the plane with their Delaunay triangles: every inner edge has a weight ≥ 0."""
    points = torch.rand(num_points, 2, generator=torch.Generator().manual_seed(1), dtype=DOUBLE)
    return torch.nn.functional.pad(points, (0, 1)), torch.from_numpy(Delaunay(points.numpy()).simplices).long()


def by_edge(faces: Tensor) -> dict[tuple[int, int], list[int]]:
    """The faces at each edge, by a loop."""
    found = defaultdict(list)
    for face, corners in enumerate(faces.tolist()):
        for i, j in itertools.combinations(sorted(corners), 2):
            found[i, j].append(face)
    return dict(found)


MESHES = {"cube": (CORNERS, CUBE), "plane": plane(4, 5), "icosahedron": icosahedron(), "sphere": sphere()}
every_mesh = pytest.mark.parametrize("mesh", MESHES.values(), ids=MESHES.keys())
