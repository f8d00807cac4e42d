"""Encodings of nodes by the labels that walkers from them hit first."""

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from graphrw.core.arrays import as_tensor, whole_numbers
from graphrw.core.errors import SingularWalkError
from graphrw.core.opaque import opaque
from graphrw.core.walk import walk
from graphrw.core.whole import check_flag, check_whole
from graphrw.functional.harmonic import hitting_probabilities
from graphrw.solvers import Auto, Solver
from graphrw.solvers.base import check_solver
from graphrw.transforms.inputs import checked_data, checked_name, checked_weight_name, column, graph_of


class AddHittingProbabilities(BaseTransform):  # type: ignore[misc]
    """The probability that a walker from each node hits each label first: `hitting_probabilities` (Zhu et al. 2003).

    Seeds are the labels in ``data.y`` where the mask is true. There the encoding is the label itself: a model that is
    trained on it at seeds learns to copy. So train it at other nodes than those of `mask`.

    Args:
        mask: name of the attribute (N,) or (N, 1) bool that says which labels are seeds; None: all that are ≥ 0.
        num_labels: L; None: one more than the largest label in ``data.y``.
        unreachable: probabilities where no seed can be hit, 1 / L each, if true; false: an error.
        weight: name of the attribute that holds the weights, as in `from_pyg`. Self loops change nothing.
        attr_name: of what is added, (N, L).
        solver: how to solve.

    Raises:
        ValueError: for options of a wrong type; called with data that lacks ``y`` or the mask, or whose labels are not
            whole numbers (N,) or (N, 1), −1 for unknown ones.
        ConvergenceError: called, as `solve`.

    >>> edges = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    >>> mask = torch.tensor([True, False, True])
    >>> path = Data(edge_index=edges, y=torch.tensor([0, 1, 1]), train_mask=mask, num_nodes=3)
    >>> AddHittingProbabilities()(path).hitting_probabilities
    tensor([[1.0000, 0.0000],
            [0.5000, 0.5000],
            [0.0000, 1.0000]])
    """

    def __init__(
        self,
        mask: str | None = "train_mask",
        num_labels: int | None = None,
        *,
        unreachable: bool = False,
        weight: str | None = "edge_weight",
        attr_name: str = "hitting_probabilities",
        solver: Solver = Auto(),
    ) -> None:
        self.mask = None if mask is None else checked_name("mask", mask)
        self.num_labels = None if num_labels is None else check_whole("num_labels", num_labels, 1)
        self.unreachable = check_flag("unreachable", unreachable)
        self.weight, self.attr_name = checked_weight_name(weight), checked_name("attr_name", attr_name)
        check_solver(solver)
        self.solver = solver

    @opaque
    @torch.no_grad()
    def forward(self, data: Data) -> Data:
        graph, weight, _ = graph_of(checked_data(data), self.weight, loops=True)
        labels = self._labels(data)
        seeds = labels if self.mask is None else torch.where(_mask(data, self.mask), labels, -1)
        num_labels = self.num_labels or int(labels.max()) + 1  # of all, so that every mask gives as many columns
        fill = weight.new_full((num_labels,), 1 / num_labels) if self.unreachable else None
        try:
            data[self.attr_name] = hitting_probabilities(
                walk(graph, weight), seeds, num_labels, unreachable=fill, solver=self.solver
            )
        except SingularWalkError as error:
            raise SingularWalkError(f"{error} Here `unreachable=True` gives each label the same share.") from error
        return data

    def _labels(self, data: Data) -> Tensor:
        """Of all nodes, (N,) int64."""
        missing = [name for name in ("y", self.mask) if name is not None and name not in data]
        if missing:
            raise ValueError(f"`data` has no `{missing[0]}`, where seeds are taken from; it has {data.keys()}.")
        return _checked_labels(data)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mask={self.mask!r}, num_labels={self.num_labels})"


def _checked_labels(data: Data) -> Tensor:
    """``data.y`` as (N,) int64."""
    num_nodes, wanted = data.num_nodes, f"({data.num_nodes},) whole numbers, the label of each node"
    labels = column(whole_numbers("data.y", data.y, wanted))  # (N, 1) in OGB
    if labels.shape != (num_nodes,):
        raise ValueError(f"`data.y` must be {wanted}; got {tuple(data.y.shape)}.")
    low, high = (int(bound) for bound in torch.aminmax(labels)) if num_nodes else (-1, 0)
    if low < -1 or high < 0:
        wrong = f"{low}" if low < -1 else "−1 alone"
        raise ValueError(f"`data.y` must hold labels ≥ 0, or −1 where none is known; got {wrong}.")
    return labels


def _mask(data: Data, name: str) -> Tensor:
    """The mask as (N,) bool."""
    wanted = f"({data.num_nodes},) bool"
    given = as_tensor(f"data.{name}", data[name], wanted)
    mask = column(given)
    if mask.ndim == 2 and mask.shape[0] == data.num_nodes and mask.dtype == torch.bool:
        raise ValueError(
            f"`data.{name}` must be {wanted}; got {tuple(given.shape)}, a column for each split. Choose one: "
            f"`data.{name} = data.{name}[:, 0]`."
        )
    if mask.shape != (data.num_nodes,) or mask.dtype != torch.bool:
        raise ValueError(f"`data.{name}` must be {wanted}; got {tuple(given.shape)} {given.dtype}.")
    return mask
