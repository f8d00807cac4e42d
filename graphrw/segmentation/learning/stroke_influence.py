"""Which strokes bring about what, and which look wrong."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from graphrw.functional import Influence
from graphrw.segmentation.places import Array
from graphrw.segmentation.regions.image_regions import at_pixels
from graphrw.segmentation.seeded_walk import SeededWalk


@dataclass(frozen=True, eq=False)
class StrokeInfluence:
    """What one stroke brings about: made by `Session.influence`. Arrays are as the image came in."""

    label: int
    where: Array  # (*spatial) bool: its pixels that are still there; `Session.erase` takes them
    change: Array  # (*spatial) in [0, 1]: how far the probabilities move without it, ½ Σ_l |difference|
    agreement: float  # the probability of its label at its own place, told by all others


@dataclass(frozen=True, eq=False)
class StrokeGroups:
    """The seeds of a walk, by the strokes that they come from: made by `stroke_groups`."""

    seeded: SeededWalk
    strokes: Tensor  # (G,) int64: their numbers, ascending
    groups: Tensor  # (N,) int64: which of them each seed comes from, −1 elsewhere

    def blame(self) -> Tensor:
        """(G,) in nats; see `functional.blame`."""
        return self.seeded.answer.network([self._nodes(group) for group in range(len(self.strokes))]).blame()

    def influence(self, stroke: int) -> Influence | None:
        """That of one of them; None where others have the most pixels in all of its regions, so that it seeds none."""
        place = (self.strokes == stroke).nonzero()
        if len(place) == 0:
            return None
        nodes, answer = self._nodes(int(place[0])), self.seeded.answer
        network = answer.network([nodes])
        return Influence(nodes, network.there(network.parts[0]), answer)

    def at_pixels(self, values: Tensor) -> Tensor:
        """(\\*spatial): what each pixel's node has of `values` (N,); 0 outside."""
        return at_pixels(values, self.seeded.node, 0.0)

    def _nodes(self, group: int) -> Tensor:
        return (self.groups == group).nonzero().squeeze(1)


def influence_of(
    groups: StrokeGroups | None, stroke: int, owner: Tensor, labels: Tensor, *, like: Callable[[Tensor], Array]
) -> StrokeInfluence:
    """That of one stroke, with arrays as `like` makes them of tensors; `owner` and `labels` as in `stroke_groups`."""
    where = owner == stroke
    if groups is None or not bool(where.any()):
        there = owner[owner >= 0].unique().tolist()
        raise ValueError(f"`stroke` must be one of which pixels are left: {there}; got {stroke}.")
    label, shape = labels[where][0], groups.seeded.node.shape
    found = groups.influence(stroke)
    change = torch.zeros(shape, dtype=torch.float64) if found is None else groups.at_pixels(found.change)
    agreement = 1.0 if found is None else float(found.there[:, groups.seeded.ids == label].mean())
    return StrokeInfluence(int(label), like(where.reshape(shape)), like(change), agreement)


def stroke_groups(seeded: SeededWalk, owner: Tensor, labels: Tensor) -> StrokeGroups:
    """A group for each stroke that seeds something: of the strokes with a seed's label, the one with most pixels in it.

    Args:
        seeded: the walk.
        owner: (number of pixels,) int64: the number of the stroke on each pixel, −1 where there is none, or none that
            may be doubted.
        labels: (number of pixels,) int64: what is painted.
    """
    node, wanted = seeded.node.reshape(-1).long(), torch.where(seeded.seeds < 0, 0, seeded.ids[seeded.seeds])
    drawn = ((owner >= 0) & (node >= 0)).nonzero().squeeze(1)
    drawn = drawn[labels[drawn] == wanted[node[drawn]]]
    count = int(owner.max()) + 1
    pairs, votes = (node[drawn] * count + owner[drawn]).unique(return_counts=True)
    place, stroke = pairs // count, pairs % count
    best = torch.zeros_like(seeded.seeds).scatter_reduce(0, place, votes * count + stroke, "amax")  # (votes, stroke)
    strokes, group = (best[best > 0] % count).unique(return_inverse=True)
    return StrokeGroups(seeded, strokes, torch.full_like(best, -1).masked_scatter(best > 0, group))
