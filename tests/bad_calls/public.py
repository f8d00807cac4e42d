"""What is public, and which of it needs no row."""

import inspect
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import graphrw as rw
from graphrw import build, convert, functional, solvers, spectral
from graphrw.solve import Factor

HALLS = (
    rw,
    build,
    convert,
    functional,
    spectral,
    rw.nn,
    rw.models,
    rw.losses,
    rw.metrics,
    rw.partition,
    rw.segmentation,
    rw.estimators,
    rw.transforms,
    solvers,
)

MADE_BY_US = "the library makes them, for its callers to read"
INSIDE = "for our own rooms, not for users"
UNCHECKED: dict[Any, str] = {
    rw.Walk: "`walk` makes and checks it",
    build.IntrinsicMesh: MADE_BY_US,
    build.RegionFeatures: MADE_BY_US,
    functional.ClassMaps: MADE_BY_US,
    functional.Influence: MADE_BY_US,
    functional.MostProbable: MADE_BY_US,
    rw.metrics.BoundaryScore: MADE_BY_US,
    rw.metrics.ScaleCovering: MADE_BY_US,
    rw.metrics.VariationOfInformation: MADE_BY_US,
    solvers.SolveReport: MADE_BY_US,
    Factor.of: INSIDE,
    spectral.check_time: INSIDE,
    spectral.check_undirected: INSIDE,
    spectral.inverse_root: INSIDE,
    solvers.Solver: "a base class, for whoever writes a solver",
    solvers.Inverse: "a base class, for whoever writes a solver",
    rw.models.FeatureTrunk: "a protocol",
    **({} if find_spec("anndata") else dict.fromkeys((convert.from_anndata, convert.to_anndata), "need anndata")),
    convert.to_sparse_tensor: "needs torch-sparse; its arguments are those of `to_edge_index`, which checks them",
}
# For whoever writes a solver; what PyG or torch call by themselves.
UNCHECKED_METHODS = {
    *("plan", "plan_for", "invert", "inverse_of", "refuse_directed", "cached", "has_plan"),
    *("propagate", "train", "extra_repr", "reset_parameters"),
}


def public_callables() -> Iterator[Callable[..., Any]]:
    """Functions, classes, and the methods of classes, each once."""
    seen: set[Any] = set()
    for value in (*(getattr(hall, name) for hall in HALLS for name in hall.__all__), Factor):
        if isinstance(value, ModuleType) or not callable(value) or value in seen:
            continue
        seen.add(value)
        if inspect.isclass(value) and issubclass(value, Exception):
            continue
        if value not in UNCHECKED and value is not Factor:
            yield value
        for method in methods(value) if inspect.isclass(value) else ():
            if method not in seen and not {method, value} & {*UNCHECKED}:
                seen.add(method)
                yield method


def methods(kind: type) -> Iterator[Callable[..., Any]]:
    for name in dir(kind):
        method = inspect.getattr_static(kind, name)
        method = getattr(method, "__func__", method)
        ours = (getattr(method, "__module__", None) or "").startswith("graphrw")
        if callable(method) and ours and not name.startswith("_") and name not in UNCHECKED_METHODS:
            yield method


def arguments_of(function: Callable[..., Any]) -> set[str]:
    """The names in its signature, without `self` and `cls`."""
    return {*inspect.signature(function).parameters} - {"self", "cls"}
