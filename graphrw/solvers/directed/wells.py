"""Wells: groups of nodes that walkers are slow to leave, and an order in which a walk goes through them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from graphrw.solvers.directed.elimination import Entries, Floats, Numbers, grouped_inverse, summed

# Of those who leave a group, the share that must go to another one, and come back likewise, so that the two become one.
STRONG = (0.2, 0.1)
CROWDED = (0.05, 0.01)  # the same in crowds, where no step is likely, but nearly all lead to others of the crowd
CLOSED = 0.9  # of those who leave a group of a crowd, the least share that stays in the crowd
LARGEST = 4  # mean of the squared sizes of groups, for each node: what their inverses hold
ALWAYS = 65_536  # numbers that they may hold in any case, so that small graphs are not short of room
WIDEST = 256  # nodes of a group: the time of its inverse grows with the cube


class Leaving(NamedTuple):
    """Where walkers go who leave a group, for each of G groups: shares, which with those who die have the sum 1."""

    ways: Entries  # from group to group
    dies: Floats  # (G,)


def wells(weight: Entries, killing: Floats) -> Numbers:
    """(N,): the group of each node, numbered so that most walkers who leave a group go to lower numbers.

    First each node is a group. Then groups between which walkers go to and fro become one, again and again: the
    strongly connected components of transitions that more than a fifth of those who leave a group take, then a tenth;
    and at last a twentieth and a hundredth, where nearly all who leave any of these groups go to another of them.
    Since shares are of those who leave, a group may be left once in 1e12 steps, and its way out is seen nonetheless. In
    a group walkers are taken to be where those are for long who begin anywhere in it.

    SciPy numbers strongly connected components in the order in which Pearce's algorithm (2005) completes them, sinks
    first; were it otherwise, only the numbers would be worse.

    Args:
        weight: ≥ 0, from node to node.
        killing: (N,) ≥ 0.
    """
    group, leaving = np.arange(len(killing)), _from_nodes(weight, killing)
    for strong in (*STRONG, *CROWDED):
        while (joined := _joined(leaving, strong, np.bincount(group, minlength=len(leaving.dies)))) is not None:
            group, leaving = joined[group], _merged(leaving, joined)
    by_part = np.argsort(_components(leaving, STRONG[-1]), kind="stable")
    number = np.empty_like(by_part)
    number[by_part] = np.arange(len(by_part))
    return number[group]


def _from_nodes(weight: Entries, killing: Floats) -> Leaving:
    total = summed(weight.row, weight.value, len(killing)) + killing
    share = 1 / np.where(total > 0, total, 1.0)
    return Leaving(weight._replace(value=weight.value * share[weight.row]), killing * share)


def _components(leaving: Leaving, strong: float) -> Numbers:
    """(G,): strongly connected components of the shares above `strong`, sinks first."""
    probable = leaving.ways.where(leaving.ways.value > strong).over(len(leaving.dies))
    return np.asarray(connected_components(probable, connection="strong")[1], dtype=np.int64)


def _joined(leaving: Leaving, strong: float, size: Numbers) -> Numbers | None:
    """(G,): which groups become one, by new numbers; None if none do. `size` (G,) counts their nodes.

    A component becomes a group if it is not too large, the smallest first as long as there is room.
    """
    part = _components(leaving, strong)
    nodes, squares = np.bincount(part, weights=size), np.bincount(part, weights=np.square(size))
    fits = (np.bincount(part) > 1) & (nodes <= WIDEST)
    if strong in CROWDED:
        within = leaving.ways.where(part[leaving.ways.row] == part[leaving.ways.column])
        fits[part[summed(within.row, within.value, len(part)) < CLOSED]] = False
    smallest = np.argsort(np.where(fits, nodes, np.inf), kind="stable")
    held = np.square(size).sum() + np.cumsum((np.square(nodes) - squares)[smallest])
    fits[smallest[held > max(LARGEST * size.sum(), ALWAYS)]] = False
    if not fits.any():
        return None
    return np.unique(np.where(fits[part], part, len(fits) + np.arange(len(part))), return_inverse=True)[1]


def _merged(leaving: Leaving, joined: Numbers) -> Leaving:
    """Where walkers go who leave what has become of the groups."""
    inside = joined[leaving.ways.row] == joined[leaving.ways.column]
    inner, outer = leaving.ways.where(inside), leaving.ways.where(~inside)
    leave = summed(outer.row, outer.value, len(joined)) + leaving.dies
    visits, size = grouped_inverse(inner, leave, joined), np.bincount(joined)
    stay = summed(visits.column, visits.value / size[joined[visits.row]], len(joined))
    stay = np.where(np.isfinite(stay), stay, 0.0)  # who never leaves, as far as float64 can tell, goes nowhere
    ways = Entries(joined[outer.row], joined[outer.column], stay[outer.row] * outer.value)
    return Leaving(_added(ways, size > 1), summed(joined, stay * leaving.dies, len(size)))


def _added(ways: Entries, changed: NDArray[np.bool_]) -> Entries:
    """Each place once; only those to and from groups that have `changed` (G,) can be there twice."""
    again = changed[ways.row] | changed[ways.column]
    once, sums = ways.where(~again), coo_array(ways.where(again).over(len(changed)))
    return Entries(
        np.concatenate([once.row, sums.row]),
        np.concatenate([once.column, sums.col]),
        np.concatenate([once.value, sums.data]),
    )
