"""Seeded segmentation of images."""

import numpy as np
import torch

from bad_calls.calls import call
from bad_calls.kinds import Argument, a_solver, flag, floats, instance, number, several, whole
from bad_calls.models import FOLDER, LABELS, PICTURE, array
from graphrw import segmentation

IMAGE = array(PICTURE).called("labels").without("dtype: int64", "shape: ()")
SEEDED = array(LABELS, whole=True).called("image").without("dtype: float")
SPACING = several((1.0, 2.0), 0.0, -1.0).optional()
AXIS = whole(None, 5).saying("axis of")
RANGE = number(None, 0.0, -1.0)
HOW = {
    "spacing": SPACING,
    "channel_axis": AXIS,
    "n_segments": whole(None, 0),
    "compactness": number(10.0, 0.0, -1.0),
    "convert2lab": flag().optional().also({"range: grey": True}),
    "colour_model": flag(True),
    "band": whole(2, -1).without("huge"),
    "solver": a_solver(),
}
CELLS = torch.linspace(0, 1, 18).reshape(2, 3, 3)
MASK = Argument(
    np.ones(PICTURE.shape, dtype=bool),
    {
        "type: list": [True],
        "type: text": "all",
        "dtype: float": np.ones(PICTURE.shape),
        "shape: an axis more": np.ones((1, *PICTURE.shape), dtype=bool),
        "empty": np.zeros(PICTURE.shape, dtype=bool),
    },
    "bool",
)
WHERE = Argument(
    MASK.good,
    {
        **{fault: value for fault, value in MASK.bad.items() if fault != "empty"},
        "None": None,
        "dtype: indices": (np.array([0.5]), np.array([1.0])),
        "shape: one axis": (np.array([0]),),
        "shape: uneven": (np.array([0, 1]), np.array([0, 1, 2])),
    },
    "mask",
)
LABEL = whole(1, 0, -1)
PATH = FOLDER.name + "/strokes.json"


def session() -> segmentation.Session:
    made = segmentation.Session(PICTURE)
    made.paint(1, MASK.good)
    return made


def stroked() -> segmentation.Session:
    made = segmentation.Session(PICTURE)
    for label, place in ((1, 0), (2, -1)):
        made.paint(label, tuple(np.array([side - 1 if place else 0]) for side in PICTURE.shape))
    return made


SESSION = session()
SESSION.save_log(PATH)
A_SOURCE = {"None": None, "type: list": [[0.5]], "type: number": 1.5, "shape: one axis": np.zeros(3)}
OUT = FOLDER.name + "/out.zarr"
AN_OUTPUT = Argument(OUT, {"range: no Zarr": FOLDER.name + "/out.tif"}, "path").worded("only Zarr")
A_PATH = Argument(PATH, {"None": None, "type: number": 2.5, "type: list": [PATH]}, "path")

CALLS = (
    call(
        segmentation.random_walker,
        image=IMAGE,
        labels=SEEDED,
        beta=number(130.0, -1.0),
        mode=instance(None, "one of").without("None").also({"range: no such": "amg"}),
        tol=number(1e-3, -1.0),
        copy=flag(True),
        return_full_prob=flag(),
        spacing=SPACING,
        prob_tol=number(1e-3, -1.0),
        channel_axis=AXIS,
        data_range=RANGE,
        solver=a_solver(),
    ),
    call(
        segmentation.random_walker_blocks,
        image=Argument(PICTURE, A_SOURCE, "path of a Zarr").called("labels"),
        labels=Argument(LABELS, A_SOURCE, "path of a Zarr").called("image"),
        out=AN_OUTPUT,
        beta=number(130.0, -1.0),
        spacing=SPACING,
        channel_axis=AXIS,
        data_range=RANGE,
        rtol=number(1e-4, 0.0, 1.0),
        block=whole(8, 7),
        probabilities=Argument(None, {"range: no Zarr": FOLDER.name + "/p.tif"}).worded("only Zarr"),
        outside=whole(None, -1),
        scratch=Argument(None, {"type: number": 2.5}),
        progress=Argument(None, {"type: text": "loud", "type: number": 1.5}, "progress"),
    ),
    call(
        segmentation.segment,
        image=IMAGE,
        labels=SEEDED.called("image", "spacing"),
        beta=number(1.0, -1.0),
        return_full_prob=flag(),
        **HOW,
    ),
    call(
        segmentation.Session,
        lambda made: made.paint(1, MASK.good) and made.labels,
        image=array(PICTURE).called("channel_axis", "mask", "spacing").without("dtype: int64", "shape: ()"),
        mask=MASK,
        superpixels=flag(True),
        beta=number(None, -1.0),
        progress=Argument(None, {"type: text": "loud", "type: number": 1.5}, "progress"),
        **HOW | {"solver": a_solver().optional()},
    ),
    call(
        segmentation.overlay,
        image=IMAGE.without("NaN", "infinite", "shape: a row more"),
        labels=SEEDED,
        channel_axis=AXIS,
        alpha=number(0.5, -0.1, 1.5),
    ),
    call(SESSION.paint, label=LABEL, where=WHERE),
    call(SESSION.erase, where=WHERE),
    call(SESSION.keep, label=LABEL),
    call(SESSION.suggest, k=whole(1, 0)),
    call(SESSION.suspects, k=whole(1, 0)),
    call(stroked().learn, features=floats(CELLS).without("shape: a row more").optional()),
    call(stroked().influence, stroke=whole(0, -1, 7)),
    call(SESSION.save_log, path=A_PATH),
    call(SESSION.replay, path=A_PATH),
    call(SESSION.take_strokes, other=instance(session(), "`Session`")),
)
