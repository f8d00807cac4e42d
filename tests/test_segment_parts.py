"""The parts of `segment` that stand alone: unions of graphs, votes, short paths, colours, overlays."""

import builtins
from typing import Any

import numpy as np
import pytest
import torch

import graphrw as rw
from graphrw.build import region_votes, union
from graphrw.build.touching import touching
from graphrw.core import blocks
from graphrw.core.errors import MissingDependencyError
from graphrw.functional.shortest import shortest_distance
from graphrw.segmentation import overlay
from graphrw.segmentation.regions import superpixels
from graphrw.segmentation.regions.colour_model import WIDTH, colour_likelihoods

PATH = rw.Graph(torch.tensor([[0, 1, 2], [1, 2, 3]]), 4)
RING = rw.Graph(torch.tensor([[1, 3, 3], [0, 2, 0]]), 4)


def test_the_matrix_of_a_union_is_the_sum_of_the_matrices() -> None:
    first, second = torch.rand(3, dtype=torch.float64), torch.rand(3, dtype=torch.float64)
    total = rw.to_scipy(*union([(PATH, first), (RING, second)])).toarray()
    expected = rw.to_scipy(PATH, first).toarray() + rw.to_scipy(RING, second).toarray()
    np.testing.assert_allclose(total, expected)


def test_a_directed_union_keeps_both_ways_apart() -> None:
    one, back = (rw.Graph(torch.tensor(edge), 2, directed=True) for edge in ([[0], [1]], [[1], [0]]))
    graph, weight = union([(one, torch.tensor([1.0])), (back, torch.tensor([2.0])), (one, torch.tensor([4.0]))])
    assert graph.directed
    assert graph.edges.tolist() == [[0, 1], [1, 0]]
    assert weight.tolist() == [5, 2]


def test_gradients_reach_the_weights_of_every_graph_of_a_union() -> None:
    weights = [torch.rand(3, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(lambda a, b: union([(PATH, a), (RING, b)])[1], weights)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], "at least one; got"),
        ([(PATH, torch.ones(3)), (rw.Graph(torch.tensor([[0], [1]]), 2), torch.ones(1))], "on the same nodes"),
        ([(PATH, torch.ones(2))], r"a weight for each edge"),
        ([(PATH, torch.ones(3)), (RING, torch.ones(3).double())], r"all of one type"),
    ],
)
def test_graphs_that_do_not_fit_are_no_union(pairs: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        union(pairs)


def test_votes_count_the_pixels_of_each_label_in_each_region() -> None:
    labels = torch.randint(-1, 3, (20, 30), generator=torch.Generator().manual_seed(0))
    segments = torch.arange(20)[:, None] // 5 * 10 - torch.zeros(30, dtype=torch.int64)
    votes = region_votes(labels, segments, 3, ignore_index=10)
    for row, segment in enumerate((0, 20, 30)):
        assert votes[row].tolist() == [int((labels[segments == segment] == label).sum()) for label in range(3)]


def test_votes_for_labels_that_are_not_there_are_refused() -> None:
    with pytest.raises(ValueError, match="holds 2, but labels run from 0 to 1"):
        region_votes(torch.tensor([[2]]), torch.tensor([[0]]), 2)


def test_the_shortest_path_may_lead_round() -> None:
    length = torch.tensor([1.0, 10.0, 1.0, 1.0])
    ring = rw.Graph(torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]]), 4)
    distance = shortest_distance(ring, length, torch.tensor([-1, 0, -1, -1]), 2)
    assert distance[:, 0].tolist() == [1, 0, 3, 2]
    assert distance[:, 1].isinf().all()


def test_paths_in_directed_graphs_run_along_the_edges() -> None:
    one_way = rw.Graph(torch.tensor([[0, 1], [1, 2]]), 3, directed=True)
    distance = shortest_distance(one_way, torch.ones(2), torch.tensor([0, -1, 1]), 2)
    assert distance.tolist() == [[0, 2], [torch.inf, 1], [torch.inf, 0]]


@pytest.mark.parametrize("count", [1, 2, 7, 40])
def test_colours_of_any_number_are_modelled(count: int) -> None:
    strokes = torch.cat([torch.zeros(count, 3), 50 + torch.zeros(count, 3)])
    labels = torch.arange(2).repeat_interleave(count)
    likelihood = colour_likelihoods(torch.tensor([[1.0, 0, 0], [49.0, 50, 50]]), strokes, labels, 2)
    assert likelihood.argmax(1).tolist() == [0, 1]


def test_the_colour_model_is_the_mean_of_bells_about_the_strokes() -> None:
    generator = torch.Generator().manual_seed(0)
    asked, strokes = (100 * torch.rand(count, 3, generator=generator, dtype=torch.float64) for count in (6, 40))
    labels = torch.arange(40) % 2
    bells = (-(asked[:, None] - strokes).square().sum(2) / (2 * WIDTH**2)).exp()
    expected = torch.stack([bells[:, labels == label].mean(1).log() for label in range(2)], 1)
    torch.testing.assert_close(colour_likelihoods(asked, strokes, labels, 2), expected, rtol=1e-3, atol=1e-3)


def test_a_likelihood_so_small_that_its_bell_is_zero_still_tells_labels_apart() -> None:
    strokes = torch.tensor([[0.0], [1.0]])
    likelihood = colour_likelihoods(torch.tensor([[1000.0]]), strokes, torch.arange(2), 2)
    assert likelihood[0, 1] > likelihood[0, 0] > -torch.inf


@pytest.mark.parametrize("most", [1, 7, 1000])
def test_borders_are_as_long_however_many_slabs_they_are_counted_in(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    segments = torch.randint(-1, 9, (5, 6, 7), generator=torch.Generator().manual_seed(0))
    expected = touching(segments, 9, [1.0, 2.0, 3.0])
    monkeypatch.setattr(blocks, "SLAB", most)
    for found, wanted in zip(touching(segments, 9, [1.0, 2.0, 3.0]), expected, strict=True):
        torch.testing.assert_close(found, wanted)


def test_an_overlay_changes_only_what_has_a_label() -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    labels = np.zeros((5, 6), dtype=int)
    labels[2], labels[3] = 4, -1
    shown = overlay(image, labels, channel_axis=-1)
    np.testing.assert_array_equal(np.delete(shown, 2, 0), np.delete(image, 2, 0))
    assert (overlay(image, labels, channel_axis=-1, alpha=1.0)[2] == shown[2, 0] * 2 - image[2, 0]).mean() > 0.3
    np.testing.assert_array_equal(
        overlay(torch.from_numpy(np.moveaxis(image, -1, 0)), torch.from_numpy(labels), channel_axis=0), shown
    )


def test_without_scikit_image_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("skimage"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    superpixels._scikit_image.cache_clear()
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MissingDependencyError, match=r"pip install graphrw\[image\]"):
        rw.segment(np.zeros((5, 5)), np.eye(5, dtype=int))
