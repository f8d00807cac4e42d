"""The spectral map Ψ |Λ|ᵗ of a walk, and the only spectral adjoint of the library."""

from typing import Any, NoReturn

import torch
from torch import Tensor

from graphrw.core.opaque import opaque
from graphrw.core.transforms import plainly
from graphrw.core.walk import Walk
from graphrw.core.whole import is_number
from graphrw.spectral.adjoint import gradient
from graphrw.spectral.checks import check_count, check_time, warn_of_cut
from graphrw.spectral.eigenpairs import Eigenpairs, decompose
from graphrw.spectral.inverse import shift_invert
from graphrw.spectral.matrix import SymmetricMatrix, symmetric_weight

TOLERANCE = 1e-10  # an error of 1e-10 / gap in each eigenvector: six digits of a distance at gaps of 1e-4
LOSS_ROUNDING = {torch.float64: 1e-9, torch.float32: 1e-4}  # relative, of a gradient ∂ℓ/∂Z computed in that type


@opaque
def spectral_map(walk: Walk, time: Tensor | float, k: int, tolerance: float = TOLERANCE) -> tuple[Tensor, Tensor]:
    """Z = Ψ |Λ|ᵗ and Λ: the k eigenpairs of S = C^{−½} W C^{−½} with the largest |λ|, at time t.

    The derivative is that of the map, never of single eigenvectors: it is right for every loss that does not change
    when the columns of equal eigenvalues are rotated, such as one of distances or of Z Zᵀ. A loss that does change has
    no derivative where eigenvalues repeat: an error.

    Args:
        walk: on an undirected graph of N ≥ k nodes; c = degree + killing. A node with c = 0 has an empty row.
        time: t ≥ 0, a number or a tensor () that may be learned; with t = 0 Z is Ψ.
        k: how many, from 1 to N.
        tolerance: the true residual ‖S ψ − λ ψ‖ of each eigenpair, in float64; in (0, 1e-2].

    Returns:
        Z (N, k) and Λ (k,), by falling |λ|.

    Raises:
        ValueError: for a directed graph, or a time, count or tolerance out of range; in the backward pass for a loss
            or a `k` with which there is no derivative.
        ConvergenceError: if the eigenpairs, or in the backward pass their derivative, do not converge.

    Warns:
        SpectralCutWarning: when the eigenvalue after the k-th has the same |λ|.

    >>> from graphrw import grid_graph, walk
    >>> line = walk(grid_graph((3,)), torch.ones(2, dtype=torch.float64))
    >>> spectral_map(line, time=1.0, k=2)[1].abs()
    tensor([1.0000, 1.0000], dtype=torch.float64)
    """
    check_count(walk, k)
    time = check_time(time, walk.weight)
    if not (is_number(tolerance) and 0 < tolerance <= 1e-2):
        raise ValueError(f"`tolerance` must lie in (0, 0.01]; got {tolerance!r}.")
    kind = walk.weight.dtype
    exact = Walk(walk.graph, walk.weight.double(), walk.killing.double())  # in float32 equal eigenvalues would differ
    decomposition = _Decomposition(exact, k, tolerance, LOSS_ROUNDING[kind])
    z, values = _apply(symmetric_weight(exact), time, decomposition)
    at, pairs = float(time.detach()), decomposition.eigenpairs
    plainly(lambda *rates: warn_of_cut(Walk(walk.graph, *rates), pairs, at), exact.weight, exact.killing)
    return z.to(kind), values.to(kind)


class _Decomposition:
    """How to decompose S, and its eigenpairs once that is done."""

    def __init__(self, walk: Walk, kept: int, tolerance: float, rounding: float) -> None:
        self.graph, self.kept, self.tolerance, self.rounding = walk.graph, kept, tolerance, rounding
        self._inverse = plainly(
            lambda *rates: shift_invert(Walk(walk.graph, *rates)), walk.weight, walk.killing, batched=True
        )
        self._eigenpairs: Eigenpairs | None = None

    def decompose(self, values: Tensor) -> Eigenpairs:
        self._eigenpairs = decompose(SymmetricMatrix(self.graph, values, self._inverse), self.kept, self.tolerance)
        return self._eigenpairs

    @property
    def eigenpairs(self) -> Eigenpairs:
        if self._eigenpairs is None:
            raise RuntimeError("The eigenpairs are there only after the forward pass.")
        return self._eigenpairs


