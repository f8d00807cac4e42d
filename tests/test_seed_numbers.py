"""Seeds in another convention or with ids for labels, and first arguments of another type."""

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import graphrw as rw
from graphrw.functional import (
    boundary_probabilities,
    class_mass_normalize,
    hitting_probabilities,
    poisson_labels,
    renumber_labels,
    restore_labels,
    unrolled_diffusion_map,
)
from graphrw.models import RAWKS, LearnedRandomWalker
from graphrw.nn import BoundaryLabels, HarmonicLabels

LINE = rw.grid_graph((10,))
WALK = rw.walk(LINE, torch.ones(9, dtype=torch.float64))

# --- scikit-image's convention --------------------------------------------------------------------------------------


def marks() -> Tensor:
    """Two seeds as scikit-image has them: 0 where there is none."""
    labels = torch.zeros(1, 8, 8, dtype=torch.int64)
    labels[0, 2, 2], labels[0, 5, 5] = 1, 2
    return labels


CALLS: dict[str, Callable[[Tensor], Tensor]] = {
    "hitting_probabilities": lambda seeds: hitting_probabilities(
        rw.walk(rw.grid_graph((8, 8)), torch.ones(112)), seeds.flatten()
    ),
    "boundary_probabilities": lambda seeds: boundary_probabilities(
        rw.grid_graph((8, 8)), torch.ones(64), seeds.flatten()
    ),
    "poisson_labels": lambda seeds: poisson_labels(rw.walk(rw.grid_graph((8, 8)), torch.ones(112)), seeds.flatten()),
    "HarmonicLabels": lambda seeds: HarmonicLabels()(torch.ones(1, 2, 8, 8), seeds),
    "BoundaryLabels": lambda seeds: BoundaryLabels()(torch.ones(1, 1, 8, 8), seeds),
    "LearnedRandomWalker": lambda seeds: LearnedRandomWalker(1, 8)(torch.rand(1, 1, 8, 8), seeds),
    "RAWKS": lambda seeds: RAWKS(1, 3, 8).propagate(torch.rand(1, 1, 8, 8), seeds),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
def test_a_warning_names_both_conventions_where_all_nodes_are_seeds(call: Callable[[Tensor], Tensor]) -> None:
    with pytest.warns(UserWarning, match=r"Here −1 marks .*, for scikit-image 0 does: .*renumber_labels\(labels, unl"):
        call(marks())
    call(renumber_labels(marks(), unlabelled=0)[0])  # and none after the advice, nor an error


def test_the_converter_of_the_warning_gives_what_random_walker_gives() -> None:
    image = np.random.default_rng(0).random((8, 8))
    labels = 3 * marks()[0].numpy()  # 0, 3 and 6
    weight = rw.gaussian_affinity(rw.grid_graph((8, 8)), torch.tensor(image.reshape(-1)), 5.0)
    seeds, ids = renumber_labels(labels, unlabelled=0)
    answer = hitting_probabilities(rw.walk(rw.grid_graph((8, 8)), weight), seeds.flatten())
    assert ids.tolist() == [3, 6]
    assert set(ids[answer.argmax(1)].tolist()) == {3, 6}
    assert ids[answer.argmax(1)].reshape(8, 8)[2, 2] == 3


def test_seeds_of_a_part_of_the_nodes_pass_in_silence() -> None:
    hitting_probabilities(WALK, torch.tensor([0, 0, 0, 0, 0, 0, 0, 0, 0, -1]))


# --- numbers of labels ----------------------------------------------------------------------------------------------

BIG = 2**63 + 5


@pytest.mark.parametrize("shape", [(6,), (2, 3), (1, 2, 3)])
@pytest.mark.parametrize(
    "kind", [torch.int64, torch.int32, torch.float32, "<i8", ">i4", "u2", "u8", "f8"], ids=lambda kind: str(kind)
)
def test_labels_come_back_as_they_were(shape: tuple[int, ...], kind: torch.dtype | str) -> None:
    values = [0, 70, 3, 0, 3, 10_000]
    labels = (
        torch.tensor(values, dtype=kind).reshape(shape)
        if isinstance(kind, torch.dtype)
        else np.array(values, dtype=kind).reshape(shape)
    )
    seeds, ids = renumber_labels(labels, unlabelled=0)
    assert seeds.shape == shape
    assert seeds.flatten().tolist() == [-1, 1, 0, -1, 0, 2]
    assert ids.tolist() == [3, 70, 10_000]
    assert restore_labels(seeds, ids, unlabelled=0).flatten().tolist() == values


def test_ids_of_any_size_in_our_convention() -> None:
    seeds, ids = renumber_labels(torch.tensor([-1, 10**12, 0, -1, 10**7]))
    assert (seeds.tolist(), ids.tolist()) == ([-1, 2, 0, -1, 1], [0, 10**7, 10**12])
    assert restore_labels(seeds, ids).tolist() == [-1, 10**12, 0, -1, 10**7]
    empty, none = renumber_labels(torch.full((3,), -1))
    assert (empty.tolist(), none.tolist()) == ([-1] * 3, [])
    assert restore_labels(empty, none).tolist() == [-1] * 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: renumber_labels(np.array([1, BIG], dtype=np.uint64)),
            "`labels` holds 9223372036854775813, which is more than int64 does",
        ),
        (lambda: renumber_labels(torch.tensor([0.0, 1.5])), "`labels` must be whole numbers; got 1.5"),
        (lambda: renumber_labels(torch.tensor([0.0, torch.nan])), "`labels` must be whole numbers; got nan"),
        (lambda: renumber_labels(torch.tensor([True, False])), "`labels` must be whole numbers; got torch.bool"),
        (lambda: renumber_labels([0, 1]), "`labels` must be whole numbers, of torch or NumPy; got list. Make a tensor"),
        (
            lambda: renumber_labels(torch.tensor([0, -1]), unlabelled=0),
            "`labels` must be ≥ 0, or 0 where there is none (`unlabelled`); got -1. Pixels that scikit-image",
        ),
        (lambda: renumber_labels(torch.tensor([0, -2])), "or -1 where there is none (`unlabelled`); got -2."),
        (
            lambda: restore_labels(torch.tensor([0, 2]), torch.tensor([5, 7])),
            "`seeds` must run from −1 to 1, the last of the ids; got 2",
        ),
        (lambda: restore_labels(torch.tensor([-2]), torch.tensor([5])), "`seeds` must run from −1 to 0, .*; got -2"),
    ],
)
def test_what_are_no_labels_is_refused(call: Callable[[], object], message: str) -> None:
    pattern = message if ".*" in message else re.escape(message)
    with pytest.raises(ValueError, match=pattern):
        call()


