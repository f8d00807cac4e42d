"""What the verdict on a factor is made of, number by number."""

import math
from dataclasses import FrozenInstanceError

import pytest
import torch

import graphrw as rw
from graphrw.solvers.norms import column_norm
from graphrw.solvers.operator import Operator
from graphrw.solvers.verdict import CLEAN, Verdict, distance_from_one, excepted_from_sum, sum_of_answers

PATH = rw.Graph(torch.tensor([[0, 1], [1, 2]]), 4)  # and a node by itself
ONE_WAY = rw.Graph(torch.tensor([[0, 1], [1, 2]]), 4, directed=True)


def operator(graph: rw.Graph, killing: list[float]) -> Operator:
    weight = torch.tensor([2.0, 3.0], dtype=torch.float64)
    return Operator(rw.walk(graph, weight, torch.tensor(killing, dtype=torch.float64)))


def columns(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def test_a_clean_verdict_asks_for_nothing() -> None:
    assert Verdict(0, 1.0, "") == CLEAN == Verdict()


@pytest.mark.parametrize(
    ("ones", "distance"),
    [([], 0), ([1, 1], 0), ([0.75, 1], 0.25), ([1, 1.5], 0.5), ([0.75, 1.5], 0.5), ([0.25, 1.5], 0.75), ([-2, 1], 3)],
)
def test_the_distance_from_one_is_the_larger_of_both_sides(ones: list[float], distance: float) -> None:
    assert distance_from_one(torch.tensor(ones, dtype=torch.float64)) == distance


def test_the_distance_of_what_is_no_number_is_infinite() -> None:
    assert distance_from_one(torch.tensor([1.0, math.nan])) == math.inf
    assert distance_from_one(torch.tensor([1.0, math.inf])) > 1e30


def test_columns_that_add_up_to_the_killing_are_a_test_without_exceptions() -> None:
    apart = excepted_from_sum(operator(PATH, [1, 0, 2, 1]), columns([0.5, 0.5], [0, 0], [2, 0], [0, 1]), 1e-3)
    assert apart is not None
    assert apart.tolist() == [False] * 4


@pytest.mark.parametrize(("off", "taken"), [(1.0005, True), (1.001, True), (1.002, False), (0.998, False)])
def test_they_add_up_to_a_relative_tolerance(off: float, taken: bool) -> None:
    b = columns([100 * off, 0], [0, 0], [2, 0], [1, 0])
    assert (excepted_from_sum(operator(PATH, [100, 0, 2, 1]), b, 0.001000001) is not None) == taken


def test_a_node_that_nobody_enters_or_leaves_is_excepted() -> None:
    apart = excepted_from_sum(operator(PATH, [1, 0, 2, 1]), columns([1, 0], [0, 0], [2, 0], [5, 5]), 1e-3)
    assert apart is not None
    assert apart.tolist() == [False, False, False, True]


def test_in_a_directed_graph_no_node_is_excepted_since_others_may_enter() -> None:
    b = columns([1, 0], [0, 0], [2, 0], [5, 5])
    assert excepted_from_sum(operator(ONE_WAY, [1, 0, 2, 1]), b, 1e-3) is None
    b[3] = torch.tensor([0.5, 0.5])
    apart = excepted_from_sum(operator(ONE_WAY, [1, 0, 2, 1]), b, 1e-3)
    assert apart is not None
    assert not bool(apart.any())


@pytest.mark.parametrize("row", [[2, -1], [math.nan, 1]])
def test_negative_entries_and_what_is_no_number_are_no_test(row: list[float]) -> None:
    assert excepted_from_sum(operator(PATH, [1, 0, 2, 1]), columns(row, [0, 0], [2, 0], [1, 0]), 1e-3) is None


def test_the_sum_of_answers_is_that_of_each_row_and_1_where_excepted() -> None:
    x = columns([0.25, 0.5], [3, 4], [1, 1])
    assert sum_of_answers(x, torch.tensor([False, True, False])).tolist() == [0.75, 1, 2]


def test_a_node_with_the_least_of_edges_is_linked_and_not_excepted() -> None:
    faint = Operator(rw.walk(PATH, columns([1e-3, 1e-3])[0], torch.ones(4, dtype=torch.float64)))
    assert excepted_from_sum(faint, columns([1, 0], [5, 5], [1, 0], [1, 0]), 1e-3) is None


def test_a_verdict_stands() -> None:
    with pytest.raises(FrozenInstanceError):
        CLEAN.refinements = 3


def test_the_norm_of_a_column_hangs_on_no_other():
    b = torch.randn(5, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    b[2, 7], b[3, 8], b[:, 9], b[:, 10] = torch.nan, torch.inf, 1e200, 1e-200
    expected = torch.tensor([math.hypot(*column) for column in b.T.tolist()], dtype=torch.float64)
    torch.testing.assert_close(column_norm(b), expected, rtol=1e-12, atol=0, equal_nan=True)
