"""What a walk answers does not depend on where it is computed, and stays there; nor do gradients."""

import numpy as np
import pytest
import torch

import graphrw as rw
from graphrw import functional

SHAPE = (9, 10)
N = 90
SHOWN = torch.tensor([0, 40, 89])
PAIRS = torch.tensor([[0, 5], [7, 80]])


def seeds(like):
    found = torch.full((N,), -1, device=like.device)
    found[SHOWN] = torch.arange(3, device=like.device)
    return found


def columns(like):
    return torch.linspace(0, 1, 2 * N, dtype=torch.float64, device=like.device).reshape(N, 2)


def killed(graph, weight):
    return rw.walk(graph, weight, killing=0.1)


def boundary(graph, weight):
    scores = torch.linspace(0, 1, N, dtype=torch.float64, device=weight.device)
    return rw.boundary_probabilities(graph, scores, seeds(weight), weight=weight)


ANSWERS = {
    "step": lambda graph, weight: rw.step(killed(graph, weight), columns(weight), steps=5, restart=0.2),
    "solve": lambda graph, weight: rw.solve(killed(graph, weight), columns(weight)),
    "factorize": lambda graph, weight: rw.factorize(killed(graph, weight)).solve(columns(weight)),
    "resolvent": lambda graph, weight: rw.resolvent(killed(graph, weight), columns(weight)),
    "damp": lambda graph, weight: rw.resolvent(rw.damp(rw.walk(graph, weight), 0.9), columns(weight)),
    "pagerank": lambda graph, weight: functional.pagerank(rw.walk(graph, weight), 0.9, columns(weight)),
    "hitting_probabilities": lambda graph, weight: rw.hitting_probabilities(rw.walk(graph, weight), seeds(weight)),
    "harmonic": lambda graph, weight: rw.harmonic(
        rw.walk(graph, weight), SHOWN.to(weight.device), columns(weight)[SHOWN.to(weight.device)]
    ),
    "boundary_probabilities": boundary,
    "poisson_labels": lambda graph, weight: rw.poisson_labels(rw.walk(graph, weight), seeds(weight)),
    "effective_resistance": lambda graph, weight: rw.effective_resistance(
        rw.walk(graph, weight), PAIRS.to(weight.device)
    ),
    "hitting_time": lambda graph, weight: rw.hitting_time(rw.walk(graph, weight), SHOWN.to(weight.device)),
    "commute_time": lambda graph, weight: rw.commute_time(rw.walk(graph, weight), PAIRS.to(weight.device)),
    "absorption_time": lambda graph, weight: rw.absorption_time(rw.walk(graph, weight), seeds(weight)),
    "heat": lambda graph, weight: rw.heat(rw.walk(graph, weight), columns(weight), 1.5),
    "diffusion_distance": lambda graph, weight: rw.diffusion_distance(rw.walk(graph, weight), 2.0, 8),
}
METHODS = {"CG": rw.solvers.CG(1e-12), "Multigrid": rw.solvers.Multigrid(1e-12), "BiCGStab": rw.solvers.BiCGStab(1e-12)}


def answer_and_slope(function, graph, weight):
    leaf = weight.clone().requires_grad_()
    answer = function(graph, leaf)
    return answer.detach(), torch.autograd.grad(answer.square().sum(), leaf)[0]


def weights(graph):
    generator = torch.Generator().manual_seed(0)
    return 0.1 + torch.rand(graph.num_edges, generator=generator, dtype=torch.float64)


def assert_the_same_there(function, graph, device):
    weight = weights(graph)
    there = answer_and_slope(function, graph.to(device), weight.to(device))
    assert {part.device.type for part in there} == {device}
    for ours, expected in zip(there, answer_and_slope(function, graph, weight), strict=True):
        torch.testing.assert_close(ours.cpu(), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_and_its_gradient_do_not_depend_on_the_device(name, device):
    assert_the_same_there(ANSWERS[name], rw.grid_graph(SHAPE), device)


@pytest.mark.parametrize("name", METHODS)
def test_an_iteration_stays_on_the_device(name, device):
    graph = rw.grid_graph((40, 41))  # more than is inverted densely
    weight = weights(graph).to(device).requires_grad_()
    b = torch.ones(graph.num_nodes, 3, dtype=torch.float64, device=device)
    walk = rw.walk(graph.to(device), weight, killing=0.01)
    with rw.record_solves() as reports:
        rw.solve(walk, b, METHODS[name]).square().sum().backward()
    assert weight.grad.device.type == device
    assert all(report.relative_residual <= 1e-10 for report in reports)


def test_a_batch_of_graphs_moves_with_its_parts(device):
    graph = rw.Graph.batch([rw.grid_graph((4, 5)), rw.grid_graph((3, 3))])
    assert {part.device.type for part in graph.to(device).parts} == {device}
    assert_the_same_there(lambda g, w: rw.solve(killed(g, w), w.new_ones(29, 1)), graph, device)


def test_a_walk_moves_with_its_gradient_and_so_does_a_part_of_its_graph(device):
    graph = rw.grid_graph(SHAPE)
    assert_the_same_there(lambda g, w: rw.solve(killed(graph, w.cpu()).to(w.device), columns(w)), graph, device)
    half = torch.arange(45)

    def answer(graph, weight):
        part, places = graph.subgraph(half.to(weight.device))
        return rw.solve(killed(part, weight[places]), columns(weight)[:45])

    assert_the_same_there(answer, graph, device)


def test_pixels_of_a_torch_image_are_labelled_where_they_are(device):
    image = torch.from_numpy(np.random.default_rng(0).random((20, 21)))
    labels = torch.zeros(20, 21, dtype=torch.int64)
    labels[2, 2], labels[17, 15] = 3, 8
    answer = rw.random_walker(image.to(device), labels.to(device), return_full_prob=True)
    assert answer.device.type == device
    torch.testing.assert_close(answer.cpu(), rw.random_walker(image, labels, return_full_prob=True))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_training_step_moves_the_same_way(dtype, device):
    torch.manual_seed(0)
    model = rw.models.LearnedRandomWalker(1, width=4).to(dtype)
    image, labels = torch.rand(1, 1, 24, 24, dtype=dtype), torch.ones(1, 24, 24, dtype=torch.int64)
    labels[..., :12] = 0
    shown = torch.full_like(labels, -1)
    shown[..., 2, 2], shown[..., 20, 20] = 0, 1
    slopes = []
    for place in ("cpu", device):
        moved = model.to(place)
        moved.zero_grad()
        moved.loss(image.to(place), shown.to(place), labels.to(place)).backward()
        slopes.append(torch.cat([p.grad.cpu().reshape(-1) for p in moved.parameters() if p.grad is not None]))
    torch.testing.assert_close(*slopes, rtol=1e-3, atol=1e-4 * float(slopes[0].abs().max()))
