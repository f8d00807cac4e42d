"""The algebraic multigrids that PETSc has, and their options."""

from dataclasses import dataclass

from graphrw.core.whole import is_number

Options = dict[str, str | float]  # of PETSc's database, which knows its parts by such words alone


@dataclass(frozen=True)
class BoomerAMG:
    """hypre's classical algebraic multigrid (Henson & Yang 2002), coarsened and interpolated as hypre advises for many
    processes (HMIS, ext+i: De Sterck, Yang & Heys 2006).

    Args:
        strong_threshold: which share of a row's largest weight counts as strong, in [0, 1).
    """

    strong_threshold: float = 0.25

    def __post_init__(self) -> None:
        _check_share("strong_threshold", self.strong_threshold)

    @property
    def options(self) -> Options:
        """What sets it up."""
        boomer: Options = {
            "strong_threshold": self.strong_threshold,
            "coarsen_type": "HMIS",
            "interp_type": "ext+i",
            "P_max": 4,
        }
        return {"pc_type": "hypre", "pc_hypre_type": "boomeramg"} | {
            f"pc_hypre_boomeramg_{name}": value for name, value in boomer.items()
        }


@dataclass(frozen=True)
class GAMG:
    """PETSc's own multigrid by smoothed aggregation (Vaněk, Mandel & Brezina 1996), which is there without hypre.

    Args:
        threshold: how weak, relative to the rates of its ends, an edge may be to join an aggregate, in [0, 1).
    """

    threshold: float = 0.01

    def __post_init__(self) -> None:
        _check_share("threshold", self.threshold)

    @property
    def options(self) -> Options:
        """What sets it up."""
        return {"pc_type": "gamg", "pc_gamg_threshold": self.threshold}


Preconditioner = BoomerAMG | GAMG


def _check_share(name: str, value: float) -> None:
    if not (is_number(value) and 0 <= value < 1):
        raise ValueError(f"`{name}` must lie in [0, 1); got {value!r}.")
