"""Weights between the faces of a mesh that fall where its surface bends inwards."""

import torch
from torch import Tensor

from graphrw.build.affinity import above
from graphrw.build.knn import edge_length
from graphrw.build.mesh import checked_mesh, mesh_dual_graph, shared_edge_length, shared_sides
from graphrw.core.graph import unchecked
from graphrw.core.opaque import opaque
from graphrw.core.whole import is_number


@opaque
def centroid_distance(vertices: Tensor, faces: Tensor) -> Tensor:
    """How far it is from face to face over the middle m of the edge that they share: |c_i − m| + |m − c_j|.

    With c the centroids; shortest paths of these lengths are geodesics, roughly.

    Args:
        vertices: (V, 3) float32 or float64, finite.
        faces: (F, 3) int32 or int64, as for `mesh_graph`.

    Returns:
        (E,) in the units of `vertices`, in the edge order of ``mesh_dual_graph(vertices, faces)``; differentiable with
        respect to `vertices`.

    Raises:
        ValueError: as `mesh_graph`.

    >>> corners = torch.tensor([[0.0, 0, 0], [0, 2, 0], [3, 1, 0], [-3, 1, 0]])
    >>> centroid_distance(corners, torch.tensor([[0, 2, 1], [0, 1, 3]]))
    tensor([2.])
    """
    vertices, faces = checked_mesh(vertices, faces)
    first, second = shared_sides(faces, len(vertices))
    corners = vertices.index_select(0, faces.flatten()).reshape(-1, 3, 3)
    centroid, middle = corners.mean(1), (corners.roll(-1, 1) + corners.roll(-2, 1)).flatten(0, 1) / 2
    points, count = torch.cat([centroid, middle[first]]), len(first)
    middles = torch.arange(count, device=faces.device) + len(faces)
    ends = torch.stack([torch.cat([first // 3, second // 3]), middles.repeat(2)])
    return edge_length(unchecked(ends, len(points)), points).reshape(2, count).sum(0)


@opaque
def crease_features(vertices: Tensor, faces: Tensor) -> Tensor:
    """What a network may read at the edge between two faces: its angles, and its proportions.

    Four columns without unit: the convex dihedral angle max(θ, 0), the concave one max(−θ, 0), and length ℓ and
    distance d (`shared_edge_length`, `centroid_distance`), each divided by its mean over the mesh. They do not change
    when the mesh is moved, turned or scaled: attributes for `nn.EdgeWeightsMLP(num_attributes=4)`.

    Args:
        vertices: (V, 3) float32 or float64, finite.
        faces: (F, 3) int32 or int64, as for `mesh_graph`; each with an area, counter-clockwise as seen from outside.

    Returns:
        (E, 4), in the edge order of ``mesh_dual_graph(vertices, faces)``; differentiable with respect to `vertices`.

    Raises:
        ValueError: as `mesh_dual_graph`.

    >>> corners = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    >>> crease_features(corners, torch.tensor([[0, 2, 1], [0, 1, 3]]))
    tensor([[1.5708, 0.0000, 1.0000, 1.0000]])
    """
    _, angle = mesh_dual_graph(vertices, faces)
    length, distance = shared_edge_length(vertices, faces), centroid_distance(vertices, faces)
    return torch.stack([angle.relu(), (-angle).relu(), length / length.mean(), distance / distance.mean()], dim=1)


@opaque
def crease_weight(
    vertices: Tensor, faces: Tensor, *, concave: float = 10.0, convex: float = 0.0, floor: float = 1e-3
) -> Tensor:
    """Weights of the dual graph by the minima rule: parts of a body meet where its surface bends inwards.

        w = ℓ / d · (ε + (1 − ε) exp(−a max(−θ, 0) − b max(θ, 0)))

    with the length ℓ of the shared edge (`shared_edge_length`), the distance d of the faces over it
    (`centroid_distance`), the dihedral angle θ of `mesh_dual_graph`, a = `concave` and b = `convex`. Without angles it
    is the walk ℓ / d, as in finite volumes. The floor ε keeps every face within a walker's reach: the exponential of a
    sharp angle alone underflows.

    After Lai, Hu, Martin & Rosin, *Fast mesh segmentation using random walks*, SPM 2008, who let walkers cross in
    proportion to ℓ exp(−η (1 − cos θ) / mean), η smaller at convex edges. Departures: |θ| in place of 1 − cos θ, no
    mean over the mesh, ℓ / d, and a floor. The defaults are those that label most of the area rightly on meshes that
    people parted (`experiments/meshes/tune.py`).

    Args:
        vertices: (V, 3) float32 or float64, finite.
        faces: (F, 3) int32 or int64, as for `mesh_graph`; each with an area, counter-clockwise as seen from outside.
        concave: a ≥ 0, of a radian of bending inwards.
        convex: b ≥ 0, of a radian of bending outwards.
        floor: ε in [0, 1].

    Returns:
        (E,) > 0 without unit, in the edge order of ``mesh_dual_graph(vertices, faces)``; differentiable with respect to
        `vertices`.

    Raises:
        ValueError: as `mesh_dual_graph`, or for numbers outside these ranges.

    >>> corners = torch.tensor([[0.0, 0, 0], [0, 2, 0], [3, 1, 0], [-3, 1, 0]])
    >>> crease_weight(corners, torch.tensor([[0, 2, 1], [0, 1, 3]]))
    tensor([1.])
    """
    for name, value in (("concave", concave), ("convex", convex)):
        if not (is_number(value) and 0 <= value < float("inf")):
            raise ValueError(f"`{name}` must be a finite number ≥ 0, the cost of a radian; got {value!r}.")
    _, angle = mesh_dual_graph(vertices, faces)
    share = torch.exp(-concave * (-angle).relu() - convex * angle.relu())
    return shared_edge_length(vertices, faces) / centroid_distance(vertices, faces) * above(share, floor)
