"""The one Triton kernel of the library; to import it needs triton."""

import triton
import triton.language as tl


@triton.jit  # type: ignore[untyped-decorator]
def combine(  # type: ignore[no-untyped-def]
    start,
    column,
    value,
    x,
    b,
    out,
    num_rows,
    width,
    ALPHA: tl.constexpr,
    BETA: tl.constexpr,
    DIVISOR: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """out = (ALPHA b + BETA M x) / DIVISOR for a CSR matrix M, in one pass: (R, N) by (N, K), all rows contiguous.

    The factors are whole numbers, since Triton rounds others to float32 on the way. A program takes ROWS rows, and of x
    all columns, COLUMNS being a power of two from `width`; it takes the entries of its rows one after the other, side
    by side for all of them.
    """
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    inside = row < num_rows
    first = tl.load(start + row, mask=inside, other=0)
    length = tl.load(start + row + 1, mask=inside, other=0) - first
    across = tl.arange(0, COLUMNS)[None, :]
    wide = across < width
    total = tl.zeros((ROWS, COLUMNS), value.dtype.element_ty)
    for step in range(tl.max(length, axis=0)):
        there = step < length
        node = tl.load(column + first + step, mask=there, other=0)
        entry = tl.load(value + first + step, mask=there, other=0)
        place = node[:, None].to(tl.int64) * width + across
        total += entry[:, None] * tl.load(x + place, mask=there[:, None] & wide, other=0)
    total *= BETA
    place = row[:, None].to(tl.int64) * width + across
    kept = inside[:, None] & wide
    if ALPHA:
        total += ALPHA * tl.load(b + place, mask=kept, other=0)
    tl.store(out + place, total / DIVISOR, mask=kept)
