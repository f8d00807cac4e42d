"""Triangle meshes as surfaces, whatever their triangles: known by edge lengths alone, and made Delaunay by flips."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from graphrw.build.knn import edge_length
from graphrw.build.mesh import check_areas, checked_mesh, side_edges
from graphrw.core.graph import Graph, unchecked
from graphrw.core.opaque import opaque

MOST_ROUNDS = 1000  # of flips: 20 and fewer were seen on scans of 10⁵ vertices
FLAT = 1e3  # times the rounding of its type: a cotangent weight above minus that is 0 but for rounding


@dataclass(frozen=True, eq=False)
class IntrinsicMesh:
    """Triangles that are known by the lengths of their sides; two of them may have the same vertices, or one twice.

    Side s = 3 f + c is that of face f opposite its corner c.
    """

    faces: Tensor  # (F, 3) int64
    length: Tensor  # (F, 3), of the side opposite each corner
    twin: Tensor  # (3 F,) int64: the other side of the same edge
    num_vertices: int
    covered: bool  # whether the surface is here twice, once from each side

    @property
    def area(self) -> Tensor:
        """(F,), by Kahan's form of Heron's formula, which keeps its digits in slivers."""
        c, b, a = self.length.sort(1).values.unbind(1)
        return 0.25 * ((a + (b + c)) * (c - (a - b)) * (c + (a - b)) * (a + (b - c))).sqrt()

    @property
    def cotangent(self) -> Tensor:
        """(F, 3): that of the angle at each corner."""
        square = self.length.square()
        return (square.sum(1, keepdim=True) - 2 * square) / (4 * self.area[:, None])

    @property
    def share(self) -> float:
        """What each face counts in integrals over the surface."""
        return 0.5 if self.covered else 1.0

    def walk_weight(self) -> tuple[Graph, Tensor]:
        """The graph of the vertices, and its cotangent weights (E,) ≥ 0: sides with the same ends are one edge."""
        ends = torch.stack([self.faces.roll(-1, 1).flatten(), self.faces.roll(-2, 1).flatten()]).sort(0).values
        joins = ends[0] < ends[1]  # a side from a vertex to itself moves no walker
        key, edge = (ends[0] * self.num_vertices + ends[1])[joins].unique(return_inverse=True)
        weight = self.length.new_zeros(len(key)).index_add(0, edge, self.share / 2 * self.cotangent.flatten()[joins])
        graph = unchecked(torch.stack([key // self.num_vertices, key % self.num_vertices]), self.num_vertices)
        return graph, weight.clamp(min=0)

    def vertex_area(self) -> Tensor:
        """(V,): a third of the area of the faces around each vertex."""
        shares = (self.share * self.area / 3)[:, None].expand(-1, 3).flatten()
        return self.length.new_zeros(self.num_vertices).index_add(0, self.faces.flatten(), shares)


@opaque
def intrinsic_delaunay(vertices: Tensor, faces: Tensor) -> IntrinsicMesh:
    """The surface of a triangle mesh in triangles whose cotangent weights are all ≥ 0.

    An edge whose opposite angles add up to more than 180° has a negative weight, which no walk can have. It is flipped:
    its two triangles, laid out flat, are cut along the other diagonal, until none is left. The surface stays what it
    is, and so do all distances on it (Bobenko & Springborn, *A discrete Laplace–Beltrami operator for simplicial
    surfaces*, 2007). Lengths are differentiable with respect to `vertices`, as long as no flip changes.

    Where the mesh has a border, edges of more than two faces, or faces that are not oriented alike, all faces are taken
    twice, once from each side, and glued at edges so that all can be flipped (Sharp & Crane, *A Laplacian for
    nonmanifold triangle meshes*, SGP 2020).

    Args:
        vertices: (V, 3) float32 or float64, finite.
        faces: (F, 3) int32 or int64, as for `mesh_graph`; each with an area.

    Raises:
        ValueError: as `cotangent_weight`.

    >>> corners = torch.tensor([[-2.0, 0, 0], [0, -0.5, 0], [2, 0, 0], [0, 0.5, 0]])  # the long diagonal is an edge
    >>> graph, weight = intrinsic_delaunay(corners, torch.tensor([[0, 1, 2], [0, 2, 3]])).walk_weight()
    >>> graph.edges.T[weight > 1e-6].tolist()  # the short one
    [[0, 1], [0, 3], [1, 2], [1, 3], [2, 3]]
    """
    vertices, faces = checked_mesh(vertices, faces)
    check_areas(vertices, faces)
    graph, side = side_edges(faces, len(vertices))
    length, (twin, covered) = edge_length(graph, vertices)[side], _twins(faces, side.flatten())
    if covered:
        faces, length = (torch.cat([each, each[:, [0, 2, 1]]]) for each in (faces, length))
    mesh = IntrinsicMesh(faces, length, twin, len(vertices), covered)
    for _ in range(MOST_ROUNDS):
        chosen = _to_flip(mesh)
        if len(chosen) == 0:
            break
        mesh = _flipped(mesh, chosen)
    return mesh


def _twins(faces: Tensor, edge: Tensor) -> tuple[Tensor, bool]:
    """The other side of each edge, (3 F,), if the mesh is closed, manifold and oriented; else (6 F,) that of its cover,
    of F faces as they are and F seen from behind. Which of both it is comes second.

    Around an edge, what is seen along it of one face is glued to what is seen against it of the next, at a border to
    that of the same face. So every edge has two sides that run in opposite directions.
    """
    begin, end = faces.roll(-1, 1).flatten(), faces.roll(-2, 1).flatten()
    front = torch.arange(len(edge), device=edge.device)
    back = len(edge) + front - front % 3 + (3 - front % 3) % 3  # corners the other way round: 0, 2, 1
    along, against = torch.where(begin < end, front, back), torch.where(begin < end, back, front)
    order, count = edge.argsort(stable=True), edge.bincount()
    start, size = (count.cumsum(0) - count).repeat_interleave(count), count.repeat_interleave(count)
    following = order[start + (front - start + 1) % size]
    twin = torch.empty(2 * len(edge), dtype=torch.int64, device=edge.device)
    twin[along[order]], twin[against[following]] = against[following], along[order]
    closed = bool((twin[front] < len(edge)).all()) and bool((count == 2).all())
    return (twin[front] if closed else twin), not closed


def _to_flip(mesh: IntrinsicMesh) -> Tensor:
    """(K,): sides of which no two belong to the same faces, the worst of those that are not Delaunay first."""
    side = torch.arange(len(mesh.twin), device=mesh.twin.device)
    cotangent = mesh.cotangent.detach().flatten()
    weight = cotangent + cotangent[mesh.twin]
    weight[side // 3 == mesh.twin // 3] = 0.0  # a face that meets itself has no diagonal
    # Each face names its worst side. Ties go to the edge of the smaller number, so that both faces name the same.
    edge = torch.minimum(side, mesh.twin)
    flat = -FLAT * torch.finfo(weight.dtype).eps
    worst = weight.reshape(-1, 3).amin(1).repeat_interleave(3)
    named = torch.where((weight == worst) & (weight < flat), edge, len(side)).reshape(-1, 3).amin(1)
    return side[(named[side // 3] == edge) & (side == edge) & (named[mesh.twin // 3] == edge)]


def _flipped(mesh: IntrinsicMesh, side: Tensor) -> IntrinsicMesh:
    """`side` (K,) and its twin, between triangles (a, i, j) and (b, j, i), give way to the edge ab, between triangles
    (a, i, b) and (b, j, a)."""
    other = mesh.twin[side]
    f, g = side - side % 3, other - other % 3
    # A side has the number of the corner that it lies opposite of.
    a, i, j = (f + (side + turn) % 3 for turn in range(3))
    b, jg, ig = (g + (other + turn) % 3 for turn in range(3))
    corner = torch.arange(len(mesh.twin), device=side.device)
    origin, moved = corner.clone(), corner.clone()  # whence the corner or side comes; where the side goes
    corner[torch.cat([f, f + 1, f + 2, g, g + 1, g + 2])] = torch.cat([a, i, b, b, j, a])
    kept, places = torch.cat([jg, j, i, ig]), torch.cat([f, f + 2, g, g + 2])
    origin[places], moved[kept] = kept, places
    twin = moved[mesh.twin[origin]]
    twin[f + 1], twin[g + 1] = g + 1, f + 1
    length = mesh.length.flatten()
    new = _diagonal(mesh.area, length, torch.stack([side, other]), near=torch.stack([j, jg]), far=torch.stack([i, ig]))
    length = length[origin].index_put((torch.cat([f, g]) + 1,), new.repeat(2))
    return replace(mesh, faces=mesh.faces.flatten()[corner].reshape(-1, 3), length=length.reshape(-1, 3), twin=twin)


def _diagonal(area: Tensor, length: Tensor, shared: Tensor, *, near: Tensor, far: Tensor) -> Tensor:
    """(K,): the other diagonal, by the law of cosines at one end of the `shared` sides (2, K) of two triangles, where
    their sides `near` (2, K) meet and `far` (2, K) do not."""
    edge, close = length[shared[0]].square(), length[near].square()
    cosine = (close + edge - length[far].square()) / 2  # times both sides, like the sine
    sine = 2 * area[shared // 3]
    return (close.sum(0) - 2 * (cosine.prod(0) - sine.prod(0)) / edge).sqrt()