LABELLERS: dict[str, Callable[[Tensor], Tensor]] = {
    "hitting_probabilities": lambda seeds: hitting_probabilities(WALK, seeds),
    "poisson_labels": lambda seeds: poisson_labels(WALK, seeds),
    "boundary_probabilities": lambda seeds: boundary_probabilities(LINE, torch.zeros(10), seeds),
    "HarmonicLabels": lambda seeds: HarmonicLabels()(LINE, torch.ones(9), seeds),
}


@pytest.mark.parametrize("largest", [20_000, 10**7, 10**12])
@pytest.mark.parametrize("call", LABELLERS.values(), ids=list(LABELLERS))
def test_ids_for_labels_are_refused_by_naming_the_largest_and_renumbered_as_it_says(
    call: Callable[[Tensor], Tensor], largest: int
) -> None:
    seeds = torch.full((10,), -1)
    seeds[0], seeds[9] = 0, largest
    with pytest.raises(
        ValueError, match=rf"holds label {largest}, but only 2 different .* take [\d.,]+ GB.*renumber_l"
    ):
        call(seeds)
    numbered, ids = renumber_labels(seeds)
    answer = call(numbered)
    assert ids[answer.argmax(1)].tolist() == [0] * 5 + [largest] * 5


def test_labels_that_leave_few_columns_empty_and_columns_that_are_asked_for_are_taken() -> None:
    seeds = torch.full((10,), -1)
    seeds[0], seeds[9] = 0, 9_000
    assert hitting_probabilities(WALK, seeds).shape == (10, 9_001)
    seeds[9] = 20_000
    assert hitting_probabilities(WALK, seeds, 20_001).shape == (10, 20_001)
    with pytest.raises(ValueError, match=r"`num_labels` = 1000000000000 labels of 10 nodes would take 80,000\.0 GB"):
        hitting_probabilities(WALK, seeds, 10**12)


# --- first arguments of another type --------------------------------------------------------------------------------

SEEDS = torch.tensor([0, -1, -1, -1, -1, -1, -1, -1, -1, 1])


