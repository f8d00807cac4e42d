"""What scores the labels of nodes in experiments/node_labels."""

import pytest
import torch

import graphrw as rw
from experiments.data.graphs import NodeLabels
from experiments.node_labels import report
from experiments.node_labels.inputs import Task


def task_of(labels: list[int]) -> Task:
    y, none = torch.tensor(labels), torch.empty(0, dtype=torch.int64)
    graph = rw.Graph(torch.tensor([[0], [1]]), len(y))
    return Task(NodeLabels("made here", graph, None, y, (), "public"), none, none, torch.arange(len(y)))


def test_of_two_classes_naming_the_larger_one_everywhere_is_worth_a_half() -> None:
    task = task_of([0, 0, 0, 1])
    same, sorted_well = torch.tensor([[0.9, 0.1]] * 4), torch.tensor([[0.9, 0.1]] * 3 + [[0.8, 0.2]])
    assert task.quality(same.log(), task.test) == 0.5
    assert task.quality(sorted_well.log(), task.test) == 1.0  # all are named class 0, and yet in the right order


def test_of_more_classes_it_is_the_share_of_right_labels() -> None:
    task = task_of([0, 1, 2, 2])
    assert task.quality(torch.eye(3)[[0, 1, 2, 0]], task.test) == pytest.approx(0.75)


def test_the_page_holds_what_the_results_say() -> None:
    page = report.PAGE.read_text(encoding="utf-8")
    found = report.results()
    assert report.tables(found) in page
    assert report.about(found) in page
