"""What a spectral map can be asked for, and the warning about a `k` that it should not be asked for."""

import math

import torch
from torch import Tensor

from graphrw.core.arrays import as_numbers
from graphrw.core.components import node_components
from graphrw.core.memory import require_room
from graphrw.core.opaque import opaque
from graphrw.core.walk import Walk, check_walk
from graphrw.core.warn import warn
from graphrw.core.whole import check_whole
from graphrw.spectral.eigenpairs import Eigenpairs
from graphrw.spectral.layout import in_odd_cycles
from graphrw.spectral.matrix import EQUAL, NEGLIGIBLE


class SpectralCutWarning(UserWarning):
    """The number of eigenpairs cuts through several of the same |λ|, so that the result depends on chance."""


@opaque
def check_undirected(walk: Walk) -> None:
    check_walk(walk)
    if walk.graph.directed:
        raise ValueError(
            "Diffusion distances are defined on undirected graphs only, whose P has real eigenvalues; got a directed "
            "one. Make it undirected, for example with the mean weight of both directions."
        )


def check_count(walk: Walk, k: int) -> None:
    check_undirected(walk)
    check_whole("k", k, 1, walk.graph.num_nodes, reason=", the number of nodes")
    require_room(
        2 * walk.graph.num_nodes * k, f"A map of {k} eigenpairs of {walk.graph.num_nodes} nodes", "Take fewer."
    )


@opaque
def check_time(time: Tensor | float, like: Tensor) -> Tensor:
    """t as a tensor () on the device of `like`."""
    time = as_numbers("time", time, "a number or a floating-point tensor ()").to(like.device)
    if time.ndim or not time.is_floating_point():
        raise ValueError(
            f"`time` must be a number or a floating-point tensor (); got {tuple(time.shape)} {time.dtype}."
        )
    value = float(time.detach())
    if not 0 <= value < math.inf:
        raise ValueError(f"`time` must be finite and not negative; got {value}.")
    return time


def warn_of_cut(walk: Walk, pairs: Eigenpairs, time: float) -> None:
    """Warn when the eigenvalue after the k-th has the same |λ|, unless it is too small to matter at this time.

    Args:
        walk: whose eigenpairs they are, outside autograd.
        pairs: with guards.
        time: t.
    """
    size, k = pairs.values.abs(), pairs.kept
    gaps = (size[:-1] - size[1:] > EQUAL).nonzero().squeeze(1) + 1  # the k at which the spectrum may be cut
    if k == len(size) or bool((gaps == k).any()) or float(size[k - 1]) ** time <= NEGLIGIBLE:
        return
    cures = [f"k = {int(gaps[gaps < k][-1])}"] if bool((gaps < k).any()) else []
    if float(size[k - 1]) >= 1 - EQUAL:
        cures = [f"k = {_ones(walk)}"]
    elif bool((gaps > k).any()):
        cures.append(f"k = {int(gaps[gaps > k][0])}")
    elif pairs.complete:
        cures.append(f"k = {len(size)}")
    else:
        cures.append(f"a k above {len(size)}")
    _warn(k, float(size[k - 1]), cures)


def _ones(walk: Walk) -> int:
    """How many eigenvalues have |λ| = 1: λ = 1 for each component without killing that has an edge, and −1 for each of
    these that is bipartite."""
    open_edges = walk.graph.edges[:, walk.weight > 0]
    component = node_components(open_edges, walk.graph.num_nodes)
    lasting = torch.zeros_like(component, dtype=torch.bool)
    lasting[component[open_edges[0]]] = True
    lasting[component[walk.killing > 0]] = False
    odd = torch.zeros_like(lasting)
    odd[component[in_odd_cycles(open_edges, walk.graph.num_nodes)]] = True
    return int(lasting.sum()) + int((lasting & ~odd).sum())


def _warn(k: int, size: float, cures: list[str]) -> None:
    warn(
        f"k = {k} cuts through eigenvalues of the same size, |λ| = {size:.6g}: which of them are kept is "
        f"chance, and so is what depends on them. Take {' or '.join(cures)}.",
        SpectralCutWarning,
    )
