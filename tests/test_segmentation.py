"""`random_walker` against scikit-image's brute force, and what must hold whatever the image."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from brute_force import Array, brute_force, close, markers, noise, reference
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from graphrw import hitting_probabilities, random_walker, record_solves, solvers, walk
from graphrw.build import grid_graph

SHAPES = {"image": (9, 11), "volume": (5, 6, 7), "row": (1, 12), "slice": (1, 6, 7)}


every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))


# --- parity with scikit-image ---------------------------------------------------------------------------------------


@every_shape
@pytest.mark.parametrize("beta", [0, 10.0, 130])
def test_probabilities_are_those_of_brute_force(shape: tuple[int, ...], beta: float) -> None:
    image, labels = noise(*shape), markers(shape)
    ours = random_walker(image, labels, beta, return_full_prob=True)
    close(ours, brute_force(image, labels, beta=beta))
    assert ours.dtype == np.float64
    assert ours.shape == (3, *shape)


@every_shape
@pytest.mark.parametrize("channel_axis", [-1, 0, 1])
def test_channels_may_lie_along_any_axis(shape: tuple[int, ...], channel_axis: int) -> None:
    image, labels = noise(*shape, 3), markers(shape)
    expected = brute_force(image, labels, channel_axis=-1)
    moved = np.moveaxis(image, -1, channel_axis)
    close(random_walker(moved, labels, return_full_prob=True, channel_axis=channel_axis), expected)


@pytest.mark.parametrize(("shape", "spacing"), [((9, 11), (1.0, 3.0)), ((5, 6, 7), (2.5, 0.5, 1.0))])
@pytest.mark.parametrize("channels", [None, 2])
def test_spacing_is_that_of_brute_force(
    shape: tuple[int, ...], spacing: tuple[float, ...], channels: int | None
) -> None:
    image, labels = noise(*shape, *((channels,) if channels else ())), markers(shape)
    axis = -1 if channels else None
    ours = random_walker(image, labels, return_full_prob=True, spacing=spacing, channel_axis=axis)
    close(ours, brute_force(image, labels, spacing=spacing, channel_axis=axis))


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_floats_from_0_to_255_are_solved_however_large_the_contrast(kind: str) -> None:
    image: Array = (255 * noise(12, 14)).astype(kind)
    labels = markers(image.shape)
    with pytest.warns(UserWarning, match=rf"is {kind} and uses .* to 25.*noise is an edge, too.*`data_range=25"):
        ours = random_walker(image, labels, return_full_prob=True)
    close(ours, brute_force(image, labels), 1e-5)  # scikit-image's sums are off by up to 1e-6 here
    close(ours.sum(0), 1, 1e-9 if kind == "float64" else 1e-6)


@pytest.mark.parametrize("outside", [-1, -7])
def test_no_walker_enters_what_is_outside(outside: int) -> None:
    image, labels = noise(9, 11), markers((9, 11))
    labels[4, 1:] = np.where(labels[4, 1:] > 0, labels[4, 1:], outside)
    ours = random_walker(image, labels, return_full_prob=True)
    close(ours, brute_force(image, labels))
    assert (ours[:, labels < 0] == 0).all()
    np.testing.assert_array_equal(random_walker(image, labels)[labels < 0], outside)


def test_a_noisy_image_is_right_where_conjugate_gradients_at_their_default_are_wrong() -> None:
    side = np.arange(128) // 64
    image: Array = 2 * side[:, None] + side + 0.5 * np.random.default_rng(0).standard_normal((128, 128))
    labels: Array = np.zeros(image.shape, np.int32)
    for label, (row, column) in enumerate([(20, 20), (20, 100), (100, 20), (100, 100)], start=1):
        labels[row : row + 4, column : column + 4] = label
    ours, expected = random_walker(image, labels, beta=130, return_full_prob=True), brute_force(image, labels)
    with threadpool_limits(1):
        default = reference(image, labels, return_full_prob=True, prob_tol=np.inf)
    assert abs(default.sum(0) - 1).max() > 0.5  # this is an image that asks for care
    assert (default.argmax(0) != expected.argmax(0)).any()
    close(ours.sum(0), 1, 1e-9)
    close(ours, expected, 1e-9)
    np.testing.assert_array_equal(ours.argmax(0), expected.argmax(0))


# --- labels ---------------------------------------------------------------------------------------------------------


@every_shape
def test_labels_are_the_likeliest_and_ids_survive(shape: tuple[int, ...]) -> None:
    image, labels = noise(*shape), markers(shape, (3, 7, 40))
    probability = random_walker(image, labels, return_full_prob=True)
    np.testing.assert_array_equal(random_walker(image, labels), np.array([3, 7, 40])[probability.argmax(0)])


def test_renaming_labels_permutes_the_answer() -> None:
    image, labels = noise(9, 11), markers((9, 11), (1, 2, 3))
    names: Array = np.array([0, 90, 5, 20])
    renamed: Array = names[labels]
    close(
        random_walker(image, renamed, return_full_prob=True),
        random_walker(image, labels, return_full_prob=True)[[1, 2, 0]],
    )
    np.testing.assert_array_equal(random_walker(image, renamed), names[random_walker(image, labels)])


def test_pixels_that_no_seed_reaches_are_minus_one_with_a_warning() -> None:
    labels = markers((9, 11), (4, 6))
    labels[:3, :3] = [[0, 0, -2], [0, 0, -2], [-2, -2, -2]]
    with pytest.warns(UserWarning, match="4 unlabelled pixels are reached by no seed; they are labelled −1"):
        answer = random_walker(noise(9, 11), labels)
    np.testing.assert_array_equal(answer[:3, :3], [[-1, -1, -2], [-1, -1, -2], [-2, -2, -2]])
    assert set(np.unique(answer[3:])) == {4, 6}
    with pytest.warns(UserWarning, match="4 unlabelled") as caught:
        probability = random_walker(noise(9, 11), labels, return_full_prob=True)
    assert (probability[:, :3, :3] == 0).all()
    assert caught[0].filename == __file__
    close(probability.sum(0)[3:], 1)


def test_a_fully_labelled_image_comes_back() -> None:
    labels = np.tile([2, 5, 5], (4, 1))
    with pytest.warns(UserWarning, match="nothing is left to label"):
        found = random_walker(noise(4, 3), labels)
    with pytest.warns(UserWarning, match="nothing is left to label"):
        probability = random_walker(noise(4, 3), labels, return_full_prob=True)
    np.testing.assert_array_equal(found, labels)
    np.testing.assert_array_equal(probability, [labels == 2, labels == 5])


# --- properties -----------------------------------------------------------------------------------------------------


def test_a_flipped_or_turned_image_has_the_flipped_or_turned_answer() -> None:
    image, labels = noise(9, 11), markers((9, 11))
    answer = random_walker(image, labels, return_full_prob=True)
    turns: list[Callable[[Array], Array]] = [np.fliplr, np.flipud, np.transpose]
    for turn in turns:
        turned = random_walker(turn(image).copy(), turn(labels).copy(), return_full_prob=True)
        close(turned, [turn(plane) for plane in answer])


@pytest.mark.parametrize("seed", range(3))
def test_the_maximum_principle_holds_on_random_images(seed: int) -> None:
    image, labels = noise(9, 11, seed=seed), markers((9, 11), seed=seed)
    answer = random_walker(image, labels, return_full_prob=True)
    assert answer.min() >= 0
    assert answer.max() <= 1 + 1e-12
    padded = np.pad(answer, ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = np.stack([padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], padded[:, 1:-1, :-2], padded[:, 1:-1, 2:]])
    free = labels == 0
    assert (answer <= around.max(0) + 1e-12)[:, free].all()
    assert (answer >= around.min(0) - 1e-12)[:, free].all()


def test_on_a_constant_image_the_walk_is_uniform() -> None:
    labels = markers((6, 7), (1, 2))
    graph = grid_graph((6, 7))
    plain = walk(graph, torch.ones(graph.num_edges, dtype=torch.float64))
    expected = hitting_probabilities(plain, torch.from_numpy(labels).flatten() - 1)
    for value in (0.0, 0.7):
        ours = random_walker(np.full((6, 7), value), labels, return_full_prob=True)
        close(ours, expected.T.reshape(2, 6, 7))


@pytest.mark.parametrize("mode", [None, "bf", "cg", "cg_j", "cg_mg"])
def test_every_mode_of_scikit_image_gives_the_same_answer(mode: str | None) -> None:
    image, labels = noise(8, 9), markers((8, 9))
    ours = random_walker(image, labels, 10, mode, return_full_prob=True, tol=1e-3)
    close(ours, brute_force(image, labels, beta=10), 1e-7)


def test_no_mode_is_wrong_where_contrast_is_high() -> None:
    image, labels = 5 * noise(12, 14), np.zeros((12, 14), np.int64)
    labels[2, 2], labels[9, 10] = 3, 7
    ours = random_walker(image, labels, mode="cg_j", return_full_prob=True)
    close(ours, random_walker(image, labels, return_full_prob=True), 1e-6)


def test_a_solver_takes_precedence_over_the_mode() -> None:
    image, labels = noise(8, 9), markers((8, 9))
    with record_solves() as reports:
        random_walker(image, labels, mode="cg", solver=solvers.SuperLU())
    assert [report.solver for report in reports] == [solvers.SuperLU()]


def test_probabilities_outside_the_tolerance_are_warned_of() -> None:
    with pytest.warns(UserWarning, match=r"leave \[0, 1\], or their sum leaves 1, by .* use a direct solver"):
        random_walker(noise(8, 9), markers((8, 9)), prob_tol=0.0, solver=solvers.CG(rtol=1e-2))
