"""What an argument can be, and what it cannot: values that are wrong, each made from one that is right.

The key of a wrong value is its fault, `FAULTS`, and after a colon what exactly is wrong.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphrw.solvers import CG, Auto

FAULTS = ("None", "type", "shape", "dtype", "NaN", "infinite", "range", "empty", "huge")
HUGE = 2**70  # more than int64 holds


@dataclass(frozen=True)
class Argument:
    """A value that is right, and what would be wrong in its place."""

    good: Any
    bad: Mapping[str, Any]
    says: str = ""  # what errors about None and wrong types must contain, besides the name
    names: tuple[str, ...] = ()  # what else errors may call it
    words: tuple[str, ...] = ()  # what else errors may say in place of a name
    arrays: bool = False  # whether NumPy's arrays do as well

    def without(self, *faults: str) -> "Argument":
        """Less these faults, which are none here; either all of one kind ("shape") or one ("shape: ()")."""
        kept = {name: value for name, value in self.bad.items() if not {name, fault_of(name)} & {*faults}}
        missing = {*faults} - {*self.bad} - {fault_of(name) for name in self.bad}
        assert not missing, f"there are no such faults: {missing}"
        return replace(self, bad=kept)

    def also(self, faults: Mapping[str, Any]) -> "Argument":
        return replace(self, bad={**self.bad, **faults})

    def optional(self) -> "Argument":
        """None is right, too."""
        return self.without("None")

    def called(self, *names: str) -> "Argument":
        return replace(self, names=names)

    def worded(self, *words: str) -> "Argument":
        """Errors may say these words in place of its name; "" where another library checks, in words of its own."""
        return replace(self, words=words)

    def saying(self, words: str) -> "Argument":
        return replace(self, says=words)


def fault_of(name: str) -> str:
    return name.partition(":")[0]


# --- objects --------------------------------------------------------------------------------------------------------


def instance(good: Any, says: str, **wrong: Any) -> Argument:
    """Something of one class, and things that are none."""
    others = {"None": None, "type: text": "text", "type: list": [1.0], "type: dict": {}, "type: number": 1.5}
    return Argument(good, {**others, **{f"type: {name}": value for name, value in wrong.items()}}, says)


def a_walk(good: Any) -> Argument:
    return instance(good, "`Walk`", tensor=torch.ones(2, 2), graph=good.graph)


def a_graph(good: Any) -> Argument:
    return instance(good, "`Graph`", tensor=torch.ones(2, 2), array=np.ones(2))


def a_solver(good: Any = Auto()) -> Argument:
    return instance(good, "solver", the_class=CG, name="cg").saying(r"solver, such as `Auto\(\)`")


def flag(good: bool = False) -> Argument:
    wrong = {"None": None, "type: text": "no", "type: number": 2, "type: list": [], "type: tensor": torch.ones(2)}
    return Argument(good, wrong, "True or False")


# --- numbers --------------------------------------------------------------------------------------------------------


def whole(good: int | None, *wrong: int, huge: bool = True) -> Argument:
    """A whole number, with others that are out of its range; `huge`: whether very large ones are."""
    faults = {
        "None": None,
        "type: float": 2.0,
        "type: text": "2",
        "type: bool": True,
        "type: list": [2],
        "dtype: complex": 2j,
        "NaN": float("nan"),
        "infinite": float("inf"),
        **{f"range: {value}": value for value in wrong},
        **({"huge": HUGE} if huge else {}),
    }
    faults = {name: value for name, value in faults.items() if good is not None or value is not None}
    return Argument(good, faults, "whole number")


def number(good: float | None, *wrong: float) -> Argument:
    """A finite number, with others that are out of its range."""
    faults = {
        "None": None,
        "type: text": "0.5",
        "type: list": [0.5],
        "type: dict": {},
        "dtype: complex": 0.5j,
        "NaN": float("nan"),
        "infinite": float("inf"),
        "huge": 10**400,  # whole, and more than a float can hold
        **{f"range: {value}": value for value in wrong},
    }
    faults = {name: value for name, value in faults.items() if good is not None or value is not None}
    return Argument(good, faults)


def scalar(good: float | Tensor, *wrong: float) -> Argument:
    """A number, or a tensor () that may be learned."""
    tensors = {f"range: tensor {value}": torch.tensor(value) for value in wrong}
    shapes = {"shape: (2, 2)": torch.full((2, 2), 0.5), "dtype: complex tensor": torch.tensor(0.5j)}
    return number(good, *wrong).also({"NaN: tensor": torch.tensor(float("nan")), **tensors, **shapes})


def several(good: Any, *wrong: float, whole: bool = False) -> Argument:
    """A sequence of numbers, one for each axis, say."""
    rest = good[1:]
    faults = {
        "None": None,
        "type: number": 2.5,
        "type: dict": {},
        "type: texts": [str(value) for value in good],
        "shape: nested": [list(good)],
        "NaN": (float("nan"), *rest),
        "infinite": (float("inf"), *rest),
        "empty": (),
        **({"type: floats": tuple(map(float, good)), "type: bool": (True, *rest)} if whole else {}),
        **{f"range: {value}": (value, *rest) for value in wrong},
    }
    return Argument(good, faults)


# --- tensors --------------------------------------------------------------------------------------------------------


def floats(good: Tensor, *wrong: float) -> Argument:
    """A tensor of finite floats, with numbers that may not occur among them."""
    faults = {
        **_no_tensors(good),
        **_misshapen(good),
        "dtype: complex": good.to(torch.complex64),
        "dtype: bool": good.bool(),
        "dtype: int64": good.long(),
        "NaN": _with(good, float("nan"), good.numel() // 2),  # not at the first node, which is often a seed
        "infinite": _with(good, float("inf"), good.numel() // 2),
        **{f"range: {value}": _with(good, value, good.numel() // 2) for value in wrong},
    }
    return Argument(good, faults, arrays=True)


def wholes(good: Tensor, *wrong: int) -> Argument:
    """An int64 tensor, with numbers that may not occur among them."""
    faults = {
        **_no_tensors(good),
        **_misshapen(good),
        "dtype: float": good.float(),
        "dtype: complex": good.to(torch.complex64),
        "dtype: bool": good.bool(),
        "NaN": _with(good.float(), float("nan")),
        **{f"range: {value}": _with(good, value) for value in wrong},
    }
    return Argument(good, faults, arrays=True)


def _no_tensors(good: Tensor) -> dict[str, Any]:
    return {"None": None, "type: list": good.tolist(), "type: dict": {}, "type: text": "0", "type: set": {1, 2}}


def _misshapen(good: Tensor) -> dict[str, Any]:
    return {
        "shape: ()": good.flatten()[0],
        "shape: a row more": torch.cat([good, good[-1:]]),
        "shape: an axis more": good[None],
        "empty": good[:0],
    }


def _with(good: Tensor, value: float, place: int = 0) -> Tensor:
    changed = good.clone()
    changed.view(-1)[place] = value
    return changed


def named(name: str) -> re.Pattern[str]:
    """An argument in an error: in backticks, alone or with what it was given."""
    return re.compile(rf"`{re.escape(name)}(`|=| = )")
