"""The gradient of the spectral map from its eigenpairs; `_Spectrum` has the derivation."""

import torch
from torch import Tensor

from graphrw.solvers.operator import edge_blocks
from graphrw.spectral.deflated import solve_beside
from graphrw.spectral.eigenpairs import Eigenpairs
from graphrw.spectral.matrix import EQUAL, NEGLIGIBLE


def gradient(
    pairs: Eigenpairs, g: Tensor, g_values: Tensor, time: float, *, tolerance: float, rounding: float, whole: bool
) -> tuple[Tensor, Tensor]:
    """∂ℓ/∂s (E,) and ∂ℓ/∂t () from g = ∂ℓ/∂Z (N, k) and ∂ℓ/∂Λ (k,), float64; without `whole` only the latter.

    Args:
        pairs: of the forward pass.
        g, g_values: rows in the order of ``pairs.matrix.layout``.
        time: t.
        tolerance: of the linear solves, relative.
        rounding: relative, of what the loss computed.
        whole: whether ∂ℓ/∂s is wanted.

    Raises:
        ValueError: where there is no derivative, or what comes in is not finite.
    """
    if not bool(g.isfinite().all() and g_values.isfinite().all()):
        raise ValueError("The gradient that comes in to a spectral map must be finite: look at the loss.")
    values, vectors = pairs.values[: pairs.kept], pairs.vectors[:, : pairs.kept]
    f = values.abs() ** time
    b = vectors.T @ g
    g_time = (b.diagonal() * torch.where(f > 0, f * values.abs().log(), 0.0)).sum()
    if not whole:  # ∂ℓ/∂t needs no linear solve
        return f.new_zeros(pairs.matrix.layout.edges.shape[1]), g_time
    _check_differentiable(pairs, f, time)
    inside = _gram_part(b, f, values, time) + _rotation_part(b, f, values, _noise(vectors * f, g, rounding))
    inside = inside + torch.diag(_common(g_values, values))
    beside = solve_beside(pairs, g * torch.where(f > NEGLIGIBLE, f, 0.0), tolerance)
    return _edge_products(pairs.matrix.layout.edges, vectors @ inside + beside, vectors), g_time


def _gram_part(b: Tensor, f: Tensor, values: Tensor, time: float) -> Tensor:
    """½ C_ij (f_i² − f_j²) / (λ_i − λ_j), with its limit where eigenvalues meet."""
    total = f.square()[:, None] + f.square()
    common = torch.where(total > 0, (b * f + (b * f).T) / total, 0.0)
    return common * divided_difference(values, 2 * time) / 2


def _rotation_part(b: Tensor, f: Tensor, values: Tensor, noise: tuple[Tensor, Tensor]) -> Tensor:
    """A_ij f_i f_j / (λ_j − λ_i), where it is more than rounding.

    Raises:
        ValueError: where it is more than rounding and eigenvalues meet.
    """
    dropped, refused = noise
    # Where eigenvalues meet the quotient has no limit, and near it rounding of `turn` would be divided by the gap.
    turn = b * f[:, None] - (b * f[:, None]).T
    gap = values - values[:, None]
    equal = gap.abs() <= EQUAL
    if bool((equal & (turn.abs() > refused)).any()):
        index = int((equal & (turn.abs() > refused)).any(1).nonzero()[0])
        raise ValueError(
            f"The loss tells apart eigenvectors of one eigenvalue (λ = {float(values[index]):.6g}, "
            f"{int(equal[index].sum())} times), between which there is no derivative. Use what does not depend on "
            "their rotation: distances between nodes, or products of the map with itself."
        )
    total = f.square()[:, None] + f.square()
    kept = ~equal & (turn.abs() > dropped)
    return torch.where(kept, turn / total * f * f[:, None] / gap, 0.0)


