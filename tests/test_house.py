"""The rules of the house that a machine can count: how long things are, what they take, what stands in the hall."""

import ast
from collections.abc import Iterator
from pathlib import Path

import graphrw

ROOT = Path(graphrw.__file__).parent
FILES = {str(path.relative_to(ROOT)): path for path in sorted(ROOT.rglob("*.py"))}

MOST_LINES = 300
MOST_STATEMENT_LINES = 30
MOST_POSITIONAL = 4
MOST_NAMES = 45  # in the hall, before later ones

LATER_NAMES = {  # each with the issue that made it
    *("Session", "build", "convert", "functional", "segment", "spectral", "transforms"),
    *("attention_walk", "feature_graph", "normalised_cut"),
    *("absorption_time", "commute_time", "fate_probabilities", "geodesic_distance", "heat", "hitting_time"),
}

# Functions that may take more by position: those whose signature is another library's.
OTHERS_SIGNATURES = {
    *(f"nn/correct_and_smooth.py: {name}" for name in ("correct", "forward", "smooth")),
    "segmentation/random_walker.py: random_walker",
}
KERNELS = "solvers/gpu/kernels.py"  # on pointers, and with sizes: they take what there is

# Imports in functions: optional packages that are slow to load, or print when loaded, each in its own file.
LATE_IMPORTS = {
    "convert/torch_sparse.py: _torch_sparse",
    "distributed/eigenpairs.py: _slepc",
    "distributed/halo.py: mpi",
    "page/serve.py: _server",
    "partition/scribbles.py: _skeletonize",
    "segmentation/regions/colour_model.py: _scikit_learn",
    "segmentation/regions/superpixels.py: _scikit_image",
    "solvers/direct/cudss.py: _introduce",
    "solvers/direct/cudss.py: _nvmath",
    "solvers/multigrid/triton_level.py: _triton",
    "solvers/direct/pardiso.py: _pypardiso",
    "solvers/iterative/petsc.py: petsc",
}

# Keywords that are handed on as they came: to scikit-learn's `validate_data`, to the function that a decorator is for.
PASSED_ON = {"estimators/classifiers.py: _validated", "core/opaque.py: outside"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST, inside: ast.ClassDef | None = None) -> Iterator[tuple[Function, ast.ClassDef | None]]:
    """Every function below `tree`, with the class whose method it is."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield node, inside
            yield from functions(node)
        else:
            yield from functions(node, node if isinstance(node, ast.ClassDef) else None)


def every_function() -> Iterator[tuple[str, Function, ast.ClassDef | None]]:
    for name, path in FILES.items():
        for function, inside in functions(ast.parse(path.read_text(encoding="utf-8"))):
            yield f"{name}: {function.name}", function, inside


def num_lines(function: Function) -> int:
    """From the first statement to the last, without the docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def num_positional(function: Function, inside: ast.ClassDef | None) -> int:
    """Without `self` and `cls`. (Dataclasses have no `__init__` of their own to be counted.)"""
    static = any(isinstance(mark, ast.Name) and mark.id == "staticmethod" for mark in function.decorator_list)
    count = len(function.args.posonlyargs) + len(function.args.args)
    return count - (inside is not None and not static)


def called_by_torch(function: Function, inside: ast.ClassDef | None) -> bool:
    """`forward` of an autograd `Function`, which torch calls by position alone."""
    bases = [ast.unparse(base) for base in inside.bases] if inside is not None else []
    return function.name == "forward" and "torch.autograd.Function" in bases


def test_no_file_is_longer_than_300_lines() -> None:
    assert {name for name, path in FILES.items() if len(path.read_text().splitlines()) > MOST_LINES} == set()


def test_no_function_is_longer_than_30_lines_without_its_docstring() -> None:
    assert {name for name, function, _ in every_function() if num_lines(function) > MOST_STATEMENT_LINES} == set()


def test_no_function_takes_more_than_four_arguments_by_position() -> None:
    found = {
        name
        for name, function, inside in every_function()
        if num_positional(function, inside) > MOST_POSITIONAL and not called_by_torch(function, inside)
        if not name.startswith(KERNELS)
    }
    assert found == OTHERS_SIGNATURES


def test_no_function_takes_keywords_that_it_does_not_name() -> None:
    assert {name for name, function, _ in every_function() if function.args.kwarg} <= PASSED_ON


def test_imports_stand_at_the_top_of_their_file_and_name_what_they_take() -> None:
    stars, late = set(), set()
    for name, path in FILES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
                stars.add(name)
    for name, function, _ in every_function():
        if any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(function)):
            late.add(name)
    assert stars == set()
    assert late <= LATE_IMPORTS


def test_no_room_is_called_utils() -> None:
    vague = {"util", "utils", "helpers", "misc", "common"}
    assert {name for name in FILES if vague & set(Path(name).with_suffix("").parts)} == set()


def test_the_hall_holds_at_most_45_names_and_what_was_added_since() -> None:
    hall = set(graphrw.__all__)
    assert len(hall) == len(graphrw.__all__)
    assert hall >= LATER_NAMES
    assert len(hall - LATER_NAMES) <= MOST_NAMES
    assert all(hasattr(graphrw, name) for name in hall)
