"""How well predicted labels agree with the truth."""

import torch

from bad_calls.calls import call
from bad_calls.kinds import instance, number, whole, wholes
from bad_calls.things import SEGMENTS
from graphrw import metrics

PREDICTED = torch.tensor([[0, 0, 1], [0, 1, 1]])
IGNORED = {"ignore_index": whole(None)}
PARTITIONS = {
    "predicted": wholes(PREDICTED).without("dtype: bool"),
    "truth": wholes(SEGMENTS).without("dtype: bool"),
    **IGNORED,
    "boundary_tolerance": number(0.0, -1.0),
}
ONE = wholes(PREDICTED).without("dtype: bool").called("truth")
TRUTH = wholes(SEGMENTS).without("dtype: bool", "shape: an axis more").also({"empty: no annotator": []})
COVERED = {"predicted": ONE, "truth": TRUTH, **IGNORED}
TOLERANCE = number(0.0075, -1.0)
LEVELS = [torch.stack([PREDICTED, SEGMENTS])]
IMAGES = {"empty": [], "shape: two": [*LEVELS, *LEVELS], "None: inside": [None]}

CALLS = (
    call(metrics.adapted_rand_error, **PARTITIONS),
    call(metrics.adjusted_rand_error, **PARTITIONS),
    call(metrics.best_segmentation_covering, **COVERED),
    call(metrics.boundary_f_score, predicted=ONE, truth=TRUTH, tolerance=TOLERANCE),
    call(metrics.boundary_score, predicted=ONE, truth=TRUTH, tolerance=TOLERANCE),
    call(
        metrics.hierarchy_covering,
        hierarchies=instance(LEVELS, "").without("type: list").also({**IMAGES, "type: inside": [1.5]}),
        truths=instance([SEGMENTS], "").without("type: list").also({**IMAGES, "type: inside": [1.5]}).called("truth"),
        score=instance(metrics.segmentation_covering, "function"),
    ),
    call(
        metrics.mean_iou,
        predicted=wholes(PREDICTED, -1).without("dtype: bool"),
        truth=wholes(SEGMENTS, -1).without("dtype: bool").called("ignore_index"),
        num_classes=whole(None, 0, 5),
        **IGNORED,
    ),
    call(metrics.segmentation_covering, **COVERED),
    call(
        metrics.trimap_error,
        predicted=PARTITIONS["predicted"],
        truth=PARTITIONS["truth"],
        width=number(1.0, 0.5),
        **IGNORED,
    ),
    call(metrics.variation_of_information, **PARTITIONS),
)
