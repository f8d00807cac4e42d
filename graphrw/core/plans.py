"""What is prepared from a structure alone, kept for as long as the structure is."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import RLock
from typing import Any, TypeVar, cast

from graphrw.core.opaque import opaque
from graphrw.core.sizes import sizes_of
from graphrw.core.transforms import plainly

T = TypeVar("T")
# A session that tries many settings on a graph must not grow without end; of plans that settings do not shape there are
# fewer than this.
MOST = 32


class Plans:
    """The plans of one graph by key: each is made once, and the least recently used goes first.

    Copies and pickles are empty, since plans hold compiled objects that can be neither copied nor sent.
    """

    @opaque  # a compiler may warn of locks
    def __init__(self, version: int | None = None) -> None:
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._version = version  # of the edges when the graph was made; of a copy, when the first plan is
        self._working = RLock()  # plans are made of others

    def get(self, key: Hashable, make: Callable[[], T], version: int | None = None) -> T:
        """What is kept under `key`; if nothing is, what `make` returns now, outside any `torch.func` transform.

        Raises:
            ValueError: if the `version` of the edges is no longer that of when the graph was made.
        """
        with self._working:
            if self._version is None:
                self._version = version
            if version != self._version:
                raise ValueError(
                    "`edges` of a graph, or what they are a view of, were changed in place after it was made, so that "
                    "what was checked and planned may be for others. Make another `Graph` of them; `edges.clone()` "
                    "keeps those of this one as they are."
                )
            if key not in self._kept:
                self._kept[key] = plainly(make)
            self._kept.move_to_end(key)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
            return cast(T, self._kept[key])

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    @property
    def nbytes(self) -> int:
        """About how many bytes they take."""
        with self._working:
            return sum(sizes_of(list(self._kept.values())).values())

    def __len__(self) -> int:
        return len(self._kept)

    def __reduce__(self) -> tuple[type["Plans"], tuple[()]]:
        return Plans, ()
