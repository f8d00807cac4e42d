"""What a caller says of classes: labels of samples, and shares of classes."""

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from graphrw.core.errors import SingularWalkError
from graphrw.core.reach import stranded
from graphrw.core.walk import Walk
from graphrw.functional.seeds import check_distribution


def shares(name: str, values: ArrayLike, like: Tensor) -> Tensor:
    """(L,): a distribution over the columns of `like` (N, L)."""
    try:
        found = torch.tensor(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise ValueError(f"`{name}` must be numbers, one for each class; got {values!r}.") from error
    return check_distribution(name, found, like)


def labelled(y: NDArray[Any]) -> NDArray[np.bool_]:
    """(N,): where `y` holds a class, not −1."""
    labels = y.tolist()
    if "-1" in labels:
        raise ValueError(
            "`y` holds the string '-1', as NumPy makes it of a −1 among strings. Mark unlabelled samples by the number "
            "in an array of dtype object: `numpy.array(['a', -1, 'b'], dtype=object)`."
        )
    if None in labels:
        raise ValueError("`y` holds None. Unlabelled samples are −1.")
    known = np.array([label != -1 for label in labels], dtype=bool)
    if not known.any():
        raise ValueError("`y` is −1 everywhere: without a labelled sample there is no class. Label at least one.")
    return known


def check_reached(walk: Walk, seeds: Tensor) -> None:
    """Raise `SingularWalkError` if samples hang on none that has a label, in the words of an estimator."""
    lost = stranded(walk, seeds >= 0)
    if bool(lost.any()):
        raise SingularWalkError(
            f"{int(lost.sum())} of {len(lost)} samples (first: {int(lost.nonzero()[0])}) are joined to no labelled "
            "one, not even through others, so they have no class. Label one of them in `y`, or give the estimator "
            "`unreachable`, the probabilities of the classes for such samples."
        )


def check_met(faint: Tensor) -> None:
    """Raise `ValueError` if walkers hardly ever meet a label from the `faint` (N,) samples, in an estimator's words."""
    if bool(faint.any()):
        raise ValueError(
            f"From {int(faint.sum())} of {len(faint)} samples (first: {int(faint.nonzero()[0])}) hardly any walker "
            "meets a label before it ends: fewer than the solver can tell apart. Give an `alpha` nearer to 1, a "
            "`solver` with a smaller `rtol`, label one of them in `y`, or give the estimator `unreachable`, the "
            "probabilities of the classes for such samples."
        )
