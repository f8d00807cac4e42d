"""Triangle meshes: vertices joined by edges, or faces joined where they share an edge."""

import torch
from torch import Tensor

from graphrw.build.knn import edge_length
from graphrw.core.arrays import as_tensor, require_values
from graphrw.core.finite import check_spread
from graphrw.core.graph import Graph, unchecked
from graphrw.core.opaque import opaque
from graphrw.core.scale import unit_of


@opaque
def mesh_graph(vertices: Tensor, faces: Tensor) -> tuple[Graph, Tensor]:
    """The graph of a triangle mesh: one node per vertex, an edge where a face has one.

    Edges run from the smaller vertex to the larger, in lexicographic order, each once however many faces share it.
    Vertices of no face are isolated nodes. A walk wants large weights where the mesh is close: 1 / length, or
    `cotangent_weight`.

    Args:
        vertices: (V, 3) float32 or float64, finite.
        faces: (F, 3) int32 or int64, three different vertices each; no two faces have the same three.

    Returns:
        The graph with V nodes and E edges, and the edge lengths (E,) in the units of `vertices`, differentiable with
        respect to them (with gradient 0 at an edge of length 0).

    Raises:
        ValueError: for a wrong shape, type or device, vertices that are not finite or out of range, a face with a
            repeated vertex, or a repeated face.

    >>> corners = torch.tensor([[0.0, 0, 0], [3, 0, 0], [0, 4, 0]])
    >>> mesh_graph(corners, torch.tensor([[0, 1, 2]]))
    (Graph(num_nodes=3, num_edges=3), tensor([3., 4., 5.]))
    """
    vertices, faces = checked_mesh(vertices, faces)
    graph, _ = side_edges(faces, len(vertices))
    return graph, edge_length(graph, vertices)


@opaque
def cotangent_weight(vertices: Tensor, faces: Tensor) -> Tensor:
    """Cotangent weights of `mesh_graph`'s edges, made non-negative: w_ij = max(0, ½ Σ cot α), α opposite ij.

    The sum has one angle for each face at the edge: two inside the mesh, one at its border, more where it is no
    manifold (Pinkall & Polthier 1993). Unclamped, they are the stiffness matrix of linear finite elements.

    Departure: a sum below 0 (opposite angles of more than 180° together: the edge is not Delaunay) is set to 0, as
    walks need w ≥ 0. It has no gradient there and parts the graph at this edge: remesh, or add a small number.

    Args:
        vertices: (V, 3) float32 or float64, finite.
        faces: (F, 3) int32 or int64, as for `mesh_graph`; each with an area.

    Returns:
        (E,) ≥ 0, without unit, in the edge order of ``mesh_graph(vertices, faces)``; differentiable with respect to
        `vertices`.

    Raises:
        ValueError: as `mesh_graph`, or for a face without area, whose cotangents are infinite.

    >>> corners = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    >>> cotangent_weight(corners, torch.tensor([[0, 1, 2]]))
    tensor([0.5000, 0.5000, 0.0000])
    """
    vertices, faces = checked_mesh(vertices, faces)
    graph, side = side_edges(faces, len(vertices))
    sides = _side_vectors(vertices, faces)
    area = torch.linalg.vector_norm(_normals(sides, faces), dim=1)
    cosine = -(sides.roll(-1, 1) * sides.roll(1, 1)).sum(2)
    cotangent = cosine / area[:, None]
    total = vertices.new_zeros(graph.num_edges).index_add(0, side.flatten(), cotangent.flatten() / 2)
    return total.clamp(min=0)


