"""Which small changes of a file its tests do not notice: mutation testing by `ast`, with one forked child a mutant.

Kept libraries do not fit: mutmut leaves decorated functions alone, which ours are, and cosmic-ray starts Python, and
with it torch, anew for every mutant. Errors that are raised, annotations and docstrings are not mutated.

Run: python tests/mutation.py FILE … [--every N]. It tells of each mutant, and ends with 1 if fewer than
90 % are killed. A child that takes longer than two minutes of CPU counts as killed.
"""

import argparse
import ast
import importlib.machinery
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import scipy.sparse.linalg  # noqa: F401 - as torch: before the fork, once for all children
import torch.testing  # noqa: F401

ROOT = Path(__file__).parents[1]
TESTS = {  # the first that fails ends the run: quick ones come first
    "graphrw/solve.py": "test_factors test_solve test_inference_first test_verdict",
    "graphrw/core/walk.py": "test_walk test_functional test_extreme_values",
    "graphrw/solvers/verdict.py": "test_verdict_parts test_row_sums test_verdict",
    "graphrw/spectral": "test_spectral_errors test_spectral_bases test_spectral test_diffusion test_spectral_search "
    "test_spectral_gradients test_spectral_routes",
}
PAIRS = "Add Sub, Mult Div, BitOr BitAnd, And Or, Lt LtE, Gt GtE, Eq NotEq, Is IsNot, FloorDiv Mult, Pow Mult"
SWAPPED = {getattr(ast, b): getattr(ast, a) for a, b in map(str.split, PAIRS.split(",")[:-2])}
SWAPPED |= {getattr(ast, a): getattr(ast, b) for a, b in map(str.split, PAIRS.split(","))}


def alternatives(node: ast.AST) -> Iterator[ast.AST]:
    """What could stand in the place of a node."""
    match node:
        case ast.BinOp(left, op, right) if type(op) in SWAPPED:
            yield ast.BinOp(left, SWAPPED[type(op)](), right)
        case ast.BoolOp(op, values):
            yield ast.BoolOp(SWAPPED[type(op)](), values)
        case ast.Compare(left, [op, *others], right) if type(op) in SWAPPED:
            yield ast.Compare(left, [SWAPPED[type(op)](), *others], right)
        case ast.UnaryOp(ast.USub() | ast.Not() | ast.Invert(), operand):
            yield operand
        case ast.Constant(bool() | int() | float() as value):
            yield ast.Constant(not value if isinstance(value, bool) else value + 1)
        case ast.If(test, body, orelse):
            yield ast.If(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.IfExp(test, body, orelse):
            yield ast.IfExp(test, orelse, body)
        case ast.Expr(ast.Call()):
            yield ast.Pass()
        case ast.Return(ast.expr()):
            yield ast.Return(ast.Constant(None))


class Mutant(ast.NodeTransformer):
    """A tree with its change of this number, if it has so many."""

    def __init__(self, number: int) -> None:
        self.number, self.seen, self.change = number, 0, ""

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.arg) or getattr(node, "name", "") == "__repr__":
            return node
        for other in alternatives(node):
            self.seen += 1
            if self.seen == self.number:
                self.change = f"{node.lineno}: {ast.unparse(node)[:80]} → {ast.unparse(other)[:80]}".replace("\n", " ")
                return ast.copy_location(other, node)
        for field, value in ast.iter_fields(node):
            if isinstance(value, ast.AST) and field not in ("annotation", "returns"):
                setattr(node, field, self.visit(value))
            elif isinstance(value, list):
                value[:] = [self.visit(item) if isinstance(item, ast.AST) else item for item in value]
        return node


def survives(path: Path, tree: ast.AST, tests: list[str]) -> bool:
    """Whether the tests pass, in a child that loads `tree` in the place of the file."""
    child = os.fork()
    if child == 0:
        kind = importlib.machinery.SourceFileLoader
        load, code = kind.get_code, compile(ast.fix_missing_locations(tree), path, "exec")
        kind.get_code = lambda self, name: code if Path(self.path) == path else load(self, name)
        resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os._exit(int(pytest.main(["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", *tests])))
    return os.waitpid(child, 0)[1] == 0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--every", type=int, default=1)
    given, killed, total = parser.parse_args(), 0, 0
    for path in [file.resolve() for file in given.files]:
        name = path.relative_to(ROOT).as_posix()
        words = next(words for start, words in TESTS.items() if name.startswith(start)).split()
        tests, number = [str(path), *(f"{ROOT}/tests/{word}.py" for word in words)], 1
        if not survives(path, ast.parse(path.read_text()), tests):
            sys.exit(f"The tests of {name} fail without a mutant.")
        while (mutant := Mutant(number)).visit(tree := ast.parse(path.read_text())) and mutant.change:
            alive = survives(path, tree, tests)
            print(f"{'survives' if alive else 'killed'}: {name}:{mutant.change}", flush=True)
            killed, total, number = killed + (not alive), total + 1, number + given.every
        print(f"{name}: {killed} of {total} killed so far", flush=True)
    sys.exit(killed < 0.9 * total)


if __name__ == "__main__":
    main()
