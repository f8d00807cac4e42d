"""The kernels; to import this needs triton (Tillet, Kung & Cox 2019).

Vectors are (N, WIDTH) without gaps. A program takes ROWS rows and all columns, COLUMNS being a power of two from WIDTH,
and the entries of its rows one after the other, side by side for all of them: its rows wait for the longest. No number
is added to by two programs, so that every answer is the same at every call.
"""

# mypy: disable-error-code="untyped-decorator,no-untyped-def,no-untyped-call"

import triton
import triton.language as tl


@triton.jit
def _across(WIDTH: tl.constexpr, COLUMNS: tl.constexpr):
    """The columns of a program, and which of them are there."""
    across = tl.arange(0, COLUMNS)[None, :]
    return across, across < WIDTH


@triton.jit
def _sums_over_rows(
    start, column, value, x, row, inside, DIFFERENCES: tl.constexpr, WIDTH: tl.constexpr, COLUMNS: tl.constexpr
):
    """Σ_j m_ij x_j for each `row` i of a CSR matrix M, or Σ_j m_ij (x_j − x_i)."""
    across, wide = _across(WIDTH, COLUMNS)
    first = tl.load(start + row, mask=inside, other=0)
    length = tl.load(start + row + 1, mask=inside, other=0) - first
    place = row[:, None].to(tl.int64) * WIDTH + across
    own = tl.load(x + place, mask=inside[:, None] & wide, other=0) if DIFFERENCES else 0.0
    total = tl.zeros(place.shape, value.dtype.element_ty)
    for step in range(tl.max(length, axis=0)):
        there = step < length
        node = tl.load(column + first + step, mask=there, other=0)
        entry = tl.load(value + first + step, mask=there, other=0)
        place = node[:, None].to(tl.int64) * WIDTH + across
        total += entry[:, None] * (tl.load(x + place, mask=there[:, None] & wide, other=0) - own)
    return total