@opaque
def mesh_dual_graph(vertices: Tensor, faces: Tensor) -> tuple[Graph, Tensor]:
    """The dual graph of a triangle mesh: one node per face, an edge where two faces share an edge, with its angle.

    The dihedral angle is that between the two normals, signed: θ = atan2(e · (n × n'), n · n'), where e is the unit
    vector of the shared edge as the first face runs along it. It is 0 where the surface is flat, positive on convex
    edges (π/2 on a cube), negative on concave ones; the angle inside the body is π − θ. This supposes faces that run
    counter-clockwise as seen from outside; the other way round, every sign turns. Where two faces are not oriented
    alike, the sign is that seen from the face listed first; |θ| never depends on orientation.

    An edge on the border joins nothing; one shared by three or more faces joins all pairs of them. Edges run from the
    smaller face to the larger, in lexicographic order.

    Args:
        vertices: (V, 3) float32 or float64, finite.
        faces: (F, 3) int32 or int64, as for `mesh_graph`; each with an area.

    Returns:
        The graph with F nodes and E edges, and the dihedral angles (E,) in radians, in [−π, π]; differentiable with
        respect to `vertices`.

    Raises:
        ValueError: as `mesh_graph`, or for a face without area, which has no normal.

    >>> corners = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    >>> graph, angle = mesh_dual_graph(corners, torch.tensor([[0, 2, 1], [0, 1, 3]]))
    >>> graph.edges.T, torch.rad2deg(angle)
    (tensor([[0, 1]]), tensor([90.]))
    """
    vertices, faces = checked_mesh(vertices, faces)
    first, second = shared_sides(faces, len(vertices))
    normals = _unit(_normals(_side_vectors(vertices, faces), faces))
    tails, heads = (faces[:, corners].flatten() for corners in ([1, 2, 0], [2, 0, 1]))
    along = _unit(vertices.index_select(0, heads[first]) - vertices.index_select(0, tails[first]))
    turn = torch.where(tails[first] == tails[second], -1, 1)[:, None]  # faces oriented alike run opposite ways
    normal, other = normals.index_select(0, first // 3), turn * normals.index_select(0, second // 3)
    sine, cosine = (along * torch.linalg.cross(normal, other)).sum(1), (normal * other).sum(1)
    return unchecked(torch.stack([first // 3, second // 3]), len(faces)), torch.atan2(sine, cosine)


@opaque
def shared_edge_length(vertices: Tensor, faces: Tensor) -> Tensor:
    """The length of the mesh edge that two faces share, for each edge of `mesh_dual_graph`.

    Lai et al. 2008 let walkers cross it in proportion to this length.

    Args:
        vertices: (V, 3) float32 or float64, finite.
        faces: (F, 3) int32 or int64, as for `mesh_graph`.

    Returns:
        (E,) in the units of `vertices`, in the edge order of ``mesh_dual_graph(vertices, faces)``; differentiable with
        respect to `vertices` (with gradient 0 at an edge of length 0).

    Raises:
        ValueError: as `mesh_graph`.

    >>> corners = torch.tensor([[0.0, 0, 0], [2, 0, 0], [0, 1, 0], [0, 0, 1]])
    >>> shared_edge_length(corners, torch.tensor([[0, 2, 1], [0, 1, 3]]))
    tensor([2.])
    """
    vertices, faces = checked_mesh(vertices, faces)
    graph, side = side_edges(faces, len(vertices))
    first, _ = shared_sides(faces, len(vertices))
    return edge_length(graph, vertices)[side.flatten()[first]]


def side_edges(faces: Tensor, num_vertices: int) -> tuple[Graph, Tensor]:
    """The vertex graph, and (F, 3) the edge that lies opposite each corner of each face.

    Face (a, b, c) has the sides bc, ca, ab, in the direction in which it runs along them.
    """
    tail, head = faces[:, [1, 2, 0]], faces[:, [2, 0, 1]]
    key, side = (torch.minimum(tail, head) * num_vertices + torch.maximum(tail, head)).unique(return_inverse=True)
    _check_repeated_faces(side, len(key))
    edges = torch.stack([key // max(num_vertices, 1), key % max(num_vertices, 1)])
    return unchecked(edges, num_vertices), side


def shared_sides(faces: Tensor, num_vertices: int) -> tuple[Tensor, Tensor]:
    """All pairs of sides (numbered 3·face + corner) that are the same edge, ordered by their faces.

    No two faces share more than one edge, as no two have the same three vertices.
    """
    _, side = side_edges(faces, num_vertices)
    grouped, order = side.flatten().sort(stable=True)
    count = grouped.bincount(minlength=1)
    place = torch.arange(len(order), device=order.device)
    later = (count.cumsum(0) - 1)[grouped] - place  # how many sides follow in the same group
    first = place.repeat_interleave(later)
    step = torch.arange(len(first), device=order.device) - (later.cumsum(0) - later).repeat_interleave(later)
    first, second = order[first], order[first + 1 + step]
    listed = (first // 3 * len(faces) + second // 3).argsort()
    return first[listed], second[listed]


def _side_vectors(vertices: Tensor, faces: Tensor) -> Tensor:
    """(F, 3, 3): c − b, a − c and b − a of each face (a, b, c), in units of about its size.

    Angles do not depend on the size of a face, and in these units no product of its sides overflows or underflows.
    """
    corners = vertices.index_select(0, faces.flatten()).reshape(-1, 3, 3)
    sides = corners.roll(1, 1) - corners.roll(-1, 1)
    return sides / unit_of(sides, (1, 2))


def check_areas(vertices: Tensor, faces: Tensor) -> None:
    """Raise `ValueError` for a face without area."""
    _normals(_side_vectors(vertices.detach(), faces), faces)


def _normals(sides: Tensor, faces: Tensor) -> Tensor:
    """(F, 3): (b − a) × (c − a), twice the area long, along the normal of a face that runs counter-clockwise."""
    normals: Tensor = torch.linalg.cross(sides[:, 1], sides[:, 2])
    # An area that the rounding of the cross product could have made is none: no cotangent or normal would have a digit.
    longest = sides.detach().square().sum(2).amax(1)
    flat = torch.linalg.vector_norm(normals.detach(), dim=1) <= 4 * torch.finfo(sides.dtype).eps * longest
    if bool(flat.any()):
        face = int(flat.nonzero()[0])
        raise ValueError(
            f"`faces` holds {int(flat.sum())} faces without area (first: {faces[face].tolist()} at face {face}), which "
            "have neither cotangents nor a normal. Remove them, or merge vertices that coincide."
        )
    return normals


def _unit(vectors: Tensor) -> Tensor:
    scaled = vectors / unit_of(vectors, 1)
    return scaled / scaled.square().sum(1, keepdim=True).sqrt()


def checked_mesh(vertices: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
    """`vertices`, and `faces` in int64, or an error."""
    vertices = as_tensor("vertices", vertices, "(V, 3) float32 or float64")
    faces = as_tensor("faces", faces, "(F, 3) int32 or int64")
    if vertices.ndim != 2 or vertices.shape[1] != 3 or vertices.dtype not in (torch.float32, torch.float64):
        got = f"{tuple(vertices.shape)} {vertices.dtype}"
        raise ValueError(f"`vertices` must be (V, 3) float32 or float64; got {got}. In the plane, let z = 0.")
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.dtype not in (torch.int32, torch.int64):
        got = f"{tuple(faces.shape)} {faces.dtype}"
        cure = "Split larger polygons into triangles" if faces.ndim == 2 and faces.shape[1] > 3 else "Convert them"
        raise ValueError(f"`faces` must be (F, 3) int32 or int64; got {got}. {cure}.")
    if faces.device != vertices.device:
        raise ValueError(f"`faces` is on {faces.device} but `vertices` on {vertices.device}; move one with `.to`.")
    require_values("vertices", vertices)
    require_values("faces", faces)
    wrong = ~vertices.detach().isfinite().all(1)
    if bool(wrong.any()):
        vertex = int(wrong.nonzero()[0])
        raise ValueError(f"`vertices` must be finite; got {vertices[vertex].tolist()} at vertex {vertex}.")
    check_spread(vertices, "`vertices`")
    _check_corners(faces, len(vertices))
    return vertices, faces.long()


def _check_corners(faces: Tensor, num_vertices: int) -> None:
    outside = ((faces < 0) | (faces >= num_vertices)).any(1)
    if bool(outside.any()):
        face = int(outside.nonzero()[0])
        raise ValueError(
            f"`faces` must name vertices from 0 to {num_vertices - 1}; got {faces[face].tolist()} at face {face}. "
            "Count vertices from 0."
        )
    repeated = (faces == faces.roll(1, 1)).any(1)
    if bool(repeated.any()):
        face = int(repeated.nonzero()[0])
        raise ValueError(
            f"`faces` must have three different vertices each; got {faces[face].tolist()} at face {face}. "
            f"Remove such faces ({int(repeated.sum())} in all)."
        )


def _check_repeated_faces(side: Tensor, num_edges: int) -> None:
    """Two sides determine a triangle: they are compared in place of its vertices."""
    low, middle = side.sort(1).values[:, :2].unbind(1)
    key, order = (low * num_edges + middle).sort(stable=True)
    repeated = (key[1:] == key[:-1]).nonzero().squeeze(1)
    if len(repeated):
        first, second = order[repeated[0]], order[repeated[0] + 1]
        raise ValueError(
            f"`faces` must not repeat: face {int(second)} has the same vertices as face {int(first)}. "
            f"Remove one of them ({len(repeated)} such pairs)."
        )
