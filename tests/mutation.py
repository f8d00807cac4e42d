"""Which small changes of a file its tests do not notice: mutation testing by `ast`, with one forked child a mutant.

Kept libraries do not fit: mutmut leaves decorated functions alone, which ours are, and cosmic-ray starts Python, and
with it torch, anew for every mutant. Errors that are raised, annotations and docstrings are not mutated, nor what
only tunes: a whole constant of a module by one, and whether a bound that is a constant lies within. A mutant is tried
by those tests alone that run its statement, as coverage has seen them do, the quick ones first.

Run: python tests/mutation.py FILE … [--every N] [--first M]: mutants M, M + N, M + 2N, … of each file. It tells of
each, and ends with 1 if fewer than 90 % are killed. A child that takes longer than a minute of CPU counts as killed.
"""

import argparse
import ast
import importlib
import importlib.machinery
import itertools
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import coverage
import pytest

ROOT = Path(__file__).parents[1]
TESTS = {  # the first that fails ends the run: quick ones come first
    "graphrw/solve.py": "graphrw/testing test_factors test_solve test_inference_first test_verdict",
    "graphrw/core/walk.py": "test_walk test_functional test_extreme_values test_extreme_values_sizes",
    "graphrw/core/held.py": "test_walk test_functional test_extreme_values",
    "graphrw/solvers/verdict.py": "test_verdict_parts test_row_sums test_verdict",
    "graphrw/spectral": "test_spectral_parts test_spectral_errors test_spectral_bases test_spectral test_diffusion "
    "test_spectral_search test_spectral_gradients test_spectral_routes",
}
PATIENCE = 10  # seconds of CPU for the tests of a mutant, as they take without it
SITE = str(Path(pytest.__file__).parents[1])
FIT = "4 * graph.num_edges * largest + float(killing.amax()) < torch.finfo(weight.dtype"
EQUIVALENT = {  # mutants that change nothing anyone could see, and why
    ("walk.py", f"{FIT} → {FIT.replace(' < ', ' <= ')[:80]}"): "a bound with room to spare",
    ("walk.py", "4 → 5"): "likewise: below it nothing is added up",
    ("solve.py", "b + weight.sum() + killing.sum() → b + weight.sum() - killing.sum()"): "what is added to is empty",
    ("solve.py", "b + weight.sum() → b - weight.sum()"): "likewise",
    ("eigenpairs.py", "order.diff() < 0 → order.diff() <= 0"): "an order does not repeat",
    ("filtered.py", "degree > stride → degree >= stride"): "at the last term nothing is cleared",
    ("layout.py", "2 * int(colour.sum()) > graph.num_nodes → 2 * int(colour.sum()) >= graph.num_nodes"): "equal halves",
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
        case ast.Compare(left, [op, *others], right) if type(op) in SWAPPED and not _tunes(node):
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
        case ast.Return(ast.expr() as value) if ast.unparse(value) != "None":
            yield ast.Return(ast.Constant(None))


def _tunes(node: ast.Assign | ast.Compare) -> bool:
    """Whether it sets a whole constant, or compares with one by size."""
    if isinstance(node, ast.Compare):
        names = [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]
        return isinstance(node.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE) and any(map(str.isupper, names))
    return (
        isinstance(node.value, ast.Constant)
        and type(node.value.value) is int
        and ast.unparse(node.targets[0]).isupper()
    )


class Mutant(ast.NodeTransformer):
    """A tree with its change of this number, if it has so many."""

    def __init__(self, number: int) -> None:
        self.number, self.seen, self.change = number, 0, ""
        self.statement: ast.stmt  # the last that was entered: that of the change, once there is one

    def visit(self, node: ast.AST) -> ast.AST:
        named = getattr(node, "name", ""), getattr(node, "arg", "")
        spared = isinstance(node, ast.Raise | ast.JoinedStr | ast.arg) or named in (("__repr__", ""), ("", "strict"))
        if spared or (isinstance(node, ast.Assign) and _tunes(node)):
            return node
        if isinstance(node, ast.stmt) and not self.change:
            self.statement = node
        for other in alternatives(node):
            self.seen += 1
            if self.seen == self.number:
                self.change = f"{node.lineno}: {ast.unparse(node)[:80]} → {ast.unparse(other)[:80]}".replace("\n", " ")
                return ast.copy_location(other, node)
        # What decorates a statement comes before those within, which are entered from then on.
        for field, value in sorted(ast.iter_fields(node), key=lambda pair: pair[0] == "body"):
            if isinstance(value, ast.AST) and field not in ("annotation", "returns"):
                setattr(node, field, self.visit(value))
            elif isinstance(value, list):
                value[:] = [self.visit(item) if isinstance(item, ast.AST) else item for item in value]
        return node

    @property
    def lines(self) -> range:
        """Of the statement, without those within it."""
        within = [inner.lineno for inner in getattr(self.statement, "body", [])]
        return range(self.statement.lineno, min(within, default=self.statement.end_lineno + 1))


@dataclass
class Seen:
    """Which tests run which lines of some files: a plugin of pytest."""

    paths: list[Path]

    def __post_init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.coverage = coverage.Coverage(data_file=None, config_file=False, include=[*map(str, self.paths)])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        began = time.process_time()
        self.coverage.switch_context(item.nodeid)
        try:
            return (yield)
        finally:
            self.coverage.switch_context("")
            self.seconds[item.nodeid] = time.process_time() - began

    def tests(self, path: Path) -> dict[int, list[str]]:
        """For each line, the quick ones first; what runs at import is the business of all."""
        order = sorted(self.seconds, key=self.seconds.__getitem__)
        contexts = self.coverage.get_data().contexts_by_lineno(str(path))
        return {
            line: self._quick(order if "" in names else [name for name in order if name in names])
            for line, names in contexts.items()
        }

    def _quick(self, names: list[str]) -> list[str]:
        """Those that take no longer than `PATIENCE` together."""
        spent = itertools.accumulate(self.seconds[name] for name in names)
        return [name for name, seconds in zip(names, spent, strict=True) if seconds < PATIENCE]


Lines = dict[str, dict[int, list[str]]]  # the tests of each line of each file


def observe(paths: list[Path], tests: list[str]) -> Lines:
    """The tests of each line of each file, all of which must pass as it is."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told"
        child = os.fork()
        if child == 0:
            seen = Seen(paths)
            with seen.coverage.collect():
                ended = run(tests, seen)
            files = ((name, getattr(module, "__file__", None)) for name, module in sys.modules.items())
            foreign = [name for name, file in files if (file or "").startswith(SITE)]
            told.write_text(json.dumps([{str(path): seen.tests(path) for path in paths}, foreign]))
            os._exit(ended)
        if os.waitpid(child, 0)[1]:
            sys.exit(f"Tests fail without a mutant: {tests}.")
        by_line, foreign = json.loads(told.read_text())
    for name in foreign:  # before the fork, once for all children
        importlib.import_module(name)
    chosen = {name for lines in by_line.values() for names in lines.values() for name in names}
    child = os.fork()
    if child == 0:
        os._exit(run(["--collect-only", *sorted(chosen)]))
    if os.waitpid(child, 0)[1]:
        sys.exit("Some tests are not found when they are named one by one.")
    return {path: {int(line): names for line, names in lines.items()} for path, lines in by_line.items()}


def run(tests: list[str], *plugins: object) -> int:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return int(pytest.main(["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", *tests], [*plugins]))


def survives(path: Path, tree: ast.AST, tests: list[str]) -> bool:
    """Whether the tests pass, in a child that loads `tree` in the place of the file."""
    child = os.fork()
    if child == 0:
        kind = importlib.machinery.SourceFileLoader
        load, code = kind.get_code, compile(ast.fix_missing_locations(tree), path, "exec")
        kind.get_code = lambda self, name: code if Path(self.path) == path else load(self, name)
        resource.setrlimit(resource.RLIMIT_CPU, (6 * PATIENCE,) * 2)
        os._exit(run(tests))
    return os.waitpid(child, 0)[1] == 0


def mutants(path: Path, first: int = 1, every: int = 1) -> Iterator[tuple[ast.AST, Mutant]]:
    """Some of a file, each with the tree that it is; those that change nothing are left out."""
    for number in itertools.count(first, every):
        mutant = Mutant(number)
        mutant.visit(tree := ast.parse(path.read_text()))
        if not mutant.change:
            return
        if (path.name, mutant.change.split(": ", 1)[1]) not in EQUIVALENT:
            yield tree, mutant


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--first", type=int, default=1)
    given, killed, total = parser.parse_args(), 0, 0
    os.chdir(ROOT)
    names = [file.resolve().relative_to(ROOT).as_posix() for file in given.files]
    for start, words in TESTS.items():
        paths = [ROOT / name for name in names if name.startswith(start)]
        tests = [f"{word}.py" if "/" in word else f"tests/{word}.py" for word in words.split()]
        by_line = observe(paths, [*map(str, paths), *tests]) if paths else {}
        for path in paths:
            for tree, mutant in mutants(path, given.first, given.every):
                chosen = max((by_line[str(path)].get(line, []) for line in mutant.lines), key=len)
                alive = not chosen or survives(path, tree, chosen)
                print(f"{'survives' if alive else 'killed'}: {path.name}:{mutant.change}", flush=True)
                killed, total = killed + (not alive), total + 1
            print(f"{path.name}: {killed} of {total} killed so far", flush=True)
    sys.exit(killed < 0.9 * total)


if __name__ == "__main__":
    main()