class _Spectrum(torch.autograd.Function):
    """Z = Ψ f(Λ) with f(λ) = |λ|ᵗ, and Λ, from the entries s_ij of S.

    Let G = ∂ℓ/∂Z, B = ΨᵀG and dS be a change of S, E = ΨᵀdSΨ. Away from repeated eigenvalues
        dψ_j = Σ_{i≠j} ψ_i E_ij / (λ_j − λ_i) + (λ_j − S)⁺ dS ψ_j,      dλ_j = E_jj,
    where ⁺ is the inverse beside the kept eigenvectors. The second term gives v_j = f_j (λ_j − S)⁺ g_j, a linear solve.
    Among the kept ones, split each pair of entries of B into
        B_ij = f_j C_ij + f_i A_ij,    C = Cᵀ,  A = −Aᵀ.
    C is what the loss makes of Z Zᵀ, A what it makes of rotations of Z. The coefficient of E_ij + E_ji becomes
        T_ij = ½ C_ij (f_i² − f_j²) / (λ_i − λ_j) + A_ij f_i f_j / (λ_j − λ_i),
    the first part a divided difference of |λ|²ᵗ, smooth where eigenvalues meet. There the second part has no limit
    unless A_ij = 0, as it is for a loss that does not change under such rotations. So with V = Ψ (T + diag ∂ℓ/∂Λ) + v
        ∂ℓ/∂s_ij = V_i · Ψ_j + V_j · Ψ_i,        ∂ℓ/∂t = Σ_j f_j log|λ_j| B_jj.
    """

    @staticmethod
    def forward(entries: Tensor, time: Tensor, decomposition: _Decomposition) -> tuple[Tensor, Tensor]:
        pairs = decomposition.decompose(entries)
        values = pairs.values[: decomposition.kept]
        z = pairs.vectors[:, : decomposition.kept] * values.abs() ** time.double()
        return z[pairs.matrix.layout.rank].to(entries.dtype), values.to(entries.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        entries, time, ctx.decomposition = inputs
        ctx.save_for_backward(entries, time)

    @staticmethod
    @opaque
    def backward(ctx: Any, g: Tensor, g_values: Tensor) -> tuple[Tensor | None, ...]:
        entries, time = ctx.saved_tensors
        needs_entries, needs_time, _ = ctx.needs_input_grad
        g_entries, g_time = _Adjoint.apply(  # type: ignore[no-untyped-call]
            g, g_values, entries, time, ctx.decomposition, needs_entries
        )
        return g_entries if needs_entries else None, g_time if needs_time else None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> NoReturn:
        raise NotImplementedError(_NO_FORWARD)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> NoReturn:
        raise NotImplementedError(_NO_VMAP)


class _Adjoint(torch.autograd.Function):
    """The gradient of `_Spectrum`, a Function of its own so that whoever differentiates it again is told."""

    @staticmethod
    def forward(
        g: Tensor, g_values: Tensor, entries: Tensor, time: Tensor, decomposition: _Decomposition, whole: bool
    ) -> tuple[Tensor, Tensor]:
        pairs = decomposition.eigenpairs
        g_entries, g_time = gradient(
            pairs,
            g.double()[pairs.matrix.layout.order],
            g_values.double(),
            float(time),
            tolerance=decomposition.tolerance,
            rounding=decomposition.rounding,
            whole=whole,
        )
        return g_entries.to(entries.dtype), g_time.to(time.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> NoReturn:
        raise NotImplementedError(_NO_SECOND)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> NoReturn:
        raise NotImplementedError(_NO_SECOND)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> NoReturn:
        raise NotImplementedError(_NO_VMAP)


@opaque
def _apply(entries: Tensor, time: Tensor, decomposition: _Decomposition) -> tuple[Tensor, Tensor]:
    z, values = _Spectrum.apply(entries, time, decomposition)  # type: ignore[no-untyped-call]
    return z, values


_NO_SECOND = (
    "The spectral map has no second derivatives. Penalise something that needs the first alone, or use the unrolled "
    "method, `unrolled_diffusion_map`."
)
_NO_FORWARD = (
    "The spectral map has no forward-mode derivative (jvp, jacfwd, hessian). Use the backward pass, or the unrolled "
    "method, `unrolled_diffusion_map`."
)
_NO_VMAP = "The spectral map cannot be run under `vmap` (nor jacrev, which uses it). Use `Graph.batch`, or a loop."
