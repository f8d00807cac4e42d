"""From seeds to labels: by a session, or by a network."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from graphrw.cli.task import Inputs, Task, with_channels_along
from graphrw.core.arrays import as_tensor
from graphrw.core.progress import Listener
from graphrw.core.warn import warn
from graphrw.files import ImageFile, read_image
from graphrw.functional import entropy
from graphrw.models import LearnedRandomWalker
from graphrw.segmentation import Session, random_walker
from graphrw.segmentation.session import stroke_log
from graphrw.solvers import Auto

Options = dict[str, Any]  # keywords of `Session`
SOLVER = Auto(rtol=1e-6)  # as a session's over pixels


@dataclass(frozen=True, eq=False)
class Answer:
    """What goes into files."""

    image: ImageFile
    labels: NDArray[np.int64]  # (*spatial): 0 outside, and where no seed reaches
    ids: NDArray[np.int64]  # (L,)
    probabilities: NDArray[np.float32] | None  # (L, *spatial), if wanted
    entropy: NDArray[np.float32] | None  # (*spatial), if wanted


def opened(inputs: Inputs, options: Options, progress: Listener) -> tuple[ImageFile, Session]:
    """The image, and a session with the seeds on it; `options` are those that were given."""
    return (_replayed if inputs.are_strokes else _painted)(inputs, options, progress)


def by_session(image: ImageFile, session: Session, *, probabilities: bool, uncertainty: bool) -> Answer:
    """What a session answers."""
    labels = np.asarray(session.labels)
    lost = int((labels < 0).sum() - (np.asarray(session.strokes) < 0).sum())
    if lost:
        warn(f"{lost} pixels are reached by no seed; they are labelled 0.")
    return Answer(
        image,
        np.where(labels < 0, 0, labels),
        np.asarray(session.label_ids),
        np.asarray(session.probabilities, dtype=np.float32) if probabilities else None,
        np.asarray(session.entropy, dtype=np.float32) if uncertainty else None,
    )


def task_for(inputs: Inputs, option: str) -> Task:
    """What is to be labelled without a session, as `option` asks.

    Raises:
        ValueError: for strokes, or files that do not fit together.
    """
    if inputs.are_strokes:
        raise ValueError(f"`{inputs.seeds}` says how its strokes were made; with {option} give a label image.")
    return inputs.read()


def by_model(task: Task, model: LearnedRandomWalker, *, probabilities: bool, uncertainty: bool) -> Answer:
    """What a network answers."""
    predict = partial(model.predict, task.image.values, task.seeds, channel_axis=task.image.channel_axis)
    return _predicted(task, predict, probabilities=probabilities, uncertainty=uncertainty)


def by_walker(task: Task, device: torch.device, options: Options, *, probabilities: bool, uncertainty: bool) -> Answer:
    """What a walk over pixels answers that is solved on `device`; `options` are keywords of `random_walker`."""

    def predict(*, return_full_prob: bool = False) -> NDArray[Any]:
        return random_walker(
            as_tensor("image", task.image.values, "").to(device),
            torch.from_numpy(task.seeds).to(device),
            spacing=task.spacing,
            channel_axis=task.image.channel_axis,
            return_full_prob=return_full_prob,
            solver=SOLVER,
            **options,
        ).numpy(force=True)

    return _predicted(task, predict, probabilities=probabilities, uncertainty=uncertainty)


def _predicted(task: Task, predict: Callable[..., NDArray[Any]], *, probabilities: bool, uncertainty: bool) -> Answer:
    """From a function that gives labels or, with `return_full_prob`, the probabilities of all."""
    ids = np.unique(task.seeds[task.seeds > 0])
    if not probabilities and not uncertainty:
        labels = predict()
        return Answer(task.image, np.where(labels < 0, 0, labels), ids, None, None)
    share = predict(return_full_prob=True).astype(np.float32)
    labels = np.where(share.sum(0) > 0, ids[share.argmax(0)], 0)
    spread = entropy(torch.from_numpy(share), dim=0).numpy() if uncertainty else None
    return Answer(task.image, labels, ids, share if probabilities else None, spread)


def _painted(inputs: Inputs, options: Options, progress: Listener) -> tuple[ImageFile, Session]:
    task = inputs.read()
    session = Session(
        task.image.values,
        channel_axis=task.image.channel_axis,
        mask=task.inside,
        spacing=task.spacing,
        progress=progress,
        **options,
    )
    places = np.nonzero(task.seeds > 0)
    labels = task.seeds[places]
    order = np.argsort(labels, kind="stable")
    ids, begins = np.unique(labels[order], return_index=True)
    if len(ids) == 1:
        warn(_single(inputs, int(ids[0]), float((task.seeds < 0).mean())))
    for label, part in zip(ids.tolist(), np.split(order, begins[1:]), strict=True):
        session.paint(label, tuple(index[part] for index in places))
    return task.image, session


def _single(inputs: Inputs, label: int, outside: float) -> str:
    """What to say of a single label."""
    where = f"`{inputs.seeds}`" if inputs.mask is None else f"`{inputs.seeds}` inside the mask"
    told = f"All seeds in {where} have the label {label}, so that every pixel gets it."
    if inputs.mask is None and outside > 0:
        told += f" {100 * outside:.0f} % of the pixels are negative, which is outside: what is to be labelled is 0."
    return told


def _replayed(inputs: Inputs, options: Options, progress: Listener) -> tuple[ImageFile, Session]:
    """Strokes come with the options of the session that they were made in."""
    if not inputs.seeds.is_file():
        raise FileNotFoundError(f"There is no file `{inputs.seeds}`.")
    log = stroke_log.read(inputs.seeds)
    made = log.options
    if options.get("superpixels", True) != made["superpixels"]:
        raise ValueError(f"`{inputs.seeds}` was made by {'segment' if made['superpixels'] else 'walk'}: take that.")
    if len(options) > 1 or inputs.spacing or inputs.data_range or inputs.channel_axis is not None:
        raise ValueError(f"`{inputs.seeds}` says with which options its strokes were made: give no others.")
    image = read_image(inputs.image)
    inside = inputs.inside(image)
    try:
        key = stroke_log.ImageKey.of(as_tensor("image", image.values, ""))
        stroke_log.check_image(log, key, inputs.seeds)  # first: on another image options may not be for its axes
        session = Session(image.values, mask=inside, progress=progress, **made)
        session.replay(inputs.seeds)
    except ValueError as error:
        raise ValueError(f"`{inputs.image}` with `{inputs.seeds}`: {error}") from error
    if not (np.asarray(session.strokes) > 0).any():
        raise ValueError(f"`{inputs.seeds}` holds no stroke.")
    return with_channels_along(image, made["channel_axis"]), session
