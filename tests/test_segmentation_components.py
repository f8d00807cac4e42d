"""`random_walker` where pixels are left out: it solves what is contested, and nothing else."""

import warnings

import numpy as np
import pytest
import torch
from brute_force import Array, close, noise
from torch.utils._python_dispatch import TorchDispatchMode

from graphrw import random_walker, record_solves
from graphrw.build import gaussian_affinity, grid_graph

SHAPES = {"image": (14, 17), "volume": (6, 7, 8)}
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))


def islands(shape: tuple[int, ...], seed: int = 0, active: float = 0.55) -> Array:
    """Labels with many pixels left out, so that the rest falls apart; ids that are no numbers of columns."""
    draw = np.random.default_rng(seed)
    labels = draw.choice([0, 3, 7, 8, 40], size=shape, p=[0.8, 0.05, 0.05, 0.05, 0.05])
    return np.where(draw.random(shape) < active, labels, -1)


def by_dense_algebra(image: Array, labels: Array, beta: float) -> Array:
    """(L, *spatial), from the Laplacian of all pixels written out, one column for each label."""
    graph, flat = grid_graph(image.shape), labels.reshape(-1)
    scaled = beta / (10 * image.std())
    weight = (gaussian_affinity(graph, torch.from_numpy(image.reshape(-1)), scaled) + 1e-10).numpy()
    tail, head = graph.edges.numpy()
    matrix = np.zeros((flat.size, flat.size))
    matrix[tail, head] = matrix[head, tail] = np.where((flat[tail] < 0) | (flat[head] < 0), 0, weight)
    ends = (flat[:, None] == np.unique(flat[flat > 0])).astype(float)
    # Where walkers come: everywhere that a power of the matrix leads to from a seed.
    joined = np.linalg.matrix_power((matrix > 0) + np.eye(flat.size), 64) > 0
    free = np.flatnonzero((flat == 0) & (joined[:, flat > 0]).any(1))
    laplacian = np.diag(matrix.sum(1)) - matrix
    ends[free] = np.linalg.solve(laplacian[np.ix_(free, free)], matrix[free] @ ends)
    return ends.T.reshape(-1, *image.shape)


def quiet_walker(*args: object, **keywords: object) -> Array:
    """Without the warning of pixels that no seed reaches, which random islands leave."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* reached by no seed")
        return random_walker(*args, **keywords)  # type: ignore[call-overload, no-any-return]


@every_shape
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("active", [0.4, 0.7, 0.95])
def test_probabilities_on_islands_are_those_of_all_pixels_together(
    shape: tuple[int, ...], seed: int, active: float
) -> None:
    image, labels = noise(*shape), islands(shape, seed, active)
    expected = by_dense_algebra(image, labels, 30)
    probability = quiet_walker(image, labels, 30, return_full_prob=True)
    close(probability, expected)
    answer = quiet_walker(image, labels, 30)
    reached = expected.sum(0) > 0.5
    np.testing.assert_array_equal(answer[reached], np.array([3, 7, 8, 40])[probability.argmax(0)][reached])
    np.testing.assert_array_equal(answer[~reached], -1)


def test_spacing_and_channels_hold_on_islands_too() -> None:
    labels, image = islands((14, 17)), noise(14, 17, 2)
    whole = quiet_walker(image, labels, spacing=(1.0, 2.5), channel_axis=-1, return_full_prob=True)
    image, labels = np.transpose(image, (2, 1, 0)), labels.T
    turned = quiet_walker(image, labels, spacing=(2.5, 1.0), channel_axis=0, return_full_prob=True)
    close(whole, np.transpose(turned, (0, 2, 1)))


def test_a_solve_has_as_many_columns_as_the_most_labels_of_any_island_and_holds_their_pixels_alone() -> None:
    labels = np.full((9, 20), -1)
    labels[:4, :6] = 0
    labels[0, 0], labels[3, 5], labels[3, 0] = 5, 9, 900  # three labels on 24 pixels
    labels[5:, :6] = 0
    labels[5, 0], labels[8, 5] = 77, 6  # two others on as many
    labels[:, 8:12] = 0
    labels[0, 8] = 12  # one
    labels[:2, 14:16] = 4  # nothing to be solved
    labels[4:6, 14:16] = [[4, 5], [5, 9]]
    with record_solves() as reports:
        answer = random_walker(noise(9, 20), labels)
    assert [(report.num_nodes, report.num_columns) for report in reports] == [(48, 3)]
    assert (answer[:, 8:12] == 12).all()
    assert set(answer[:4, :6].ravel()) <= {5, 9, 900}
    assert set(answer[5:, :6].ravel()) <= {77, 6}
    assert (answer[:, 12:][labels[:, 12:] > 0] == labels[:, 12:][labels[:, 12:] > 0]).all()


def test_where_every_island_has_one_label_nothing_is_solved() -> None:
    labels = np.full((9, 20), -1)
    labels[:, :6], labels[:, 8:] = 0, 0
    labels[4, 3], labels[4, 12] = 31, 2
    with record_solves() as reports:
        answer, probability = (random_walker(noise(9, 20), labels, return_full_prob=full) for full in (False, True))
    assert reports == []
    np.testing.assert_array_equal(answer, np.where(labels < 0, -1, np.where(np.arange(20) < 6, 31, 2)))
    np.testing.assert_array_equal(probability, [answer == 2, answer == 31])


def test_an_image_of_seeds_and_pixels_left_out_comes_back() -> None:
    labels = np.array([[-3, 2, 5], [5, -1, 2]])
    with pytest.warns(UserWarning, match="negative ones are outside"):
        found = random_walker(noise(2, 3), labels)
    with pytest.warns(UserWarning, match="negative ones are outside"):
        probability = random_walker(noise(2, 3), labels, return_full_prob=True)
    np.testing.assert_array_equal(found, labels)
    np.testing.assert_array_equal(probability, [labels == 2, labels == 5])


def test_the_gradient_through_shared_columns_is_that_of_finite_differences() -> None:
    labels = np.array([[1, 0, 2, -1, 0, 0], [0, 3, 0, -1, 7, 1], [-1, -1, -1, -1, 0, 0], [0, 1, 0, 0, -1, 0]])
    image, seeds = torch.from_numpy(noise(4, 6)).requires_grad_(), torch.from_numpy(labels)

    def probability(image: torch.Tensor) -> torch.Tensor:
        return random_walker(image, seeds, 5, return_full_prob=True)

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* reached by no seed")
        assert torch.autograd.gradcheck(probability, image)
        assert torch.autograd.gradgradcheck(probability, image)


class Largest(TorchDispatchMode):
    """The most numbers that any tensor made inside holds."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        out = func(*args, **(kwargs or {}))
        for made in out if isinstance(out, tuple | list) else [out]:
            dense = isinstance(made, torch.Tensor) and made.layout == torch.strided
            self.numbers = max(self.numbers, made.numel() if dense else 0)
        return out


def test_labels_of_many_islands_take_no_column_for_each_of_them() -> None:
    side = np.arange(200)
    inside = (side[:, None] % 5 < 4) & (side % 5 < 4)  # 1600 islands of 16 pixels …
    seeds = inside & (side[:, None] % 5 % 3 == 0) & (side[:, None] % 5 == side % 5)  # … with two labels each
    labels: Array = np.where(inside, 0, -1)
    labels[seeds] = 1 + np.arange(seeds.sum())
    assert labels.max() == 3200
    with Largest() as largest:
        answer = random_walker(noise(200, 200), labels)
    assert largest.numbers < 8 * labels.size
    assert (answer[inside] > 0).all()
    assert len(np.unique(answer[inside])) == 3200
