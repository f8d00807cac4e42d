"""Counting what two partitions share: the same numbers by each route, whatever labels are called."""

from collections import Counter

import pytest
import torch
from torch import Tensor

from graphrw.core.distinct import distinct
from graphrw.metrics import segmentation_covering
from graphrw.metrics.overlap import count_overlap


def labels(high: int, seed: int, count: int = 500) -> Tensor:
    return torch.randint(high, (count,), generator=torch.Generator().manual_seed(seed))


CASES = {  # predicted and true labels, and the route that they take
    "close together: one table": (labels(7, 0), labels(5, 1)),
    "far apart: numbered first": (labels(7, 0) * 10**9 - 5, labels(5, 1) * 1001),
    "too many pairs: sorted": (labels(400, 0), labels(300, 1)),
    "negative": (labels(7, 0) - 4, labels(5, 1) - 100),
    "one segment": (labels(1, 0), labels(1, 1) + 3),
}


@pytest.mark.parametrize(("predicted", "truth"), CASES.values(), ids=list(CASES))
def test_every_pair_of_segments_is_counted_once_and_no_other(predicted: Tensor, truth: Tensor) -> None:
    overlap = count_overlap(predicted, truth)
    expected = Counter(zip(truth.tolist(), predicted.tolist(), strict=True))
    assert sorted(overlap.joint.tolist()) == sorted(expected.values())
    columns = torch.stack([overlap.truth[overlap.row], overlap.predicted[overlap.column], overlap.joint])
    in_truth, in_predicted = Counter(truth.tolist()), Counter(predicted.tolist())
    assert sorted(columns.T.tolist()) == sorted([in_truth[t], in_predicted[p], n] for (t, p), n in expected.items())
    assert int(overlap.truth.sum()) == int(overlap.predicted.sum()) == len(truth)


@pytest.mark.parametrize(("predicted", "truth"), CASES.values(), ids=list(CASES))
def test_the_covering_is_its_formula(predicted: Tensor, truth: Tensor) -> None:
    total = 0.0
    for segment in truth.unique():
        inside = truth == segment
        shares = [
            float((inside & (predicted == p)).sum() / (inside | (predicted == p)).sum()) for p in predicted.unique()
        ]
        total += float(inside.sum()) * max(shares)
    assert segmentation_covering(predicted, truth) == pytest.approx(total / len(truth), rel=1e-6)


@pytest.mark.parametrize("scale", [1, 10**12])
def test_distinct_values_are_those_of_unique(scale: int) -> None:
    values = (labels(9, 2) - 4).reshape(20, 25) * scale
    found, place = distinct(values)
    expected, inverse = values.unique(return_inverse=True)
    assert torch.equal(found, expected)
    assert torch.equal(place, inverse)
    assert torch.equal(found[place], values)
