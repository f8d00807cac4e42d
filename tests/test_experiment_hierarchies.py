"""Nested segmentations of the experiment on diffusion distances: what is counted is what the library defines."""

import torch
from torch import Tensor

import graphrw as rw
from experiments.ndd.hierarchies import Hierarchy, at_pixels, by_cuts, coverings, score
from graphrw.metrics.covering import annotator_coverings

LEVELS = torch.tensor([[0, 0, 0, 1], [0, 0, 1, 2], [0, 1, 2, 3]])
COUNTS = (2, 3, 4)


def pieces(seed: int, count: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(count, (5, 6), generator=generator).repeat_interleave(2, 0).repeat_interleave(2, 1)


def test_coverings_of_all_levels_are_those_of_the_library() -> None:
    finest, people = pieces(0, 4), torch.stack([pieces(1, 3), pieces(2, 5)])
    found = coverings(Hierarchy(finest, LEVELS), people)
    wanted = [annotator_coverings(level[finest], people) for level in LEVELS]
    torch.testing.assert_close(found, torch.tensor(wanted, dtype=torch.float64))


def test_one_reading_takes_the_best_level_and_the_other_as_many_segments_as_were_drawn() -> None:
    people = torch.tensor([[0, 0, 1, 1], [0, 1, 2, 3]])  # two segments, and four
    found = score(torch.tensor([[0.2, 0.5], [0.9, 0.1], [0.3, 0.6]], dtype=torch.float64), COUNTS, people)
    assert (found.best_max, found.best_mean) == (0.9, 0.5)
    assert found.human_max == 0.6
    assert abs(found.human_mean - (0.2 + 0.6) / 2) < 1e-12


def test_cuts_one_after_the_other_are_normalised_cuts_of_each_number() -> None:
    generator = torch.Generator().manual_seed(0)
    graph = rw.grid_graph((5, 6))
    walk = rw.walk(graph, 0.1 + torch.rand(graph.num_edges, generator=generator, dtype=torch.float64))
    for level, count in zip(by_cuts(walk, COUNTS), COUNTS, strict=True):
        wanted = rw.normalised_cut(walk, count)
        assert torch.equal(level[:, None] == level, wanted[:, None] == wanted)


def test_segments_of_pixels_are_nested_as_those_of_cells_are() -> None:
    cells = torch.tensor([[0, 0, 1, 1], [0, 1, 2, 2]])
    found = at_pixels(cells, (2, 8), lambda values: values.view(1, -1, 1, 4))
    assert found.finest.tolist() == [[0, 0, 1, 1, 2, 2, 2, 2]] * 2
    assert found.levels.tolist() == [[0, 0, 1], [0, 1, 2]]
