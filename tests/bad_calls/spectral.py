"""Eigenpairs of a walk."""

from bad_calls.calls import call
from bad_calls.functional import TIME, TOLERANCE, K
from bad_calls.kinds import a_walk, whole
from bad_calls.things import WALK
from graphrw import spectral

ITERATED = {"walk": a_walk(WALK), "k": K, "rounds": whole(2, 0, huge=False), "steps": whole(2, 0, huge=False)}

CALLS = (
    call(spectral.power_iteration, **ITERATED),
    call(spectral.power_iteration_as_published, **ITERATED),
    call(spectral.spectral_map, walk=a_walk(WALK), time=TIME, k=K, tolerance=TOLERANCE),
)
