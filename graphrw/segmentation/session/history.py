"""What a person has done to an image with a mouse: strokes, one after the other, that can be undone."""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Stroke:
    """Pixels that got a label at once."""

    label: int  # > 0; 0: none any more
    pixels: Tensor  # (M,) int64: places in the flattened image, ascending
    kept: bool = False  # whether no later stroke may change them


@dataclass(frozen=True, eq=False)
class Canvas:
    """What is on the image after some strokes."""

    labels: Tensor  # (N,) int64: 0 where there is nothing
    kept: Tensor  # (N,) bool: what no stroke may change

    def draw(self, stroke: Stroke) -> None:
        """Make one stroke more, in place."""
        free = stroke.pixels[~self.kept[stroke.pixels]]
        self.labels[free] = stroke.label
        self.kept[free] = stroke.kept


@dataclass(eq=False)
class History:
    """Strokes in their order, of which the last ones may be undone.

    >>> history = History()
    >>> history.add(Stroke(3, torch.tensor([0, 1])))
    >>> history.add(Stroke(0, torch.tensor([1])))
    >>> history.canvas(3).labels
    tensor([3, 0, 0])
    >>> history.undo(), history.canvas(3).labels
    (True, tensor([3, 3, 0]))
    """

    strokes: list[Stroke] = field(default_factory=list)
    done: int = 0  # how many of them count; those beyond can be done again
    _canvas: Canvas | None = field(default=None, repr=False)  # after them: thousands of strokes shall cost little

    def add(self, stroke: Stroke) -> None:
        """Make a stroke; what was undone is gone."""
        self.strokes[self.done :] = [stroke]
        self.done += 1
        if self._canvas is not None:
            self._canvas.draw(stroke)

    def undo(self) -> bool:
        """Take the last stroke back; false if there is none."""
        there = self.done > 0
        self.done -= there
        self._canvas = None
        return there

    def redo(self) -> bool:
        """Make the stroke again that was undone last; false if there is none."""
        there = self.done < len(self.strokes)
        self.done += there
        self._canvas = None
        return there

    def canvas(self, num_pixels: int) -> Canvas:
        """What the strokes that count have left on an image of so many pixels; later strokes are drawn on it, too."""
        if self._canvas is None:
            nothing = torch.zeros(num_pixels, dtype=torch.int64)
            self._canvas = Canvas(nothing, nothing.bool())
            for stroke in self.strokes[: self.done]:
                self._canvas.draw(stroke)
        return self._canvas

    def owners(self, num_pixels: int) -> Tensor:
        """(num_pixels,) int64: the number, from 0, of the stroke that painted each pixel; −1 for none, or kept."""
        owner = torch.full((num_pixels,), -1)
        canvas = Canvas(torch.zeros(num_pixels, dtype=torch.int64), owner < -1)
        for number, stroke in enumerate(self.strokes[: self.done]):
            free = stroke.pixels[~canvas.kept[stroke.pixels]]
            owner[free] = -1 if stroke.kept or stroke.label == 0 else number
            canvas.draw(stroke)
        return owner
