"""How far an approximate inverse can be trusted, as the one system tells whose answer is known: A 1 = killing."""

from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.solvers.operator import Operator


@dataclass(frozen=True)
class Verdict:
    """What every solve with one inverse needs so that a small residual means a small error.

    A small residual alone does not: with weights from 1 to 1e-10 residuals of 1e-14 were seen beside errors of 5e-7 of
    a direct solver, and an iteration leaves errors in clusters that hardly reach any killing. But A 1 = k: the answer
    to the killing rates is 1 at every node, whatever the weights.

    It depends on the walk and the solver alone, never on right-hand sides, so that every answer is the same whatever
    was solved before it.
    """

    refinements: int = 0  # steps of refinement in differences, however small the residual
    sharpness: float = 1.0  # by which the residuals asked for shrink
    refusal: str = ""  # why no answer can be given, if none can


CLEAN = Verdict()


def distance_from_one(ones: Tensor) -> float:
    """How far `ones`, which should be 1, are from that; infinite for NaN."""
    if ones.numel() == 0:
        return 0.0
    least, most = torch.aminmax(ones)  # both NaN, if one is
    return float(torch.maximum(1 - least, most - 1).nan_to_num(torch.inf))


def excepted_from_sum(operator: Operator, b: Tensor, tolerance: float) -> Tensor | None:
    """Where the columns of `b` (N, K) add up to k, those of A⁻¹ b add up to 1: a test of answers that costs nothing.

    The right-hand sides of hitting probabilities do, where nothing else kills. If they do so to a relative `tolerance`,
    so do the sums of their answers, since A⁻¹ has no negative entries and A⁻¹ k = 1.

    Returns:
        (N,) bool: nodes that are excepted, since nobody enters or leaves them, such as seeds; None where the columns
        add up to something else, or have negative entries, with which errors of their answers could cancel.
    """
    killing = operator.walk.killing
    apart = ~((_row_sums(b) - killing).abs_() <= tolerance * killing)  # true for NaN, too
    linked = apart if operator.walk.graph.directed else apart & (operator.degree > 0)
    return None if bool(linked.any()) or (b.numel() > 0 and bool(b.min() < 0)) else apart


def sum_of_answers(x: Tensor, excepted: Tensor) -> Tensor:
    """(N,): what the columns of `x` (N, K) add up to; 1 for nodes that are `excepted` (N,)."""
    return _row_sums(x).masked_fill_(excepted, 1.0)


def _row_sums(x: Tensor) -> Tensor:
    """(N,): by a product, which over a few columns takes a quarter of the time of torch's sum."""
    return x @ x.new_ones(x.shape[1])