def test_arrays_of_numpy_are_taken_for_seeds_weights_priors_and_nodes() -> None:
    ones = np.ones(9)
    walk, prior = rw.walk(LINE, ones), np.array([0.5, 0.5])
    seeds = SEEDS.numpy()
    expected = hitting_probabilities(WALK, SEEDS)
    torch.testing.assert_close(hitting_probabilities(walk, seeds), expected)
    torch.testing.assert_close(boundary_probabilities(LINE, torch.zeros(10).double(), seeds), expected)
    torch.testing.assert_close(poisson_labels(walk, seeds, prior=prior), poisson_labels(WALK, SEEDS))
    masses = class_mass_normalize(expected.numpy(), seeds, prior)
    torch.testing.assert_close(masses, class_mass_normalize(expected, SEEDS))
    pairs = np.array([[0, 3]])
    distance = rw.diffusion_distance(walk, 1.0, 4, pairs)
    torch.testing.assert_close(distance, rw.diffusion_distance(WALK, 1.0, 4)[0, 3:4])
    torch.testing.assert_close(rw.diffusion_distance(walk, 1.0, 4, rows=np.array([0]))[:, 3], distance)


WRONG: tuple[object, ...] = (None, {0: 0}, "seeds", [0, -1], object())
WALKERS: dict[str, Callable[[object], object]] = {
    "hitting_probabilities": lambda walk: hitting_probabilities(walk, SEEDS),  # type: ignore[arg-type]
    "poisson_labels": lambda walk: poisson_labels(walk, SEEDS),  # type: ignore[arg-type]
    "diffusion_map": lambda walk: rw.diffusion_map(walk, 1.0, 2),  # type: ignore[arg-type]
    "diffusion_distance": lambda walk: rw.diffusion_distance(walk, 1.0, 2),  # type: ignore[arg-type]
    "unrolled_diffusion_map": lambda walk: unrolled_diffusion_map(walk, 1.0, 2),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("wrong", [*WRONG, LINE, np.ones(9)], ids=lambda wrong: type(wrong).__name__)
@pytest.mark.parametrize("call", WALKERS.values(), ids=list(WALKERS))
def test_what_is_no_walk_is_refused_by_its_type(call: Callable[[object], object], wrong: object) -> None:
    with pytest.raises(ValueError, match=rf"`walk` must be a `Walk`, as .* makes it; got {type(wrong).__name__}\."):
        call(wrong)


SEEDED: dict[str, Callable[[object], object]] = {
    "hitting_probabilities": lambda seeds: hitting_probabilities(WALK, seeds),  # type: ignore[arg-type]
    "poisson_labels": lambda seeds: poisson_labels(WALK, seeds),  # type: ignore[arg-type]
    "boundary_probabilities": lambda seeds: boundary_probabilities(LINE, torch.zeros(10), seeds),  # type: ignore[arg-type]
    "class_mass_normalize": lambda seeds: class_mass_normalize(torch.ones(10, 2), seeds),  # type: ignore[arg-type]
    "HarmonicLabels": lambda seeds: HarmonicLabels()(LINE, torch.ones(9), seeds),
    "BoundaryLabels": lambda seeds: BoundaryLabels()(LINE, torch.zeros(10), seeds),
}


@pytest.mark.parametrize("wrong", WRONG[1:], ids=lambda wrong: type(wrong).__name__)
@pytest.mark.parametrize("call", SEEDED.values(), ids=list(SEEDED))
def test_what_are_no_seeds_is_refused_by_its_type(call: Callable[[object], object], wrong: object) -> None:
    cure = r"\. Make a tensor of it" if isinstance(wrong, list) else ""
    with pytest.raises(
        ValueError, match=rf"`seeds` must be .*int64.*, of torch or NumPy; got {type(wrong).__name__}.*{cure}"
    ):
        call(wrong)


@pytest.mark.parametrize("layer", [HarmonicLabels(), BoundaryLabels()], ids=["harmonic", "boundary"])
def test_seeds_that_are_left_out_are_missed(layer: nn.Module) -> None:
    with pytest.raises(ValueError, match="needs `seeds`, int64 labels and −1 where there is none; got none"):
        layer(LINE, torch.ones(9))


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: type(wrong).__name__)
def test_a_walk_of_no_graph_or_weights_is_refused_by_its_type(wrong: object) -> None:
    with pytest.raises(ValueError, match=rf"`graph` must be a `Graph`; got {type(wrong).__name__}\."):
        rw.walk(wrong, torch.ones(9))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=rf"`weight` must be .* float32 or float64, of .*; got {type(wrong).__name__}"):
        rw.walk(LINE, wrong)  # type: ignore[arg-type]