def divided_difference(values: Tensor, power: float) -> Tensor:
    """(k, k): (|x|ᵖ − |y|ᵖ) / (x − y) for all pairs of `values` (k,), p |x|ᵖ⁻¹ sign x for x = y; exact for near pairs.

    With u ≥ v the two sizes and ε = (u − v) / u, uᵖ − vᵖ = −uᵖ · expm1(p · log1p(−ε)): no digits cancel.
    """
    size, sign = values.abs(), values.sign()
    u, v = torch.maximum(size[:, None], size), torch.minimum(size[:, None], size)
    epsilon = torch.where(u > 0, (u - v) / u, 0.0)
    decay = torch.log1p(-epsilon).clamp(min=-1e300)  # −∞ for v = 0, of which p = 0 would make NaN
    drop = -torch.expm1(power * decay)
    same = sign[:, None] * sign > 0
    ratio = torch.where(epsilon > 0, drop / epsilon, power)
    near = sign[:, None] * u ** (power - 1) * ratio
    far = (size[:, None] - size).sign() * u**power * drop / (values[:, None] - values)
    return torch.where(u > 0, torch.where(same, near, far), 0.0)


def _noise(z: Tensor, g: Tensor, rounding: float) -> tuple[Tensor, Tensor]:
    """What of ZᵀG − GᵀZ (k, k) may be rounding and is dropped, and what cannot be and is refused."""
    size = z.abs().T @ g.abs()
    bound = torch.linalg.vector_norm(z, dim=0)[:, None] * torch.linalg.vector_norm(g, dim=0)
    # The larger one is beyond doubt, also where eigenvectors have lost some digits to small gaps: 1e-10 / 1e-4.
    return rounding * (size + size.T), max(rounding, 1e-6) * (bound + bound.T)


def _common(g_values: Tensor, values: Tensor) -> Tensor:
    """∂ℓ/∂Λ, which must agree within equal eigenvalues."""
    equal = (values - values[:, None]).abs() <= EQUAL
    # 1e-4: what a loss computes in float32 agrees to that, and what tells eigenvalues apart hardly ever does.
    apart = equal & ((g_values - g_values[:, None]).abs() > 1e-4 * g_values.abs().max())
    if bool(apart.any()):
        index = int(apart.any(1).nonzero()[0])
        raise ValueError(
            f"The loss tells equal eigenvalues apart (λ = {float(values[index]):.6g}, "
            f"{int(equal[index].sum())} times); "
            "there is no derivative. Use what does not depend on their order, such as their sum."
        )
    return g_values


def _check_differentiable(pairs: Eigenpairs, f: Tensor, time: float) -> None:
    values, after = pairs.values[: pairs.kept], pairs.values[pairs.kept :]
    if 0 < time <= 0.5 and bool((values.abs() <= EQUAL).any()):
        raise ValueError(
            f"|λ|²ᵗ has no derivative at λ = 0 for t ≤ ½, and the map holds such an eigenvalue at t = {time:.4g}. "
            "Take a smaller `k` or a longer `time`."
        )
    used = values[f > NEGLIGIBLE]
    cut = bool(((used - after[:, None]).abs() <= EQUAL).any())
    if not pairs.complete and len(used):
        cut = cut or float(used[-1].abs()) <= pairs.bound + EQUAL
    if cut:
        raise ValueError(
            f"`k` = {pairs.kept} cuts through equal eigenvalues (λ = {float(used[-1]):.6g}): which of their "
            "eigenvectors are kept is chance, and there is no derivative. Take the `k` that the warning names."
        )


def _edge_products(edges: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """(E,): left_i · right_j + left_j · right_i, a block of edges at a time."""
    blocks = [left.new_zeros(0)]
    for tail, head in edge_blocks(edges, left):
        there = (left.index_select(0, tail) * right.index_select(0, head)).sum(1)
        blocks.append(there + (left.index_select(0, head) * right.index_select(0, tail)).sum(1))
    return torch.cat(blocks)
