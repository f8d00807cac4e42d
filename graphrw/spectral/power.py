"""Power iteration with QR, unrolled: the method of Neural Diffusion Distance, differentiated by plain autograd."""

import torch
from torch import Tensor

from graphrw.core.opaque import opaque
from graphrw.core.scale import unit_of
from graphrw.core.transforms import asked_of, plainly
from graphrw.core.walk import Walk, neighbour_sum
from graphrw.core.whole import check_whole
from graphrw.spectral.checks import check_count, check_undirected
from graphrw.spectral.matrix import symmetric_weight


@opaque
def power_iteration(walk: Walk, k: int, *, rounds: int = 20, steps: int = 2) -> tuple[Tensor, Tensor]:
    """Approximate leading eigenpairs of S = C^{−½} W C^{−½} by power steps on S² and QR (Sun & Xu, NeurIPS 2019).

    Departs from the paper in iterating on the symmetric S, so that the columns tend to eigenvectors (on P they tend to
    Schur vectors), and in a fixed random start. What has not converged is not noticed: the gap between |λ_k| and
    |λ_{k+1}| decides, as (λ_{k+1} / λ_k)^(2 · rounds · steps). Memory grows with the number of steps.

    The paper takes ``rounds=2, steps=20``. Values come out about right with them; but where (λ_k / λ_1)^(2 · steps)
    falls below the rounding of the type (1e-16 in float64, 1e-7 in float32), autograd loses all digits: the columns are
    parallel before each QR, whose backward divides by what is left between them. Our defaults take as many steps and
    keep the columns apart.

    Args:
        walk: on an undirected graph of N nodes.
        k: how many, from 1 to N.
        rounds: QR factorisations, ≥ 1.
        steps: power steps on S² before each of them, ≥ 1; too many in one round and all columns become one.

    Returns:
        |λ| (k,) and Ψ (N, k), orthonormal; by falling |λ| once converged. Differentiable to every order.

    Raises:
        ValueError: for a directed graph, or a number out of range; where a derivative may be asked and one of |λ| is 0.

    >>> from graphrw import grid_graph, walk
    >>> power_iteration(walk(grid_graph((5,)), torch.ones(4)), k=2)[0].round(decimals=4)
    tensor([1., 1.])
    """
    check_undirected(walk)
    return _iterate(walk, symmetric_weight(walk), None, k=k, rounds=rounds, steps=steps)


@opaque
def power_iteration_as_published(walk: Walk, k: int, *, rounds: int = 2, steps: int = 20) -> tuple[Tensor, Tensor]:
    """The iteration of Sun & Xu (NeurIPS 2019) as printed: power steps on P² with P = C⁻¹W, then QR. A reference.

    P is not symmetric: the columns tend to its Schur vectors, of which only the first is an eigenvector, so that
    distances between their rows are not diffusion distances. Arguments, returns and errors as `power_iteration`, with
    Schur vectors in place of eigenvectors; the start is a fixed random one here too.

    >>> from graphrw import grid_graph, walk
    >>> power_iteration_as_published(walk(grid_graph((5,)), torch.ones(4)), k=2)[0].round(decimals=4)
    tensor([1., 1.])
    """
    check_undirected(walk)
    rate = walk.rate
    unit = unit_of(rate)
    inverse = torch.where(rate > 0, 1 / torch.where(rate > 0, rate / unit, 1.0), 0.0)
    return _iterate(walk, walk.weight / unit, inverse, k=k, rounds=rounds, steps=steps)


def _iterate(
    walk: Walk, weight: Tensor, scale: Tensor | None, *, k: int, rounds: int, steps: int
) -> tuple[Tensor, Tensor]:
    """On the matrix with entries `weight`, its rows scaled by `scale` (N,)."""
    check_count(walk, k)
    check_whole("rounds", rounds, 1)
    check_whole("steps", steps, 1)
    scale = scale if walk.graph.num_edges else None  # of zeros alone, without a derivative

    def squared(x: Tensor) -> Tensor:
        for _ in range(2):
            x = neighbour_sum(walk.graph, weight, x)
            x = x if scale is None else scale[:, None] * x
        return x

    x = plainly(lambda: _start(walk.graph.num_nodes, k)).to(weight)
    for _ in range(rounds):
        for _ in range(steps):
            x = squared(x)
            norm = torch.linalg.vector_norm(x, dim=0)
            x = x / torch.where(norm > 0, norm, 1.0)  # 0 where the matrix has fewer eigenvalues than k besides 0
        x = torch.linalg.qr(x).Q
    x, triangle = torch.linalg.qr(squared(x))
    values = triangle.diagonal().abs()
    _require_slope(values, weight, scale)
    return values.sqrt(), x


def _require_slope(values: Tensor, *differentiable: Tensor | None) -> None:
    """Raise `ValueError` for squared `values` of 0, if a derivative may be asked: QR has none, and the root neither."""
    asked = any(asked_of(each) for each in differentiable if each is not None and each.numel())
    if asked and not plainly(lambda bare: bool((bare > 0).all()), values):
        raise ValueError(
            f"Of the {len(values)} largest |λ| some are 0; there power iteration has no derivative in weights and "
            "killing: take a smaller `k`, keep weights above 0, for example by `+ 1e-6`, or take `weight.detach()`."
        )


def _start(num_nodes: int, k: int) -> Tensor:
    return torch.randn(num_nodes, k, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