@triton.jit
def combine(
    start,
    column,
    value,
    x,
    b,
    out,
    num_rows,
    ALPHA: tl.constexpr,
    BETA: tl.constexpr,
    DIVISOR: tl.constexpr,
    ADDED: tl.constexpr,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """out = (ALPHA b + BETA M x) / DIVISOR, or that much more: (R, N) by (N, K).

    The factors are whole numbers, since Triton rounds others to float32 on the way.
    """
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    inside = row < num_rows
    across, wide = _across(WIDTH, COLUMNS)
    total = BETA * _sums_over_rows(start, column, value, x, row, inside, False, WIDTH, COLUMNS)
    place = row[:, None].to(tl.int64) * WIDTH + across
    kept = inside[:, None] & wide
    if ALPHA:
        total += ALPHA * tl.load(b + place, mask=kept, other=0)
    total = total / DIVISOR
    if ADDED:
        total += tl.load(out + place, mask=kept, other=0)
    tl.store(out + place, total, mask=kept)


@triton.jit
def flow_out(
    start,
    column,
    value,
    killing,
    killing_stride,
    x,
    out,
    num_rows,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """out = k ⊙ x + Σ_j a_ij (x_j − x_i): A x, where nothing cancels. What stands on the diagonal adds nothing."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    inside = row < num_rows
    across, wide = _across(WIDTH, COLUMNS)
    total = _sums_over_rows(start, column, value, x, row, inside, True, WIDTH, COLUMNS)
    place = row[:, None].to(tl.int64) * WIDTH + across
    kept = inside[:, None] & wide
    rate = tl.load(killing + row.to(tl.int64) * killing_stride, mask=inside, other=0)
    total += rate[:, None] * tl.load(x + place, mask=kept, other=0)
    tl.store(out + place, total, mask=kept)


@triton.jit
def reduce_rows(
    start, value, out, num_rows, MAXIMUM: tl.constexpr, WIDTH: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr
):
    """out = the sum of each row's values, or the largest; WIDTH and COLUMNS are 1."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    inside = row < num_rows
    first = tl.load(start + row, mask=inside, other=0)
    length = tl.load(start + row + 1, mask=inside, other=0) - first
    total = tl.full((ROWS,), -float("inf") if MAXIMUM else 0.0, value.dtype.element_ty)
    for step in range(tl.max(length, axis=0)):
        there = step < length
        found = tl.load(value + first + step, mask=there, other=-float("inf") if MAXIMUM else 0.0)
        total = tl.maximum(total, found) if MAXIMUM else total + found
    tl.store(out + row, total, mask=inside)


@triton.jit
def prolong(aggregate, share, above, out, num_rows, WIDTH: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """out = out + share ⊙ above[aggregate]."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    inside = row < num_rows
    across, wide = _across(WIDTH, COLUMNS)
    group = tl.load(aggregate + row, mask=inside, other=0)
    part = tl.load(share + row, mask=inside, other=0)
    place = row[:, None].to(tl.int64) * WIDTH + across
    kept = inside[:, None] & wide
    change = part[:, None] * tl.load(above + group[:, None].to(tl.int64) * WIDTH + across, mask=kept, other=0)
    tl.store(out + place, change + tl.load(out + place, mask=kept, other=0), mask=kept)


@triton.jit
def dots(a, b, partial, num_rows, WIDTH: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """The inner product of each column of a with that of b, as far as a program's rows go: `partial` (P, COLUMNS)."""
    across, wide = _across(WIDTH, COLUMNS)
    total = tl.zeros((ROWS, COLUMNS), a.dtype.element_ty)
    for block in range(tl.program_id(0), tl.cdiv(num_rows, ROWS), tl.num_programs(0)):
        row = block * ROWS + tl.arange(0, ROWS)
        place = row[:, None].to(tl.int64) * WIDTH + across
        kept = (row < num_rows)[:, None] & wide
        total += tl.load(a + place, mask=kept, other=0) * tl.load(b + place, mask=kept, other=0)
    tl.store(partial + tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS), tl.sum(total, axis=0))


@triton.jit
def product_and_dots(
    start,
    column,
    value,
    x,
    u,
    v,
    out,
    partial,
    num_rows,
    SECOND: tl.constexpr,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """The inner products of x with M x, u, and v if SECOND, as far as a program's rows go: `partial` (P, 3, COLUMNS).

    M x is written to `out`, unless SECOND.
    """
    across, wide = _across(WIDTH, COLUMNS)
    own = tl.zeros((ROWS, COLUMNS), value.dtype.element_ty)
    with_u, with_v = own, own
    for block in range(tl.program_id(0), tl.cdiv(num_rows, ROWS), tl.num_programs(0)):
        row = block * ROWS + tl.arange(0, ROWS)
        inside = row < num_rows
        total = _sums_over_rows(start, column, value, x, row, inside, False, WIDTH, COLUMNS)
        place = row[:, None].to(tl.int64) * WIDTH + across
        kept = inside[:, None] & wide
        here = tl.load(x + place, mask=kept, other=0)
        own += here * total
        with_u += here * tl.load(u + place, mask=kept, other=0)
        if SECOND:
            with_v += here * tl.load(v + place, mask=kept, other=0)
        else:
            tl.store(out + place, total, mask=kept)
    place = tl.program_id(0) * 3 * COLUMNS + tl.arange(0, COLUMNS)
    tl.store(partial + place, tl.sum(own, axis=0))
    tl.store(partial + place + COLUMNS, tl.sum(with_u, axis=0))
    if SECOND:
        tl.store(partial + place + 2 * COLUMNS, tl.sum(with_v, axis=0))


@triton.jit
def settle_step(partial, numbers, count, SECOND: tl.constexpr, PARTS: tl.constexpr, COLUMNS: tl.constexpr):
    """From `partial` (count, 3, COLUMNS) the numbers of a step of CG: `numbers` (4, COLUMNS).

    They are the curvature and the length of the first step; and the two factors of `blend` with which it, or the
    second, comes to its answer.
    """
    across = tl.arange(0, COLUMNS)
    own = tl.zeros((PARTS, COLUMNS), partial.dtype.element_ty)
    with_u, with_v = own, own
    for begin in range(0, count, PARTS):
        part = begin + tl.arange(0, PARTS)
        inside = (part < count)[:, None] & (across >= 0)[None, :]
        place = part[:, None] * 3 * COLUMNS + across[None, :]
        own += tl.load(partial + place, mask=inside, other=0)
        with_u += tl.load(partial + place + COLUMNS, mask=inside, other=0)
        if SECOND:
            with_v += tl.load(partial + place + 2 * COLUMNS, mask=inside, other=0)
    mine, along = tl.sum(own, axis=0), tl.sum(with_u, axis=0)
    if SECOND:
        curvature, length = tl.load(numbers + across), tl.load(numbers + COLUMNS + across)
        overlap = along / curvature
        left = mine - overlap * overlap * curvature
        further = tl.sum(with_v, axis=0) / tl.where(left > 0, left, 1.0)
        tl.store(numbers + 2 * COLUMNS + across, further)
        tl.store(numbers + 3 * COLUMNS + across, length - overlap * further)
    else:
        curvature = tl.where(mine > 0, mine, 1.0)
        length = along / curvature
        tl.store(numbers + across, curvature)
        tl.store(numbers + COLUMNS + across, length)
        tl.store(numbers + 2 * COLUMNS + across, length * 0 + 1.0)
        tl.store(numbers + 3 * COLUMNS + across, -length)


@triton.jit
def blend(numbers, u, v, out, num_rows, WIDTH: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """out = f u + g v, where f and g are the last two rows of `numbers` (4, COLUMNS)."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    across, wide = _across(WIDTH, COLUMNS)
    place = row[:, None].to(tl.int64) * WIDTH + across
    kept = (row < num_rows)[:, None] & wide
    f, g = tl.load(numbers + 2 * COLUMNS + across), tl.load(numbers + 3 * COLUMNS + across)
    total = f * tl.load(u + place, mask=kept, other=0) + g * tl.load(v + place, mask=kept, other=0)
    tl.store(out + place, total, mask=kept)
