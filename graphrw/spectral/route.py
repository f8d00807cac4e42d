"""Polynomials of S, or an approximate inverse: which of two ways comes first, and which is left when it fails.

Searches for eigenpairs and the linear systems of their derivative have the same two ways. A Chebyshev polynomial needs
products with S alone; its degree, and with it its time, grows as 1 / √gap. T ≈ (σ − S)⁻¹ needs a factor or a hierarchy
and costs more at each step, but few steps where the eigenvalues wanted lie close to the end of the spectrum. Whichever
should be faster comes first, here, for both; the other stands by.
"""

from collections.abc import Callable
from enum import Enum
from typing import TypeVar

from graphrw.core.errors import ConvergenceError

T = TypeVar("T")

LONG_FILTER = 200  # terms: at 160 a search by filter took two thirds of the time that it took with an inverse
LONG_SERIES = 250  # likewise a linear solve, which does not pay for a projection beside them
MAX_FILTER = 2000  # terms: at this degree even an eigenvalue that is larger by no more than 2e-5 of itself stands out
MAX_SERIES = 20_000  # terms: a solve that would need more is given up; it would take minutes on a million nodes


class Route(Enum):
    """The value is what errors call it."""

    POLYNOMIAL = "Chebyshev polynomials"
    INVERSE = "an approximate inverse"


def in_order(terms: int, longest: int) -> tuple[Route, ...]:
    """Both routes, the faster one first: the inverse where a polynomial takes more `terms` than `longest`."""
    routes = (Route.POLYNOMIAL, Route.INVERSE)
    return routes if terms <= longest else routes[::-1]


def in_turn(routes: tuple[Route, ...], attempt: Callable[[Route, bool], T], what: str, cause: Callable[[], str]) -> T:
    """What `attempt` gives by the first route that does not fail.

    Args:
        routes: in the order in which they are tried.
        attempt: called with a route, and whether it is the last; may go on where the route before it has stopped.
            Raises `ConvergenceError` with what is left undone.
        what: the first sentence of the error.
        cause: its last ones, asked for once all has failed.

    Raises:
        ConvergenceError: if all of them fail; it names each, and what it left.
    """
    told: list[str] = []
    for route in routes:
        try:
            return attempt(route, len(told) == len(routes) - 1)
        except ConvergenceError as error:
            told.append(f"by {route.value}, {error}")
    raise ConvergenceError(f"{what}: {'; '.join(told)}. {cause()}")
