"""The kernels of a set-up: which nodes stand together, and the walk between them, in one pass over the edges each."""

import math
from typing import Any

import numpy as np
from numba import types

from graphrw.solvers.compiled.compilation import DOUBLE, PLACES, SINGLE, Groups, compiled, inlined, matrix_of
from graphrw.solvers.multigrid.aggregation import ROUNDS, STRENGTH

GROUPS = types.NamedUniTuple(PLACES, 3, Groups)
WEIGHTS, NUMBERS, FLAGS, LONGS = matrix_of(DOUBLE), DOUBLE[::1], types.boolean[::1], types.int64[::1]


@compiled(lambda _: (GROUPS,), DOUBLE)
def list_members(groups: Any) -> None:
    """Fill `start`, from zeros, and `member`."""
    of, start, member = groups
    for group in of:
        start[group + 1] += 1
    for group in range(len(start) - 1):
        start[group + 1] += start[group]
    place = start.copy()
    for i in range(len(of)):
        member[place[of[i]]] = i
        place[of[i]] += 1


@compiled(lambda _: (WEIGHTS, NUMBERS), DOUBLE)
def add_up(matrix: Any, out: Any) -> None:
    """The sum of each row."""
    for i in range(len(out)):
        total = 0.0
        for place in range(matrix.start[i], matrix.start[i + 1]):
            total += matrix.value[place]
        out[i] = total


@compiled(lambda real: (WEIGHTS, NUMBERS, matrix_of(real)), SINGLE, DOUBLE)
def scale_lower(matrix: Any, factor: Any, out: Any) -> None:
    """w_ij f_i f_j for j < i."""
    size = 0
    for i in range(len(factor)):
        for place in range(matrix.start[i], matrix.start[i + 1]):
            j = matrix.column[place]
            if j < i:
                out.column[size], out.value[size] = j, matrix.value[place] * factor[i] * factor[j]
                size += 1
        out.start[i + 1] = size


@compiled(lambda _: (WEIGHTS, GROUPS, WEIGHTS, types.UniTuple(NUMBERS, 2)), DOUBLE)
def add_edges(fine: Any, groups: Any, coarse: Any, killing: Any) -> None:
    """Write the edges between aggregates into `coarse`, which has room for more, and `killing`, of fine and coarse.

    Weights add up in the order in which torch's way lists them, so that both ways go on with the same numbers.
    """
    count, size = len(groups.start) - 1, 0
    found = np.full(count, -1)  # where the edge to each aggregate stands, if that is in this row
    for group in range(count):
        first, own, lost = size, 0.0, 0.0
        for i in groups.member[groups.start[group] : groups.start[group + 1]]:
            own += killing[0][i]
            for place in range(fine.start[i], fine.start[i + 1]):
                weight, other = fine.value[place], groups.of[fine.column[place]]
                if other == count:
                    lost += weight
                elif other != group and weight > 0:
                    if found[other] < first:
                        found[other] = size
                        coarse.column[size], coarse.value[size] = other, 0.0
                        size += 1
                    coarse.value[found[other]] += weight
        killing[1][group], coarse.start[group + 1] = own + lost, size


@compiled(lambda _: (WEIGHTS, WEIGHTS), DOUBLE)
def sort(matrix: Any, out: Any) -> None:
    """Sort the columns of each row of a symmetric `matrix`, in linear time; `out` has its starts."""
    start, column, value = matrix
    count = len(start) - 1
    place, weights = start.copy(), np.empty(count)
    for i in range(count):  # listed by rows, columns come in order, and by symmetry rows are columns
        for there in range(start[i], start[i + 1]):
            out.column[place[column[there]]] = i
            place[column[there]] += 1
    for i in range(count):
        for there in range(start[i], start[i + 1]):
            weights[column[there]] = value[there]
        for there in range(start[i], start[i + 1]):
            out.value[there] = weights[out.column[there]]


@inlined
def _power(weight: float) -> int:
    """Of two, as `torch.frexp` tells it."""
    return math.frexp(weight)[1]


@inlined
def _heaviest(matrix: Any, i: int, nodes: Any, strength: float) -> Any:
    """The other end of node i's heaviest edge, where weights count as equal within a power of two; −1: there is none.

    `nodes` are which may be that end, the weight of each node's heaviest edge, and its priority among equals. An edge
    counts if it has this `strength` beside the heaviest of both ends.
    """
    allowed, heaviest, priority = nodes
    found: Any = -1
    most, first = 0, -1
    for place in range(matrix.start[i], matrix.start[i + 1]):
        weight, j = matrix.value[place], matrix.column[place]
        if weight > 0 and allowed[j] and weight >= strength * min(heaviest[i], heaviest[j]):
            power = _power(weight)
            if found < 0 or power > most or (power == most and priority[j] > first):
                found, most, first = np.int64(j), power, priority[j]
    return found


@inlined
def _pair(matrix: Any, moving: Any, nodes: Any, leader: Any) -> Any:
    """(N,) bool: those that point at each other, which the lower of the two leads."""
    count = len(leader)
    pointed, paired = np.full(count, -1), np.zeros(count, np.bool_)
    for i in range(count):
        if moving[i]:
            pointed[i] = _heaviest(matrix, i, nodes, 0.0)
    for i in range(count):
        other = pointed[i]
        if other >= 0 and pointed[other] == i:
            paired[i], leader[i] = True, min(i, other)
    return paired


@inlined
def _join(matrix: Any, moving: Any, nodes: Any, leader: Any) -> None:
    """One round, in which single nodes join what stood before it at their heaviest strong edge."""
    grouped = nodes[0]
    chosen = np.full(len(leader), -1)
    for i in range(len(leader)):
        if moving[i] and not grouped[i]:
            chosen[i] = _heaviest(matrix, i, nodes, STRENGTH)
    for i in range(len(leader)):
        if chosen[i] >= 0:
            leader[i], grouped[i] = leader[chosen[i]], True


@inlined
def _number(leader: Any, moving: Any, number: Any) -> int:
    """Number those that lead themselves, and say how many they are."""
    count = 0
    for i in range(len(leader)):
        number[i] = count
        count += leader[i] == i and moving[i]
    return count


@compiled(lambda _: (WEIGHTS, FLAGS, LONGS, types.int32[::1]), DOUBLE, returns=types.int64)
def pair_and_join(matrix: Any, moving: Any, priority: Any, group: Any) -> int:
    """The aggregate of each node into `group`, and how many there are."""
    nodes, count = len(group), 0
    heaviest, leader, number = np.zeros(nodes), np.arange(nodes), np.empty(nodes, np.int64)
    for i in range(nodes):
        for weight in matrix.value[matrix.start[i] : matrix.start[i + 1]]:
            heaviest[i] = max(heaviest[i], weight)
    grouped = _pair(matrix, moving, (moving, heaviest, priority), leader)
    for _ in range(ROUNDS):
        _join(matrix, moving, (grouped, heaviest, priority), leader)
        count = _number(leader, moving, number)
        if 2 * count <= nodes:
            break
    for i in range(nodes):
        group[i] = number[leader[i]] if moving[i] else count
    return count
