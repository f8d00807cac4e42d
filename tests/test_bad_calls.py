"""Every public callable, each argument wrong in every way that applies: errors are ours, and name the argument."""

import pytest
import torch
from bad_calls import CALLS
from bad_calls.calls import Bad, Call
from bad_calls.public import arguments_of, public_callables


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_good_call_is_answered(call: Call) -> None:
    call()


@pytest.mark.parametrize("bad", [bad for call in CALLS for bad in call.bad], ids=str)
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
    assert {function.__qualname__ for function, names in missing.items() if names} == set()
