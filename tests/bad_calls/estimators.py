"""Classifiers for scikit-learn, whose own words for its own checks are "Input X" and "y"."""

import numpy as np

from bad_calls.calls import call
from bad_calls.kinds import Argument, a_solver, flag, instance, number, whole
from graphrw import estimators

POINTS = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]])
CLASSES = np.array([4, -1, -1, -1, -1, 9])


def fitted(classifier: object) -> object:
    return classifier.fit(POINTS, CLASSES)


def shares(good: object = None) -> Argument:
    return (
        instance(good, "")
        .without("None", "type: list")
        .also(
            {
                "shape": [0.2, 0.3, 0.5],
                "range": [-0.5, 1.5],
                "range: sum": [0.5, 0.75],
                "NaN": [float("nan"), 0.5],
                "empty": [],
                "dtype: texts": ["a", "b"],
            }
        )
    )


A_SAMPLE = Argument(
    POINTS,
    {
        "None": None,
        "type: text": "text",
        "type: number": 1.5,
        "shape: (N,)": POINTS[:, 0],
        "shape: (1, N, 1)": POINTS[None],
        "dtype: complex": POINTS.astype(complex),
        "dtype: texts": np.array([["a"]] * 6),
        "NaN": np.where(POINTS == 0, np.nan, POINTS),
        "infinite": np.where(POINTS == 0, np.inf, POINTS),
        "empty": POINTS[:0],
    },
    words=("",),
)
IDS = {
    "None": None,
    "type: text": "text",
    "type: number": 1.5,
    "shape: five": CLASSES[:5],
    "shape: (N, 1, 1)": CLASSES[:, None, None],
    "dtype: float": CLASSES + 0.5,
    "NaN": np.where(CLASSES == 4, np.nan, CLASSES),
    "empty": CLASSES[:0],
    "empty: no label": np.full(6, -1),
}
COMMON = {
    "n_neighbors": whole(3, 0, huge=False),
    "beta": number(None, 0.0, -1.0),
    "unreachable": shares(),
    "precomputed": flag(),
    "solver": a_solver(None).optional(),
}


CALLS = (
    call(estimators.RandomWalkClassifier, used=fitted, **COMMON, class_mass=shares(), alpha=number(None, 0.0, 1.0)),
    call(estimators.RandomWalkClassifier(3).fit, X=A_SAMPLE, y=Argument(CLASSES, IDS, words=("",))),
    call(fitted(estimators.RandomWalkClassifier(3)).predict, X=A_SAMPLE),
    call(
        fitted(estimators.RandomWalkClassifier(3)).score,
        X=A_SAMPLE,
        y=Argument(CLASSES, IDS, words=("",)),
        sample_weight=Argument(None, {"shape: five": np.ones(5)}, words=("",)),
    ),
    call(fitted(estimators.RandomWalkClassifier(3)).predict_proba, X=A_SAMPLE),
    call(estimators.PoissonClassifier, used=fitted, **COMMON, prior=shares()),
    call(fitted(estimators.PoissonClassifier(3)).decision_function, X=A_SAMPLE),
)
