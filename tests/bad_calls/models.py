"""The four systems, made, called and trained."""

import atexit
import tempfile
from pathlib import Path

import numpy as np
import torch

from bad_calls.calls import call
from bad_calls.kinds import Argument, a_solver, flag, floats, instance, number, several, whole, wholes
from graphrw import losses, models

SIDE = 8
IMAGE = torch.linspace(0, 1, SIDE * SIDE).reshape(1, 1, SIDE, SIDE)
SEEDS = torch.full((1, SIDE, SIDE), -1)
SEEDS[0, 1, 1], SEEDS[0, 6, 6] = 0, 1
CLASSES = torch.where(IMAGE[:, 0] > 0.5, 1, 0)
PICTURE, LABELS = IMAGE[0, 0].numpy().copy(), (SEEDS[0] + 1).numpy()

LRW = models.LearnedRandomWalker(1, 2)
RWN = models.RWN(1, 2, 2, stride=2, early=1, radius=1.0, training_radius=2.0).eval()
RAWKS = models.RAWKS(1, 2, 2)
NDD = models.NDD(1, 2, k=2, stride=2, radius=1.0)

A_TRUNK = instance(None, "torch.nn.Module").without("None").also({"range: no trunk": torch.nn.Linear(1, 1)})
A_SCALE = instance(models.InputScale(), "InputScale")
MADE = {
    "in_channels": whole(1, 0),
    "width": whole(2, 0).optional(),
    "stride": whole(2, 0, 3).optional(),
    "axes": whole(2, 1, 4).saying("images"),
    "trunk": A_TRUNK,
    "input_scale": A_SCALE,
}
NUM_CLASSES = whole(2, 0)
CELLS = floats(torch.rand(1, 2, 4, 4, generator=torch.Generator().manual_seed(0))).without("shape: a row more")
ONE_IMAGE = floats(IMAGE).without("shape: a row more")
AN_IMAGE = ONE_IMAGE.without("empty")  # a batch of no image has an answer
OF_TWO = floats(torch.cat([IMAGE, 1 - IMAGE], 1), -1.0, 2.0)
AXIS = whole(None, 5)
PERCENTILES = several((1.0, 99.0), -1.0, 99.5).optional().also({"shape: three": (1, 50, 99)})
SHIPPED = instance("nuclei_2d", "one of 'em_membranes_2d'").called("name").also({"range: unknown": "nuclei"})
SEEDED = wholes(SEEDS, -2)
TARGET = wholes(CLASSES)
FOLDER = tempfile.TemporaryDirectory()
atexit.register(FOLDER.cleanup)
SAVED = {model: Path(FOLDER.name) / type(model).__name__ for model in (LRW, RWN, RAWKS)}
for model, path in SAVED.items():
    model.save(path)


def array(good: np.ndarray, *wrong: float, whole: bool = False) -> Argument:
    """A NumPy image, or labels of one."""
    tensor = wholes(torch.from_numpy(good), *wrong) if whole else floats(torch.from_numpy(good), *wrong)
    faults = {fault: value.numpy() if isinstance(value, torch.Tensor) else value for fault, value in tensor.bad.items()}
    faults["dtype: text"] = good.astype(str)
    return Argument(good, faults).without("type: list", "dtype: bool")


PICTURED = array(PICTURE).without("dtype: int64", "NaN", "infinite", "shape: a row more", "shape: ()")
READ = {"image": PICTURED.called("channel_axis"), "channel_axis": AXIS}


def a_path(good: Path) -> Argument:
    return instance(good, "path").without("type: text")


