"""Every public callable, each argument wrong in every way that applies: errors are ours, and name the argument."""

import pytest
import torch
from _pytest.mark import ParameterSet
from bad_calls import CALLS
from bad_calls.calls import Bad, Call
from bad_calls.pending import is_pending
from bad_calls.public import NO_ROW_YET, arguments_of, public_callables


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_good_call_is_answered(call: Call) -> None:
    call()


def row(bad: Bad) -> ParameterSet:
    marks = [pytest.mark.xfail(reason="not mended yet", strict=False)] if is_pending(bad) else []
    return pytest.param(bad, id=str(bad), marks=marks)


@pytest.mark.parametrize("bad", [row(bad) for call in CALLS for bad in call.bad])
def test_a_bad_call_is_refused_in_words_that_name_the_argument(bad: Bad) -> None:
    outcome, told = bad.outcome()
    assert outcome == "clear", told


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_arrays_do_as_well_as_tensors_or_are_refused(call: Call) -> None:
    for name, argument in call.arguments.items():
        if argument.arrays and isinstance(argument.good, torch.Tensor):
            outcome, told = Bad(call, name, "dtype: array", argument.good.numpy()).outcome()
            assert outcome in ("silent", "clear"), told


def test_every_public_callable_has_a_row_for_each_of_its_arguments() -> None:
    missing = {function: arguments_of(function) for function in public_callables()}
    for call in CALLS:
        missing.get(getattr(call.function, "__func__", call.function), set()).difference_update(call.arguments)
    assert {function.__qualname__ for function, names in missing.items() if names} <= NO_ROW_YET
