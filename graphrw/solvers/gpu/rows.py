"""What the kernels make of sparse matrices and of columns of numbers."""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

TRITON = find_spec("triton") is not None  # torch for CUDA brings it, but on Windows
LONGEST = 256  # entries of a row: the rows of a program wait for the longest of them
NUMBERS, WARPS = 256, 2  # of the answer, for each program, and its warps: 4 to each thread
PROGRAMS = 1024  # at most, that take inner products: what each has found is added up by one other
ADDED_UP = 2048  # numbers at once, by that one
PRODUCT, RESIDUAL = (0, 1, 1), (1, -1, 1)  # factors of `EvenRows.combine`: M x, and b − M x


@dataclass(frozen=True, eq=False)
class StepNumbers:
    """Memory for what steps of CG are made of: for each column (and up to a power of two) a few numbers."""

    partial: Tensor  # (P, 3, COLUMNS): inner products, as far as the rows of each program go
    settled: Tensor  # (4, COLUMNS): curvature and length of the first step; factors of what `blend` adds up
    width: int  # K, of the columns

    @staticmethod
    def for_columns(x: Tensor) -> "StepNumbers":
        """Of the shape of `x` (N, K)."""
        columns = _columns(x)
        return StepNumbers(x.new_empty(min(_programs(x), PROGRAMS), 3, columns), x.new_empty(4, columns), x.shape[1])


@dataclass(frozen=True, eq=False)
class EvenRows:
    """A CSR matrix M (R, N), its rows of about one length. Columns of numbers have no gaps, and are of its type."""

    start: Tensor  # (R + 1,)
    column: Tensor  # (M,)
    value: Tensor  # (M,)

    @staticmethod
    def of(matrix: Tensor) -> "EvenRows":
        """Of a CSR tensor, whose memory it shares."""
        return EvenRows(matrix.crow_indices(), matrix.col_indices(), matrix.values())

    def combine(self, x: Tensor, b: Tensor, out: Tensor, *factors: int, added: bool = False) -> Tensor:
        """(α b + β M x) / γ for the whole `factors` α, β and γ, into `out` (R, K), or `added` to it.

        `b` (R, K) is not looked at where α is 0.
        """
        _launch("combine", out, *self._parts, x, b, out, len(out), *factors, added)
        return out

    def flow_out(self, killing: Tensor, x: Tensor, out: Tensor) -> Tensor:
        """k ⊙ x + Σ_j a_ij (x_j − x_i) into `out` (N, K), where M is A, and `killing` (N,)."""
        _launch("flow_out", out, *self._parts, killing, killing.stride(0), x, out, len(out))
        return out

    def first_step(self, x: Tensor, b: Tensor, product: Tensor, numbers: StepNumbers) -> None:
        """M x into `product`, and the `numbers` of a step of CG along x, for M y = `b`."""
        self._step(x, (b, b, product), numbers, second=False)

    def second_step(self, x: Tensor, product: Tensor, rest: Tensor, numbers: StepNumbers) -> None:
        """The `numbers` of a second step along `x`, for the `rest` of b; the first has left its product and numbers."""
        self._step(x, (product, rest, x), numbers, second=True)

    def _step(self, x: Tensor, others: tuple[Tensor, ...], numbers: StepNumbers, *, second: bool) -> None:
        partial, settled = numbers.partial, numbers.settled
        count, _, columns = partial.shape
        _launch("product_and_dots", x, *self._parts, x, *others, partial, len(x), second, programs=count)
        with torch.cuda.device_of(x):
            _kernels().settle_step[(1,)](partial, settled, count, second, max(ADDED_UP // columns, 1), columns)

    @property
    def _parts(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.start, self.column, self.value


def serve(start: Tensor) -> bool:
    """Whether the kernels serve a CSR matrix whose rows start so: on a GPU, with Triton, and without hubs."""
    return TRITON and start.device.type == "cuda" and len(start) > 1 and int(start.diff().max()) <= LONGEST


def reduce_rows(start: Tensor, values: Tensor, *, maximum: bool) -> Tensor:
    """(R,): the sums, or the largest, of the `values` (M,) in each row; `start` (R + 1,). Of no value, 0 or −∞."""
    found = values.new_empty(len(start) - 1, 1)
    _launch("reduce_rows", found, start, values, found, len(found), maximum)
    return found[:, 0]


def dots(a: Tensor, b: Tensor) -> Tensor:
    """(K,): the inner product of each column of `a` (N, K) with that of `b`."""
    partial = a.new_empty(max(min(_programs(a), PROGRAMS), 1), _columns(a))
    _launch("dots", a, a, b, partial, len(a), programs=len(partial))
    return partial.sum(0)[: a.shape[1]]


def serve_columns(*columns: Tensor) -> bool:
    """Whether the kernels serve (N, K): on a GPU, with Triton, and without gaps."""
    return TRITON and all(each.device.type == "cuda" and each.is_contiguous() and each.numel() for each in columns)


def prolong(aggregate: Tensor, share: Tensor, above: Tensor, out: Tensor) -> None:
    """Add share ⊙ above[aggregate] to `out` (N, K); `aggregate` (N,) are rows of `above`, `share` is (N,)."""
    _launch("prolong", out, aggregate, share, above, out, len(out))


def blend(numbers: StepNumbers, u: Tensor, v: Tensor, out: Tensor) -> Tensor:
    """f u + g v into `out` (N, K), with the factors in `numbers`."""
    _launch("blend", out, numbers.settled, u, v, out, len(out))
    return out


def _launch(name: str, like: Tensor, *given: Any, programs: int | None = None) -> None:
    """A kernel on what is `given`, for as many rows and columns as `like` (R, K) has."""
    columns = _columns(like)
    kernel = getattr(_kernels(), name)
    with torch.cuda.device_of(like):  # a kernel starts on the current device, wherever its tensors are
        kernel[(programs or _programs(like),)](*given, like.shape[1], _rows(columns), columns, num_warps=WARPS)


def _programs(like: Tensor) -> int:
    return -(-len(like) // _rows(_columns(like)))


def _rows(columns: int) -> int:
    return max(NUMBERS // columns, 1)


def _columns(like: Tensor) -> int:
    """The power of two from its columns on."""
    return 1 << (like.shape[1] - 1).bit_length()


@cache
def _kernels() -> ModuleType:
    """They take a second to load."""
    return import_module("graphrw.solvers.gpu.kernels")
