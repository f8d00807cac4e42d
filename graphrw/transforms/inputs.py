"""What every transform takes."""

from torch import Tensor
from torch_geometric.data import Data

from graphrw.convert.fold import check_attribute
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


def column(values: Tensor) -> Tensor:
    """(N,) for (N, 1), as OGB keeps labels."""
    return values.squeeze(1) if values.ndim == 2 and values.shape[1] == 1 else values
