"""Bad calls of everything public, and what the errors must say.

`kinds` knows what may be wrong with an argument of some kind, such as a vector of seeds or a whole number. There is a
file for each room, in which a good call says the kind of each of its arguments. `calls` makes the bad calls of it, one
wrong argument at a time. `public` lists what must have a row.

Counts of what comes of them: ``cd tests && python -m bad_calls``.
"""

from bad_calls import (
    build,
    convert,
    core,
    estimators,
    functional,
    losses,
    metrics,
    models,
    nn,
    partition,
    segmentation,
    solvers,
    spectral,
    transforms,
)

ROOMS = (
    core,
    solvers,
    spectral,
    functional,
    nn,
    models,
    segmentation,
    estimators,
    build,
    convert,
    partition,
    losses,
    metrics,
    transforms,
)
CALLS = tuple(call for room in ROOMS for call in room.CALLS)
