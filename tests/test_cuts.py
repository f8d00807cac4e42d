"""Normalised cuts, beside all cuts there are, dense eigenvectors, scikit-image and scikit-learn."""

import itertools

import numpy as np
import pytest
import torch
from scipy.linalg import eigh

import graphrw as rw
from graphrw.functional import normalised_cut_cost


def random_walk(seed, num_nodes=9):
    generator = torch.Generator().manual_seed(seed)
    graph = rw.build.complete_graph(num_nodes)
    weight = torch.rand(graph.num_edges, generator=generator, dtype=torch.float64) ** 8
    return rw.walk(graph, weight)


def two_clouds(sizes=(8, 13), gap=1.0):
    """A dense graph of two groups, and which node is in which, mixed."""
    generator = torch.Generator().manual_seed(4)
    points = torch.randn(sum(sizes), 2, generator=generator, dtype=torch.float64) * 0.3
    group = torch.arange(2).repeat_interleave(torch.tensor(sizes))[torch.randperm(sum(sizes), generator=generator)]
    points[:, 0] += gap * group
    graph = rw.build.complete_graph(len(points))
    return rw.walk(graph, rw.gaussian_affinity(graph, points, beta=4.0)), (group != group[0]).long()


def matrix_of(walk):
    matrix = np.zeros((walk.graph.num_nodes,) * 2)
    tail, head = walk.graph.edges.numpy()
    matrix[tail, head] = matrix[head, tail] = walk.weight.numpy()
    return matrix


def ncut(matrix, inside):
    cut = matrix[inside][:, ~inside].sum()
    return cut / matrix[inside].sum() + cut / matrix[~inside].sum()


def best_of_all(matrix):
    """By trying every cut."""
    rest = itertools.product([False, True], repeat=len(matrix) - 1)
    return min(ncut(matrix, np.array([True, *sides])) for sides in rest if not all(sides))


def best_threshold(matrix):
    """By a dense generalised eigenproblem, (D − W) y = λ D y."""
    degree = np.diag(matrix.sum(1))
    y = eigh(degree - matrix, degree)[1][:, 1]
    return min(ncut(matrix, y <= level) for level in np.sort(y)[:-1])


