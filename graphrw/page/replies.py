"""What the page asks for, and what it gets: one line for each in `ROUTES`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from skimage import data
from starlette.responses import JSONResponse, Response

from graphrw.page.drawing import Drawing
from graphrw.page.images import displayed, png, read_image
from graphrw.page.wire import MOST_LABELS, check_label, field, mask_of_runs, read_json
from graphrw.segmentation import Session

SUGGESTIONS = 5


@dataclass(frozen=True)
class Asked:
    """One request: on which drawing, and with what."""

    drawing: Drawing
    body: bytes
    name: str  # of a file that is sent; shown again, never opened

    @cached_property
    def json(self) -> Any:
        """The body, for those who expect JSON."""
        return read_json(self.body)


def state(asked: Asked) -> Response:
    """What has been opened."""
    drawing = asked.drawing
    shape = None if drawing.image is None else drawing.image.shape[:2]
    known = {"name": drawing.name, "shape": shape, "superpixels": drawing.superpixels}
    return JSONResponse({**known, **_steps(drawing)})


def opened(asked: Asked) -> Response:
    """The body is an image; begin with it."""
    asked.drawing.open(read_image(asked.body), asked.name)
    return state(asked)


def example(asked: Asked) -> Response:
    """Begin with an image of scikit-image's."""
    asked.drawing.open(data.astronaut(), "astronaut.png")
    return state(asked)


def paint(asked: Asked) -> Response:
    """A stroke of `label` over `runs`."""
    label, runs = check_label(field(asked.json, "label")), field(asked.json, "runs")
    return _changed(asked, lambda session: session.paint(label, mask_of_runs(runs, session.shape)))


def erase(asked: Asked) -> Response:
    """No stroke any more at `runs`."""
    runs = field(asked.json, "runs")
    return _changed(asked, lambda session: session.erase(mask_of_runs(runs, session.shape)))


def keep(asked: Asked) -> Response:
    """Finish the object that has `label`."""
    label = check_label(field(asked.json, "label"))
    return _changed(asked, lambda session: session.keep(label))


def undo(asked: Asked) -> Response:
    """Take the last change back."""
    return _changed(asked, Session.undo)


def redo(asked: Asked) -> Response:
    """Make the change again that was taken back."""
    return _changed(asked, Session.redo)


def walk(asked: Asked) -> Response:
    """Over `superpixels` from now on, or over pixels."""
    asked.drawing.walk_over(superpixels=field(asked.json, "superpixels") is True)
    return state(asked)


def replay(asked: Asked) -> Response:
    """The body is a log of strokes; take them."""
    asked.drawing.replay(asked.json)
    return state(asked)


def image(asked: Asked) -> Response:
    """The image as a browser can show it."""
    return Response(displayed(asked.drawing.opened), media_type="image/png")


def labels(asked: Asked) -> Response:
    """Of each pixel, one byte: its label, or 0."""
    return _binary(_as_bytes(asked.drawing.ask(lambda session: session.labels)))


def strokes(asked: Asked) -> Response:
    """Of each pixel, one byte: the label that is painted there, or 0."""
    return _binary(_as_bytes(asked.drawing.ask(lambda session: session.strokes)))


def entropy(asked: Asked) -> Response:
    """Of each pixel, one byte: 255 where all labels are equally likely."""
    found, ids = asked.drawing.ask(lambda session: (np.asarray(session.entropy), session.label_ids))
    share = found / np.log(max(2, len(ids)))
    return _binary((255 * share.clip(0, 1)).round().astype(np.uint8))


def suggest(asked: Asked) -> Response:
    """Where a stroke would help most, (row, column), the best place first."""
    places = asked.drawing.ask(lambda session: np.asarray(session.suggest(SUGGESTIONS)))
    return JSONResponse({"places": places.tolist()})


def labels_file(asked: Asked) -> Response:
    """An image of one channel whose numbers are the labels."""
    found = asked.drawing.ask(lambda session: session.labels)
    return Response(png(_as_bytes(found)), media_type="image/png")


def log(asked: Asked) -> Response:
    """What `replay` takes."""
    return Response(asked.drawing.log(), media_type="application/json")


ROUTES: list[tuple[str, str, Callable[[Asked], Response]]] = [
    ("GET", "state", state),
    ("POST", "open", opened),
    ("POST", "example", example),
    ("POST", "paint", paint),
    ("POST", "erase", erase),
    ("POST", "keep", keep),
    ("POST", "undo", undo),
    ("POST", "redo", redo),
    ("POST", "walk", walk),
    ("POST", "replay", replay),
    ("GET", "image.png", image),
    ("GET", "labels", labels),
    ("GET", "strokes", strokes),
    ("GET", "entropy", entropy),
    ("GET", "suggest", suggest),
    ("GET", "labels.png", labels_file),
    ("GET", "log.json", log),
]


def _changed(asked: Asked, act: Callable[[Session], int]) -> Response:
    return JSONResponse({"changed": int(asked.drawing.change(act)), **_steps(asked.drawing)})


def _steps(drawing: Drawing) -> dict[str, bool]:
    """Whether there are any, to either side."""
    return {"can_undo": drawing.can_undo, "can_redo": drawing.can_redo}


def _as_bytes(numbers: Any) -> Any:
    """(H, W) uint8; below 0 there is no label."""
    return np.asarray(numbers).clip(0, MOST_LABELS).astype(np.uint8)


def _binary(numbers: Any) -> Response:
    return Response(numbers.tobytes(), media_type="application/octet-stream")