CALLS = (
    call(models.LearnedRandomWalker, **MADE, contrast=number(1.0, 0.0).optional(), solver=a_solver()),
    call(LRW.as_input, **READ),
    call(LRW.save, path=a_path(SAVED[LRW])),
    call(models.LearnedRandomWalker.load, path=a_path(SAVED[LRW]), trunk=A_TRUNK),
    call(models.LearnedRandomWalker.from_pretrained, name=SHIPPED),
    call(models.model_card, name=SHIPPED),
    call(models.pretrained_names),
    call(LRW.forward, image=AN_IMAGE, seeds=SEEDED),
    call(LRW.edge_weights, image=AN_IMAGE),
    call(
        LRW.tiled_edge_weights,
        image=AN_IMAGE,
        tile=whole(8, 0).optional().without("type: list").also({"shape: three": (8, 8, 8)}),
    ),
    call(
        LRW.predict,
        image=array(PICTURE).called("labels").without("dtype: int64", "shape: ()"),
        labels=array(LABELS, whole=True).called("image").without("dtype: float"),
        return_full_prob=flag(),
        channel_axis=AXIS,
        tile=whole(8, 0).optional().without("type: list"),
    ),
    call(
        LRW.loss,
        image=AN_IMAGE,
        seeds=SEEDED,
        target=TARGET,
        fit=Argument(losses.dice, {"type: text": "dice", "type: number": 1.5}, "fit"),
        side=number(0.01, -1.0),
        variation=number(0.0, -1.0),
        closed_index=whole(-2).optional(),
    ),
    call(LRW.edge_affinities, image=AN_IMAGE),
    call(LRW.edge_loss, image=AN_IMAGE, target=TARGET, closed_index=whole(-2).optional()),
    call(
        models.RWN,
        **MADE,
        num_classes=NUM_CLASSES,
        early=whole(2, 0),
        contrast=number(8.0, 0.0).optional(),
        alpha=number(0.5, 0.0, 1.0),
        radius=number(5.0, 0.5),
        training_radius=number(5.0, 0.5).optional(),
        rtol=number(1e-4, 0.0, 1.0),
        affinity_trunk=A_TRUNK,
    ),
    call(models.RWN.load, path=a_path(SAVED[RWN]), trunk=A_TRUNK, affinity_trunk=A_TRUNK),
    call(RWN.forward, image=AN_IMAGE),
    call(RWN.scores, image=AN_IMAGE),
    call(RWN.affinities, image=AN_IMAGE),
    call(RWN.early_features, image=AN_IMAGE),
    call(RWN.loss, image=AN_IMAGE, target=TARGET, side=number(1.0, -1.0)),
    call(models.RAWKS, **MADE, num_classes=NUM_CLASSES, boundary_trunk=A_TRUNK, solver=a_solver()),
    call(models.RAWKS.load, path=a_path(SAVED[RAWKS]), trunk=A_TRUNK, boundary_trunk=A_TRUNK),
    call(RAWKS.forward, image=AN_IMAGE),
    call(RAWKS.boundary, image=AN_IMAGE),
    call(RAWKS.propagate, image=AN_IMAGE, seeds=SEEDED, guess_rate=number(0.1, -1.0)),
    call(
        RAWKS.loss,
        image=AN_IMAGE,
        seeds=SEEDED,
        alpha=number(1.0, -1.0),
        entropy_weight=number(1.0, -1.0),
        detach_weight=flag(),
        seed_weight=number(1.0, -1.0),
    ),
    call(RAWKS.label_loss, image=AN_IMAGE, probability=OF_TWO, alpha=number(1.0, -1.0)),
    call(
        models.NDD,
        **MADE,
        k=whole(2, 0),
        radius=number(5.0, 0.5),
        mu=number(1.0, 0.0),
        time=number(1.0, 0.0),
        scale=number(1.0, 0.0),
    ),
    call(NDD.forward, image=ONE_IMAGE),
    call(
        NDD.loss,
        image=ONE_IMAGE,
        target=wholes(CLASSES[:, None, ::2, ::2]).without("shape: an axis more"),
        ignore_index=whole(-1),
    ),
    call(NDD.map, features=CELLS),
    call(NDD.similarity, features=CELLS),
    call(NDD.segment, image=ONE_IMAGE, num_segments=several([3, 2], 0, 99, whole=True)),
    call(
        models.Trunk,
        in_channels=whole(1, 0),
        width=whole(2, 0),
        levels=whole(None, -1),
        stride=whole(1, 0, 3),
        axes=whole(2, 1, 4).saying("images"),
    ),
    call(models.Trunk(1, 2).forward, image=AN_IMAGE.without("NaN", "infinite")),
    call(
        models.EfficientNetLite0,
        stride=whole(8, 0, 3),
        stages=several((4, 8), 0, 3, whole=True).without("shape: nested"),
        fine_tune=flag(),
    ),
    call(
        models.EfficientNetLite0(32, stages=(2,)).forward,
        image=floats(IMAGE).without("shape: a row more", "NaN", "infinite"),
    ),
    call(
        models.InputScale,
        unit=number(None, 0.0),
        mean=several((0.5,)).without("type: number"),
        std=several((0.5,), 0.0).without("type: number"),
        percentiles=PERCENTILES,
    ),
    call(models.InputScale().apply, image=PICTURED.without("shape").called("channel_axis"), channel_axis=AXIS),
    call(
        models.InputScale.fit,
        images=instance([PICTURE, PICTURE], "images")
        .without("type: list")
        .also({"empty": [], "type: an array": PICTURE, "shape: inside": [1.0]})
        .called("image"),
        unit=number(None, 0.0),
        channel_axis=AXIS,
        percentiles=PERCENTILES,
    ),
    call(
        models.apply_in_tiles,
        module=instance(torch.nn.AvgPool2d(3, 1, 1), "function"),
        image=floats(IMAGE).without("shape: a row more", "shape: an axis more", "NaN", "infinite", "dtype", "empty"),
        tile=whole(8, 0).without("type: list"),
        halo=whole(1, -1, huge=False),
        stride=whole(1, 0),
        alignment=whole(None, 0),
    ),
)