@pytest.mark.parametrize("seed", range(6))
def test_a_cut_is_the_best_threshold_of_the_dense_eigenvector(seed):
    walk = random_walk(seed, 25)
    inside = rw.normalised_cut(walk).bool().numpy()
    assert ncut(matrix_of(walk), inside) == pytest.approx(best_threshold(matrix_of(walk)), rel=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_a_cut_is_near_the_best_of_all_cuts(seed):
    walk = random_walk(seed)
    found = ncut(matrix_of(walk), rw.normalised_cut(walk).bool().numpy())
    best = best_of_all(matrix_of(walk))
    assert best * (1 - 1e-12) <= found <= 1.3 * best


def test_clouds_are_cut_apart_by_the_best_of_all_cuts():
    walk, group = two_clouds((5, 7), gap=3.0)
    assert torch.equal(rw.normalised_cut(walk), group)
    inside = group.bool().numpy()
    assert ncut(matrix_of(walk), inside) == pytest.approx(best_of_all(matrix_of(walk)), rel=1e-9)


def test_the_cost_is_the_sum_over_both_sides():
    walk, group = two_clouds()
    cost = normalised_cut_cost(walk, group)
    assert float(cost) == pytest.approx(ncut(matrix_of(walk), group.bool().numpy()), rel=1e-12)


def test_the_cost_of_many_segments_does_not_depend_on_their_numbers():
    walk, labels = random_walk(0), torch.tensor([0, 1, 2, 0, 1, 2, 2, 0, 0])
    torch.testing.assert_close(normalised_cut_cost(walk, labels), normalised_cut_cost(walk, 7 * (2 - labels)))


def test_gradients_of_the_cost_are_right():
    walk, labels = random_walk(1), torch.tensor([0, 1, 2, 0, 1, 2, 2, 0, 0])
    weight = (0.1 + walk.weight).requires_grad_()
    assert torch.autograd.gradcheck(lambda w: normalised_cut_cost(rw.walk(walk.graph, w), labels), weight)


@pytest.mark.parametrize("shape", [(4, 9), (12, 40)], ids=["dense", "iterative"])
def test_a_grid_is_cut_across_its_longer_side(shape):
    grid = rw.grid_graph(shape)  # bipartite: −1 is an eigenvalue, too
    labels = rw.normalised_cut(rw.walk(grid, torch.ones(grid.num_edges))).reshape(shape)
    assert bool((labels == labels[0]).all())
    assert int(labels[0].diff().abs().sum()) == 1
    assert abs(int(labels[0].sum()) - shape[1] / 2) <= 0.5


def test_a_cut_that_one_more_eigenpair_would_show_is_found():
    """S of a complete bipartite graph with few edges inside has eigenvalues near −1 before any above 0."""
    graph = rw.build.complete_graph(16)
    across = graph.edges[0] % 2 != graph.edges[1] % 2
    noise = torch.rand(graph.num_edges, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    walk = rw.walk(graph, across.double() + 0.1 * noise)
    inside = rw.normalised_cut(walk).bool().numpy()
    assert ncut(matrix_of(walk), inside) == pytest.approx(best_threshold(matrix_of(walk)), rel=1e-9)


def test_segments_are_cut_until_none_is_below_the_threshold():
    walk = chain_of_cliques(4)
    clique = torch.arange(4).repeat_interleave(5)
    assert torch.equal(rw.normalised_cut(walk, None, threshold=0.5), clique)
    assert torch.equal(rw.normalised_cut(walk, 4), clique)
    assert torch.equal(rw.normalised_cut(walk, 1), torch.zeros(20, dtype=torch.int64))
    assert torch.equal(rw.normalised_cut(walk, None, threshold=1e-4), torch.zeros(20, dtype=torch.int64))
    assert int(rw.normalised_cut(walk, None).max()) == 19


def chain_of_cliques(count, size=5):
    cliques = [rw.build.complete_graph(size)] * count
    inside = rw.Graph.batch(cliques).edges
    joints = torch.stack([torch.arange(1, count) * size - 1, torch.arange(1, count) * size])
    weight = torch.cat([torch.ones(inside.shape[1]), torch.full((count - 1,), 0.1)])
    return rw.walk(rw.Graph(torch.cat([inside, joints], 1), count * size), weight)


def test_components_come_apart_first_and_isolated_nodes_too():
    graph = rw.Graph(torch.tensor([[0, 2, 3], [1, 3, 4]]), num_nodes=6)
    walk = rw.walk(graph, torch.tensor([1.0, 1.0, 1e-3]))
    assert rw.normalised_cut(walk, 3).tolist() == [0, 0, 1, 1, 1, 2]
    assert rw.normalised_cut(walk, None, threshold=1e-6).tolist() == [0, 0, 1, 1, 1, 2]


def test_each_graph_of_a_batch_is_cut_by_itself():
    (first, a), (second, b) = two_clouds((5, 7), 3.0), two_clouds((6, 9), 3.0)
    batch = rw.walk(rw.Graph.batch([first.graph, second.graph]), torch.cat([first.weight, second.weight]))
    assert torch.equal(rw.normalised_cut(batch), torch.cat([a, b]))


@pytest.mark.parametrize("unit", [1e-30, 1e30])
def test_the_unit_of_weights_does_not_matter(unit):
    walk, group = two_clouds((5, 7), gap=3.0)
    scaled = rw.walk(walk.graph, (walk.weight * unit).float())
    assert torch.equal(rw.normalised_cut(scaled), group)
    torch.testing.assert_close(normalised_cut_cost(scaled, group), normalised_cut_cost(walk, group).float())


def test_scikit_learn_finds_no_better_cut():
    cluster = pytest.importorskip("sklearn.cluster")
    for seed in range(4):
        walk = random_walk(seed, 30)
        theirs = cluster.spectral_clustering(
            matrix_of(walk), n_clusters=2, assign_labels="discretize", random_state=0, eigen_solver="arpack"
        )
        assert normalised_cut_cost(walk, rw.normalised_cut(walk)) <= (1 + 1e-9) * normalised_cut_cost(
            walk, torch.from_numpy(theirs.astype(np.int64))
        )


def test_scikit_image_cuts_regions_at_the_same_places():
    graph = pytest.importorskip("skimage.graph")
    walk = chain_of_cliques(4)
    theirs = graph.RAG()
    theirs.add_nodes_from((node, {"labels": [node]}) for node in range(20))
    for tail, head, weight in zip(*walk.graph.edges.tolist(), walk.weight.tolist(), strict=True):
        theirs.add_edge(tail, head, weight=weight)
    found = graph.cut_normalized(np.arange(20)[None], theirs, thresh=0.5, num_cuts=100, rng=0, max_edge=0.0)
    ours = rw.normalised_cut(walk, None, threshold=0.5).numpy()
    assert len(np.unique(np.stack([found[0], ours]), axis=1).T) == len(np.unique(found)) == len(np.unique(ours))


def test_what_has_no_normalised_cut_is_refused():
    walk, _ = two_clouds()
    with pytest.raises(ValueError, match="must not kill"):
        rw.normalised_cut(rw.walk(walk.graph, walk.weight, 0.1))
    with pytest.raises(ValueError, match="undirected"):
        rw.normalised_cut(rw.attention_walk(torch.full((3, 3), 1 / 3), directed=True))
