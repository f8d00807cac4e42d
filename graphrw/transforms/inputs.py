"""What every transform takes."""

from dataclasses import replace

from torch import Tensor
from torch_geometric.data import Data

from graphrw.convert.fold import check_attribute
from graphrw.convert.pyg import source_of, triple_of
from graphrw.core.graph import Graph
from graphrw.core.whole import is_number


def checked_name(name: str, value: str) -> str:
    """The name of an attribute that is written.

    Raises:
        ValueError: if it is none.
    """
    if not (isinstance(value, str) and value.isidentifier()):
        raise ValueError(f"`{name}` must be the name of an attribute; got {value!r}.")
    return value


def checked_weight_name(value: str | None) -> str | None:
    """The name of the attribute with the weights, or None."""
    check_attribute(value)
    return value


def checked_times(times: object) -> tuple[float, ...]:
    """Times ≥ 0, at least one.

    Raises:
        ValueError: for anything else.
    """
    numbers = tuple(times) if isinstance(times, list | tuple | range) else ()
    if not numbers or not all(is_number(time) and 0 <= time < float("inf") for time in numbers):
        raise ValueError(f"`times` must be finite numbers ≥ 0 in a tuple or list, at least one; got {times!r}.")
    return tuple(float(time) for time in numbers)


def checked_data(data: object) -> Data:
    """Data with an ``edge_index``.

    Raises:
        ValueError: for anything else.
    """
    if not isinstance(data, Data) or data.edge_index is None:
        raise ValueError(f"`data` must be a `torch_geometric.data.Data` with `edge_index`; got {data!r}.")
    return data


def graph_of(data: Data, weight: str | None, *, loops: bool = False) -> tuple[Graph, Tensor, Tensor]:
    """The graph, its weights (E,) and those of its self loops (N,); with errors for who has neither `from_pyg` nor its
    options.

    Raises:
        ValueError: as `from_pyg`; for self loops unless `loops`.
    """
    source = replace(
        source_of(weight),
        one_way="put `torch_geometric.transforms.ToUndirected(reduce='mean')` before this transform, which is for "
        "undirected graphs alone",
        loops="This transform is for graphs without them: remove them with {}",
    )
    return triple_of(data, source, weight, loops=loops)


def column(values: Tensor) -> Tensor:
    """(N,) for (N, 1), as OGB keeps labels."""
    return values.squeeze(1) if values.ndim == 2 and values.shape[1] == 1 else values
