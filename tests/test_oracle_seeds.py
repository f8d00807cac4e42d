"""`oracle_seeds` against a search of all pixels."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from graphrw.partition import oracle_seeds

SHAPES = {"line": (9,), "image": (9, 11), "volume": (4, 5, 6)}
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))


def partition(shape: tuple[int, ...], num_segments: int = 4, seed: int = 0) -> Tensor:
    """Each pixel in the segment of the nearest of some random points."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.cartesian_prod(*(torch.arange(size) for size in shape)).reshape(-1, len(shape)).double()
    points = pixels[torch.randperm(len(pixels), generator=generator)[:num_segments]]
    return torch.cdist(pixels, points).argmin(1).reshape(shape)


def clearance(segments: Tensor, pixel: tuple[int, ...]) -> float:
    """The distance of `pixel` to the nearest pixel of another segment or beyond the border, by trying them all."""
    around = itertools.product(*(range(-1, size + 1) for size in segments.shape))
    return min(math.dist(pixel, other) for other in around if not _together(segments, pixel, other))


def _together(segments: Tensor, pixel: tuple[int, ...], other: tuple[int, ...]) -> bool:
    inside = all(0 <= place < size for place, size in zip(other, segments.shape, strict=True))
    return inside and bool(segments[other] == segments[pixel])


@every_shape
def test_each_segment_gets_one_seed_at_its_pixel_farthest_from_the_boundary(shape: tuple[int, ...]) -> None:
    segments = partition(shape)
    seeds = oracle_seeds(segments)
    assert seeds.shape == segments.shape
    assert seeds.dtype == torch.int64
    assert sorted(seeds[seeds >= 0].tolist()) == segments.unique().tolist()
    for place in (seeds >= 0).nonzero().tolist():
        seed = tuple(place)
        assert int(segments[seed]) == int(seeds[seed])
        pixels = (segments == segments[seed]).nonzero().tolist()
        assert clearance(segments, seed) == max(clearance(segments, tuple(pixel)) for pixel in pixels)


@every_shape
def test_a_generator_draws_places_at_least_half_as_deep_as_the_deepest(shape: tuple[int, ...]) -> None:
    segments = partition(shape)
    deepest = {int(segments[place]): clearance(segments, place) for place in _places(oracle_seeds(segments))}
    draws = [oracle_seeds(segments, generator=torch.Generator().manual_seed(seed)) for seed in range(5)]
    for seeds in draws:
        assert sorted(seeds[seeds >= 0].tolist()) == sorted(deepest)
        for place in _places(seeds):
            assert clearance(segments, place) >= deepest[int(segments[place])] / 2
    assert any(not torch.equal(draws[0], other) for other in draws[1:])
    assert torch.equal(draws[0], oracle_seeds(segments, generator=torch.Generator().manual_seed(0)))


def _places(seeds: Tensor) -> list[tuple[int, ...]]:
    return [tuple(place) for place in (seeds >= 0).nonzero().tolist()]


def test_a_segment_in_pieces_is_seeded_in_its_widest() -> None:
    segments = torch.zeros(7, 12, dtype=torch.int64)
    segments[1:3, 1:3] = segments[1:6, 5:10] = 3
    assert (oracle_seeds(segments) == 3).nonzero().tolist() == [[3, 7]]


@pytest.mark.parametrize("ignore_index", [2, 0, -1, 255])
def test_what_is_ignored_gets_no_seed(ignore_index: int) -> None:
    segments = partition((9, 11))
    expected = oracle_seeds(segments)
    expected[expected == 2] = -1
    seeds = oracle_seeds(torch.where(segments == 2, ignore_index, segments), ignore_index)
    if ignore_index:
        torch.testing.assert_close(seeds, expected)
    assert not bool((seeds == ignore_index).any()) or ignore_index == -1


@pytest.mark.parametrize("kind", [torch.uint8, torch.int16, torch.int32, torch.uint16])
def test_ids_of_every_integer_type_are_read(kind: torch.dtype) -> None:
    segments = partition((9, 11))
    torch.testing.assert_close(oracle_seeds(segments.to(kind)), oracle_seeds(segments))


def test_segments_of_one_pixel_are_seeded_there() -> None:
    segments = torch.arange(6).reshape(2, 3)
    torch.testing.assert_close(oracle_seeds(segments), segments)


@pytest.mark.parametrize("value", [0.5, 1j])
def test_segments_that_are_not_integers_are_refused(value: complex) -> None:
    with pytest.raises(ValueError, match=r"`segments` must hold integers; got torch\.(float32|complex64)"):
        oracle_seeds(torch.tensor([[value]]))


def test_negative_ids_are_refused_unless_ignored() -> None:
    with pytest.raises(ValueError, match=r"`segments` must be ≥ 0 \(other than `ignore_index`\); got -3"):
        oracle_seeds(torch.tensor([[0, -3, -1]]), ignore_index=-1)
