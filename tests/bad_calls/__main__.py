"""What comes of all bad calls, counted: ``python -m bad_calls [--list OUTCOME …]`` in the folder of the tests."""

import argparse
import resource
import signal
import warnings
from collections import Counter

import psutil
import torch

from bad_calls import CALLS, ROOMS
from bad_calls.calls import OUTCOMES, Bad
from bad_calls.kinds import FAULTS, fault_of

SECONDS, BYTES = 5, 4 * 2**30  # of one call, after which it counts as a hang, or as out of memory


def timed_out(*_: object) -> None:
    raise TimeoutError


def outcome(bad: Bad) -> tuple[str, str]:
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        return bad.outcome()
    except TimeoutError:
        return "hang", ""
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def table(rows: dict[str, Counter[str]]) -> None:
    print(f"{'':12}" + "".join(f"{name:>9}" for name in OUTCOMES) + f"{'all':>9}")
    for name, counts in rows.items():
        print(f"{name:12}" + "".join(f"{counts[kind]:9}" for kind in OUTCOMES) + f"{counts.total():9}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", nargs="*", default=[], choices=OUTCOMES, help="also list the calls that come to this")
    listed = parser.parse_args().list
    torch.set_num_threads(1)
    warnings.simplefilter("error")
    signal.signal(signal.SIGALRM, timed_out)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + BYTES, resource.RLIM_INFINITY))
    rooms = {room.__name__.partition(".")[2]: Counter[str]() for room in ROOMS}
    faults = {fault: Counter[str]() for fault in FAULTS}
    for room, counts in zip(ROOMS, rooms.values(), strict=True):
        for bad in (bad for call in room.CALLS for bad in call.bad):
            kind, told = outcome(bad)
            counts[kind] += 1
            faults[fault_of(bad.fault)][kind] += 1
            if kind in listed:
                print(f"{kind}: {bad}: {told.splitlines()[0][:300] if told else ''}")
    table(rooms)
    table(faults)
    table({f"{len(CALLS)} calls": sum(rooms.values(), Counter())})


if __name__ == "__main__":
    main()
