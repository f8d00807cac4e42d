"""Rows that fail still: a call, its argument, and a fault or a whole kind of them."""

from bad_calls.calls import Bad
from bad_calls.kinds import fault_of

RANDOM_WALKER = {
    "beta": ("None", "type", "dtype"),
    "tol": ("None", "type", "dtype", "NaN", "infinite", "range"),
    "copy": ("None", "type"),
    "return_full_prob": ("None", "type"),
    "spacing": ("type",),
    "prob_tol": ("None", "type", "dtype", "NaN", "infinite", "range"),
    "channel_axis": ("type", "dtype"),
    "solver": ("None", "type"),
}
PENDING = (*(("random_walker", argument, fault) for argument, faults in RANDOM_WALKER.items() for fault in faults),)


def is_pending(bad: Bad) -> bool:
    call, argument, fault = bad.key
    return (call, argument, fault) in PENDING or (call, argument, fault_of(fault)) in PENDING
