"""How far it is along a surface."""

import math
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from graphrw.build.intrinsic import IntrinsicMesh, intrinsic_delaunay
from graphrw.build.mesh import checked_mesh, mesh_graph
from graphrw.core.arrays import as_numbers, as_tensor
from graphrw.core.errors import ConvergenceError
from graphrw.core.finite import narrowed
from graphrw.core.graph import Graph, check_nodes
from graphrw.core.opaque import opaque
from graphrw.core.reach import stranded
from graphrw.core.scale import unit_of
from graphrw.core.transforms import plainly
from graphrw.core.walk import Walk, node_mask
from graphrw.functional.harmonic import dirichlet
from graphrw.solve import solve
from graphrw.solvers import Auto, Solver
from graphrw.solvers.base import check_solver


@opaque
def geodesic_distance(
    vertices: Tensor,
    faces: Tensor,
    sources: Tensor,
    *,
    smoothing: Tensor | float = 1.0,
    solver: Solver = Auto(),
) -> Tensor:
    """The length of the shortest way along the surface from each vertex to the nearest source, by the heat method.

    Heat u flows from the sources for a short time t = `smoothing` · h², with h the mean length of an edge; it falls
    along the shortest ways, so that X = −∇u / |∇u| is the gradient of the distance φ, which a Poisson equation finds:

        (A + M / t) u = 1_sources,    A φ = ∫ X · ∇,    φ = 0 at sources

    (Crane, Weischedel & Wardetzky, *Geodesics in heat*, ACM TOG 2013). A is the operator of the walk with cotangent
    weights, M the areas of vertices: u is where a walker from the sources is found who is killed at the rate M / t.

    Departures: weights are those of the intrinsic Delaunay triangulation, so that none is negative (Sharp & Crane, SGP
    2020); φ is held at 0 at all sources, not at their mean. Errors are some per cent of h near the sources, and of the
    distance where the mesh is coarse.

    Args:
        vertices: (V, 3) float32 or float64, finite.
        faces: (F, 3) int32 or int64, as for `mesh_graph`; each with an area.
        sources: (M,) int64, M ≥ 1, of torch or NumPy.
        smoothing: t / h² > 0, a number or a tensor (): more is smoother, less may be rough.
        solver: how to solve. Heat far away is small, down to 1e-300: that takes a direct solver.

    Returns:
        (V,) in the units of `vertices` and of their type, differentiable with respect to them as long as the flips that
        make the mesh Delaunay stay the same; infinite where no way leads to a source.

    Raises:
        ConvergenceError: as `solve`, and where so little heat arrives that it cannot be told from 0.
        ValueError: for a wrong shape, type or value, or a face without area.

    >>> corners = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    >>> geodesic_distance(corners, torch.tensor([[0, 1, 2], [0, 2, 3]]), torch.tensor([0]))  # two faces are coarse
    tensor([0.0000, 0.9161, 1.3171, 0.9161])
    """
    check_solver(solver)
    vertices, faces = checked_mesh(vertices, faces)
    vertices, kind = vertices.double(), vertices.dtype
    mesh, length = intrinsic_delaunay(vertices, faces), mesh_graph(vertices, faces)[1]
    unit = unit_of(mesh.length).squeeze()
    mesh = replace(mesh, length=mesh.length / unit)
    graph, weight = mesh.walk_weight()
    held = _checked_sources(sources, graph)
    lost = stranded(Walk(graph, weight, torch.zeros_like(weight)), held)
    time = _checked_smoothing(smoothing).to(weight) * (length / unit).mean().square()
    killing = mesh.vertex_area() / time
    u = solve(Walk(graph, weight, torch.where(killing.detach() > 0, killing, 1.0)), held.to(weight), solver)
    plainly(partial(_check_heat, solver, lost), u)
    walk, flow = Walk(graph, weight, torch.zeros_like(u)), _flow(mesh, u)[:, None]
    distance = dirichlet(walk, held | lost, torch.zeros_like(flow), source=flow, solver=solver)[:, 0]
    return narrowed("A distance", torch.where(lost, math.inf, distance * unit), kind)


def _flow(mesh: IntrinsicMesh, u: Tensor) -> Tensor:
    """(V,): ∫ X · ∇ of each vertex' hat function.

    With θ_c the angle at corner c of a face, and Δ_c the difference of u along the side opposite, area · |∇u|² is
    ½ Σ_c cot θ_c Δ_c², and ½ cot θ_c Δ_c is what flows along that side.
    """
    corners = u[mesh.faces]
    corners = corners / unit_of(corners, 1)  # X has no unit, and far from the sources u is tiny
    along = mesh.share / 2 * mesh.cotangent * (corners.roll(-1, 1) - corners.roll(-2, 1))
    steepness = (along * (corners.roll(-1, 1) - corners.roll(-2, 1))).sum(1) / (mesh.share * mesh.area)
    level = steepness.detach() <= 0  # nowhere does it fall
    flow = torch.where(level[:, None], 0.0, along / torch.where(level, 1.0, steepness).sqrt()[:, None]).flatten()
    total = torch.zeros_like(u).index_add(0, mesh.faces.roll(-2, 1).flatten(), flow)
    return total.index_add(0, mesh.faces.roll(-1, 1).flatten(), -flow)


def _check_heat(solver: Solver, lost: Tensor, u: Tensor) -> None:
    cold = ~lost & ~(u > 0)
    if bool(cold.any()):
        raise ConvergenceError(
            f"Of the heat from `sources` {solver} finds none at {int(cold.sum())} vertices (first: "
            f"{int(cold.nonzero()[0])}): it falls by orders of magnitude with each few edges. Take a direct "
            "solver, such as `solvers.Cholesky()`, a larger `smoothing`, or a coarser mesh."
        )


def _checked_sources(sources: Tensor, graph: Graph) -> Tensor:
    """(V,) bool."""
    sources = as_tensor("sources", sources, "(M,) int64")
    check_nodes(graph, sources, "sources")
    if len(sources) == 0:
        raise ValueError("`sources` must name at least one vertex; got none.")
    return node_mask(graph, sources)


def _checked_smoothing(smoothing: Tensor | float) -> Tensor:
    smoothing = as_numbers("smoothing", smoothing)
    if smoothing.ndim or not plainly(lambda value: 0 < float(value) < math.inf, smoothing):
        raise ValueError(f"`smoothing` must be a positive and finite number, or a tensor (); got {smoothing!r}.")
    return smoothing
