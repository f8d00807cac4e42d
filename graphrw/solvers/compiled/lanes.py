"""A few columns of a row side by side in one vector of the processor, whatever that has.

LLVM finds such vectors by itself only now and then: a compiled loop over four columns stayed four loops of single
numbers after the slightest change. Here they are a type of their own, `Lanes`, which kernels add, subtract and
multiply, by each other or by a number. Arrays are (N, K) and contiguous; a `place` is row · K + column.
"""

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

CONTRACT = ("contract",)  # a product and a sum may be one operation, rounded once, as in the libraries of torch

# numba's decorators have no types of their own.
literally: Callable[[Callable[..., Any]], Any] = intrinsic(prefer_literal=True)
instruction: Callable[[Callable[..., Any]], Any] = intrinsic
modelled: Callable[[Any], Callable[[type], type]] = register_model


def meaning(sign: Any) -> Callable[[Callable[..., Any]], Any]:
    """What an operator does with lanes."""
    found: Callable[[Callable[..., Any]], Any] = overload(sign, strict=False)  # strictly, annotations would be repeated
    return found


class Lanes(types.Type):  # type: ignore[misc]
    """The type of `width` numbers side by side."""

    def __init__(self, dtype: types.Type, width: int) -> None:
        self.dtype, self.width = dtype, width
        super().__init__(f"Lanes({dtype}, {width})")


@modelled(Lanes)
class _Model(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Lanes) -> None:
        super().__init__(manager, kind, ir.VectorType(manager[kind.dtype].get_value_type(), kind.width))


@literally
def zeros(typing: Any, array: Any, width: Any) -> Any:
    """`width` zeros of the kind of `array`."""
    kind = Lanes(array.dtype, width.literal_value)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(context.get_value_type(kind), [0.0] * kind.width)

    return kind(array, width), generate


@instruction
def load(typing: Any, like: Any, array: Any, place: Any) -> Any:
    """What stands in `array` from `place` on: as many as `like` has, and in its precision."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, values, at = arguments
        pointer, align = _stretch(context, builder, (array, values, at), like.width)
        return _converted(builder, builder.load(pointer, align=align), context.get_value_type(like))

    return like(like, array, types.int64), generate


@instruction
def store(typing: Any, lanes: Any, array: Any, place: Any) -> Any:
    """Write `lanes` into `array` from `place` on, in the precision of that."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector, values, at = arguments
        pointer, align = _stretch(context, builder, (array, values, at), lanes.width)
        builder.store(_converted(builder, vector, pointer.type.pointee), pointer, align=align)
        return context.get_dummy_value()

    return types.none(lanes, array, types.int64), generate


@instruction
def add_to(typing: Any, array: Any, place: Any, lanes: Any) -> Any:
    """Add `lanes` to what stands in `array` from `place` on, in the precision of that."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, at, vector = arguments
        pointer, align = _stretch(context, builder, (array, values, at), lanes.width)
        total = builder.fadd(builder.load(pointer, align=align), _converted(builder, vector, pointer.type.pointee))
        builder.store(total, pointer, align=align)
        return context.get_dummy_value()

    return types.none(array, types.int64, lanes), generate


@meaning(operator.iadd)
@meaning(operator.add)
def _add(a: Any, b: Any) -> Any:
    return (lambda a, b: _sum(a, b)) if isinstance(a, Lanes) else None


@meaning(operator.isub)
@meaning(operator.sub)
def _sub(a: Any, b: Any) -> Any:
    return (lambda a, b: _difference(a, b)) if isinstance(a, Lanes) else None


@meaning(operator.mul)
def _mul(a: Any, b: Any) -> Any:
    return (lambda a, b: _product(a, b)) if isinstance(b, Lanes) else None


@instruction
def _sum(typing: Any, a: Any, b: Any) -> Any:
    return a(a, a), lambda context, builder, signature, arguments: builder.fadd(*arguments, flags=CONTRACT)


@instruction
def _difference(typing: Any, a: Any, b: Any) -> Any:
    return a(a, a), lambda context, builder, signature, arguments: builder.fsub(*arguments, flags=CONTRACT)


@instruction
def _product(typing: Any, factor: Any, lanes: Any) -> Any:
    """`factor` is lanes, too, or one number for all."""
    kind = factor if isinstance(factor, Lanes) else lanes.dtype

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        scale, vector = arguments
        if not isinstance(kind, Lanes):
            scale = _everywhere(builder, scale, vector.type)
        return builder.fmul(scale, vector, flags=CONTRACT)

    return lanes(kind, lanes), generate


def _stretch(context: Any, builder: Any, where: tuple[Any, Any, Any], width: int) -> tuple[Any, int]:
    """A pointer to `width` numbers of an array as one vector, and its alignment; `where`: type, array, first place."""
    kind, values, place = where
    first = builder.gep(context.make_array(kind)(context, builder, values).data, [place])
    vector = ir.VectorType(context.get_value_type(kind.dtype), width)
    return builder.bitcast(first, vector.as_pointer()), kind.dtype.bitwidth // 8


def _converted(builder: Any, vector: Any, kind: Any) -> Any:
    """The same numbers as a vector of this kind."""
    if vector.type == kind:
        return vector
    narrower = isinstance(kind.element, ir.FloatType)
    return (builder.fptrunc if narrower else builder.fpext)(vector, kind)


def _everywhere(builder: Any, value: Any, kind: Any) -> Any:
    """A vector of this kind with `value` in each lane."""
    undefined, places = ir.Constant(kind, ir.Undefined), ir.VectorType(cgutils.int32_t, kind.count)
    first = builder.insert_element(undefined, value, ir.Constant(cgutils.int32_t, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(places, [0] * kind.count))
