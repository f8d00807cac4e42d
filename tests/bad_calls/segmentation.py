"""Seeded segmentation of images."""

from bad_calls.calls import call
from bad_calls.kinds import a_solver, flag, instance, number, several, whole
from bad_calls.models import LABELS, PICTURE, array
from graphrw import segmentation

CALLS = (
    call(
        segmentation.random_walker,
        image=array(PICTURE).called("labels").without("dtype: int64", "shape: ()"),
        labels=array(LABELS, whole=True).called("image").without("dtype: float"),
        beta=number(130.0, -1.0),
        mode=instance(None, "one of").without("None").also({"range: no such": "amg"}),
        tol=number(1e-3, -1.0),
        copy=flag(True),
        return_full_prob=flag(),
        spacing=several((1.0, 2.0), 0.0, -1.0).optional(),
        prob_tol=number(1e-3, -1.0),
        channel_axis=whole(None, 5),
        solver=a_solver(),
    ),
)
