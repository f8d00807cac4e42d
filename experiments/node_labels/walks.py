"""What labels nodes without any training: (N, L) scores from the links alone, or from no more than the labels."""

from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor
from torch_geometric.nn import LabelPropagation

import graphrw as rw
from experiments.node_labels.inputs import Task
from graphrw.estimators import RandomWalkClassifier

ALPHAS = (0.8, 0.9, 0.99, None)


def plain_walk(task: Task) -> rw.Walk:
    return rw.walk(task.data.graph, torch.ones(task.data.graph.num_edges, dtype=torch.float64))


def largest_class(task: Task) -> Tensor:
    """No walk: every node has the class that most training nodes have."""
    return torch.bincount(task.y[task.train], minlength=task.num_labels).double().expand(len(task.y), -1)


def harmonic(task: Task) -> Tensor:
    return rw.hitting_probabilities(plain_walk(task), task.seeds, task.num_labels, unreachable=task.uniform)


def class_mass(task: Task) -> Tensor:
    return rw.functional.class_mass_normalize(harmonic(task), task.seeds)


def poisson(task: Task) -> Tensor:
    return rw.poisson_labels(plain_walk(task), task.seeds, task.num_labels, unreachable=task.uniform)


def tuned(task: Task) -> Tensor:
    """`RandomWalkClassifier`, with the best of 8 options on the validation nodes: α, and class masses or none."""
    graph, given = task.data.graph, task.seeds.numpy()
    links = rw.to_scipy(graph, torch.ones(graph.num_edges, dtype=torch.float64))
    classes = task.y[task.train].unique()
    options = {"precomputed": True, "unreachable": task.uniform[classes] * task.num_labels / len(classes)}
    answers = []
    for alpha, mass in product(ALPHAS, (False, None)):
        model = RandomWalkClassifier(alpha=alpha, class_mass=mass, **options).fit(links, given)
        scores = torch.zeros(len(given), task.num_labels, dtype=torch.float64)
        answers.append(scores.index_copy(1, classes, torch.from_numpy(model.label_distributions_)))
    return max(answers, key=lambda scores: task.quality(scores, task.val))


def label_propagation(task: Task) -> Tensor:
    """PyG's, with the best of 8 options on the validation nodes."""
    mask = torch.zeros(len(task.y), dtype=torch.bool).index_fill(0, task.train, True)
    options = [(steps, alpha) for steps in (10, 50) for alpha in (0.5, 0.8, 0.9, 0.99)]
    answers = [LabelPropagation(*option)(task.y.clamp(min=0), task.adjacency, mask) for option in options]
    return max(answers, key=lambda scores: task.quality(scores, task.val))


WALKS: dict[str, Callable[[Task], Tensor]] = {
    "largest class": largest_class,
    "harmonic": harmonic,
    "harmonic, class masses": class_mass,
    "harmonic, tuned": tuned,
    "Poisson": poisson,
    "PyG LabelPropagation": label_propagation,
}
