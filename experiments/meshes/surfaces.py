"""A mesh with all that does not depend on a method: its graphs, what faces look like, how deep in a part they are."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from torch import Tensor

import graphrw as rw
from experiments.data.meshes import Mesh
from graphrw.build import centroid_distance, crease_features, crease_weight, shared_edge_length

DEEP = 0.5  # random seeds are at least so deep, in shares of the deepest face of their part: as `oracle_seeds`
SMOOTHED = (4, 16, 64)  # steps of a walk over which the features of faces are averaged


FLAT = 1e-10  # of its longest side squared: a face of a smaller area has no normal, and counts for nothing


@dataclass(frozen=True, eq=False)
class Surface:
    """N faces, E edges between them, A persons. Faces without area, which some meshes have, are left out."""

    mesh: Mesh

    @cached_property
    def kept(self) -> NDArray[np.bool_]:
        """Which faces of the mesh these are."""
        corners = self.mesh.vertices.astype(np.float64)[self.mesh.faces]
        sides = corners - np.roll(corners, 1, 1)
        double_area = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1)
        return double_area > FLAT * np.square(sides).sum(2).max(1)

    @cached_property
    def vertices(self) -> Tensor:
        return torch.from_numpy(self.mesh.vertices).double()

    @cached_property
    def faces(self) -> Tensor:
        return torch.from_numpy(self.mesh.faces[self.kept])

    @cached_property
    def dual(self) -> rw.Graph:
        return rw.mesh_dual_graph(self.vertices, self.faces)[0]

    @cached_property
    def angle(self) -> Tensor:
        return rw.mesh_dual_graph(self.vertices, self.faces)[1]

    @cached_property
    def length(self) -> Tensor:
        return shared_edge_length(self.vertices, self.faces)

    @cached_property
    def distance(self) -> Tensor:
        return centroid_distance(self.vertices, self.faces)

    @cached_property
    def vertex_graph(self) -> rw.Graph:
        return rw.mesh_graph(self.vertices, self.faces)[0]

    @cached_property
    def area(self) -> Tensor:
        """(N,), of the whole 1."""
        a, b, c = self.vertices[self.faces].unbind(1)
        area: Tensor = torch.linalg.norm(torch.linalg.cross(b - a, c - a), dim=1)
        return area / area.sum()

    @cached_property
    def edge_features(self) -> Tensor:
        """(E, 4) float32, angles in units of a tenth of a radian, which is a usual one."""
        return crease_features(self.vertices, self.faces).float() * torch.tensor([10.0, 10.0, 1.0, 1.0])

    @cached_property
    def crease(self) -> Tensor:
        """(E,), with the defaults, which `tune.py` chose."""
        return crease_weight(self.vertices, self.faces)

    @cached_property
    def face_features(self) -> Tensor:
        """(N, 17) float32: size, and how it bends, from the angles at its edges, at four scales."""
        plain = rw.walk(self.dual, self.length / self.distance)
        ends, number = self.dual.edges.flatten(), torch.ones(2 * self.dual.num_edges, dtype=torch.float64)
        bent = torch.stack([self.angle.relu(), (-self.angle).relu(), self.angle, self.angle.abs().sqrt()], 1)
        bent = bent.repeat(2, 1)
        count = torch.zeros(len(self.faces), dtype=torch.float64).index_add(0, ends, number).clamp(min=1)
        here = torch.zeros(len(self.faces), 4, dtype=torch.float64).index_add(0, ends, bent) / count[:, None]
        scales, done = [here], 0
        for steps in SMOOTHED:
            scales.append(rw.step(plain, scales[-1], steps - done))
            done = steps
        size = (self.area * len(self.faces)).log()[:, None]
        return torch.cat([size / 4, *(10 * each for each in scales)], 1).float()

    def people(self, most: int) -> list[int]:
        """At most so many persons, evenly from the first to the last; 0: all."""
        count = len(self.mesh.parts)
        return list(range(count)) if not 0 < most < count else [i * count // most for i in range(most)]

    def parts(self, person: int) -> Tensor:
        """(N,) from 0."""
        return torch.from_numpy(np.unique(self.mesh.parts[person][self.kept], return_inverse=True)[1]).long()

    def depth(self, parts: Tensor) -> Tensor:
        """(N,): how far it is along the surface to the border of a face's part."""
        a, b = self.dual.edges
        border = torch.unique(self.dual.edges[:, parts[a] != parts[b]])
        if len(border) == 0:
            return torch.ones(len(parts), dtype=torch.float64)
        size = (len(parts), len(parts))
        matrix = coo_array((self.distance.numpy(), (a.numpy(), b.numpy())), shape=size).tocsr()
        found = dijkstra(matrix, directed=False, indices=border.numpy(), min_only=True)
        return torch.from_numpy(found).nan_to_num(posinf=0.0)  # a piece that is all of one part is no place for a seed

    def seeds(self, parts: Tensor, generator: torch.Generator | None) -> Tensor:
        """(N,): one seed in each part, at its deepest face, or at a random deep one; −1 elsewhere."""
        depth, seeds = self.depth(parts), torch.full_like(parts, -1)
        for part in range(int(parts.max()) + 1):
            inside = (parts == part).nonzero()[:, 0]
            deep = depth[inside]
            if generator is None:
                place = inside[deep.argmax()]
            else:
                places = inside[deep >= DEEP * deep.max()]
                place = places[torch.randint(len(places), (), generator=generator)]
            seeds[place] = part
        return seeds

    def accuracy(self, labels: Tensor, parts: Tensor) -> float:
        """The share of the area that has its label."""
        return float(self.area[labels == parts].sum())
