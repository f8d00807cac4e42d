"""Random input to converters, readers of files, and the page: an answer, or a refusal of the kind that is promised."""

import gzip
import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from random_walks import searched
from scipy import sparse

import graphrw as rw
from graphrw.cli.graph_files import NamedGraph, read_graph, read_node_labels
from graphrw.core.errors import MissingDependencyError
from graphrw.files import ImageFile, read_image, read_labels, write_image
from graphrw.page import replies
from graphrw.page.app import application
from graphrw.page.drawing import Drawing
from graphrw.page.guard import Guard
from graphrw.segmentation import Session

REFUSED = (ValueError, MemoryError, OSError, MissingDependencyError)
NUMBERS = st.sampled_from([0.0, 1.0, -1.0, 0.5, 1e-300, 1e300, 1e-40, 3e38, float("nan"), float("inf"), 2**53 + 1.0])
INTEGERS = st.integers(-2, 6) | st.sampled_from([2**31, 2**62, -(2**63), 10**6])
KINDS = st.sampled_from(
    [torch.int64, torch.int32, torch.float32, torch.float64, torch.bool, torch.float16, torch.uint8]
)


@pytest.fixture(autouse=True)
def _a_gibibyte_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a graph of 2³¹ nodes, which is valid, is refused and not built where 17 GB a number are free."""
    monkeypatch.setattr("graphrw.core.memory.available_memory", lambda: 2**30)


def assert_usable(made: Callable[[], tuple[rw.Graph, torch.Tensor]]) -> None:
    """What a converter takes is a graph with weights that a walk takes, and goes back and forth; or it is refused."""
    try:
        graph, weight = made()
        rw.walk(graph, weight)
    except (ValueError, MemoryError):
        return
    again, same = rw.from_scipy(rw.to_scipy(graph, weight.double()), directed=graph.directed)
    assert again.num_nodes == graph.num_nodes
    assert torch.equal(same.sort().values, weight.double().sort().values)


@searched(
    st.lists(st.tuples(INTEGERS, INTEGERS), max_size=6),
    st.none() | st.lists(NUMBERS, max_size=6),
    st.none() | INTEGERS,
    st.booleans(),
    st.tuples(KINDS, KINDS),
)
def test_an_edge_index_becomes_a_graph_or_is_refused(pairs, weights, nodes, directed, kinds) -> None:
    try:
        edge_index = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T.to(kinds[0])
        weight = None if weights is None else torch.tensor(weights).to(kinds[1])
    except (OverflowError, RuntimeError):
        return
    assert_usable(lambda: rw.from_edge_index(edge_index, weight, nodes, directed=directed))


@searched(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), NUMBERS), max_size=8),
    st.sampled_from(["f8", "f4", "i8", "i2", "?", "c16", "u1"]),
    st.sampled_from(["coo", "csr", "csc", "lil", "dok", "bsr", "dia"]),
    st.booleans(),
)
def test_a_matrix_becomes_a_graph_or_is_refused(entries, kind, layout, directed) -> None:
    rows, columns, values = (list(part) for part in zip(*entries, strict=True)) if entries else ([], [], [])
    with np.errstate(all="ignore"):
        values = np.array(values, dtype=float).astype(kind)
    matrix = sparse.coo_array((values, (rows, columns)), shape=(5, 5)).asformat(layout)
    assert_usable(lambda: rw.from_scipy(matrix, directed))


NAMES = st.integers(0, 4) | st.sampled_from(["a", "b", None, (1, 2)])
WEIGHTS = NUMBERS | st.sampled_from([None, "1", True, 1j, [1.0], 10**400])


@searched(
    st.lists(st.tuples(NAMES.filter(lambda name: name is not None), NAMES, WEIGHTS), max_size=6),
    st.sampled_from([nx.Graph, nx.DiGraph, nx.MultiGraph, nx.MultiDiGraph]),
)
def test_a_network_becomes_a_graph_or_is_refused(edges, kind) -> None:
    network = kind()
    for tail, head, weight in edges:
        if head is None:
            network.add_node(tail)
        else:
            network.add_edge(tail, head, weight=weight)
    assert_usable(lambda: rw.from_networkx(network, dtype=torch.float64))


def refusal(of: Callable[[], object], *kinds: type[Exception]) -> str:
    """What an error of these kinds says; empty if there is none. Any other is a bug."""
    try:
        of()
    except kinds as error:
        assert str(error), f"{type(error).__name__} without a word"  # noqa: PT017 - that there is none is as good
        return str(error)
    return ""


def changed(content: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    """Bytes with some cut out, and others put in their place, at shares of their length."""
    for place, cut, put in changes:
        start = int(place * len(content))
        content = content[:start] + put + content[start + cut :]
    return content


CHANGES = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 40), st.binary(max_size=6) | st.sampled_from([b"\xff" * 4, b"\0" * 8])),
    min_size=1,
    max_size=4,
)
IMAGES = (".png", ".tif", ".nii", ".nii.gz", ".nrrd", ".npy")


def valid_files() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        for ending in IMAGES:
            values = np.arange(30, dtype=np.uint8).reshape(5, 6)
            write_image(Path(folder) / f"a{ending}", ImageFile(values, axes="yx", spacing=(1.0, 2.0)))
        return {ending: (Path(folder) / f"a{ending}").read_bytes() for ending in IMAGES}


FILES = valid_files()


@searched(st.sampled_from(IMAGES), CHANGES, st.booleans())
def test_a_changed_image_file_is_read_or_refused_by_name(ending, changes, labels) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{ending}"
        path.write_bytes(changed(FILES[ending], changes))
        said = refusal(lambda: (read_labels if labels else read_image)(path), *REFUSED)
        assert not said or str(path) in said


def graph_files() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        network = nx.karate_club_graph()
        nx.write_graphml(network, Path(folder) / "a.graphml")
        sparse.save_npz(Path(folder) / "a.npz", sparse.csr_array(nx.to_scipy_sparse_array(network)))
        text = b"# edges\n0 1 2.5\n1,2,1e-3\n2\t3\n"
        (Path(folder) / "a.txt").write_bytes(text)
        (Path(folder) / "a.txt.gz").write_bytes(gzip.compress(text))
        return {path.name[1:]: path.read_bytes() for path in Path(folder).iterdir()}


GRAPHS = graph_files()


def walk_of(read: NamedGraph) -> rw.Walk:
    assert len(read.names) == read.graph.num_nodes
    return rw.walk(read.graph, read.weight)


@searched(st.sampled_from(sorted(GRAPHS)), CHANGES, st.booleans())
def test_a_changed_graph_file_is_read_or_refused(ending, changes, directed) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{ending}"
        path.write_bytes(changed(GRAPHS[ending], changes))
        refusal(lambda: walk_of(read_graph(path, directed=directed)), *REFUSED)
        refusal(lambda: read_node_labels(path, ["a"]), *REFUSED)


JSON = st.recursive(
    st.none() | st.booleans() | INTEGERS | NUMBERS | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@searched(st.sampled_from(["format", "version", "image", "options", "strokes", "label", "runs", "kept"]), JSON)
def test_a_changed_log_of_strokes_is_replayed_or_refused_by_name(key, value) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        session = Session(np.zeros((4, 5)), superpixels=False)
        session.paint(1, ([1], [2]))
        session.save_log(path)
        log = json.loads(path.read_text())
        (log if key in log else log["strokes"][0])[key] = value
        path.write_text(json.dumps(log))
        said = refusal(lambda: session.replay(path), ValueError)
        assert not said or str(path) in said
        assert session.labels.shape == (4, 5)


ANSWERS = {200, 400, 403, 404, 405, 409, 413}
TOKEN, HOST = "a-token", "127.0.0.1:8000"


def an_image() -> bytes:
    from PIL import Image  # noqa: PLC0415 - with the page's extra alone

    file = io.BytesIO()
    Image.fromarray(np.arange(63, dtype=np.uint8).reshape(7, 9)).save(file, "PNG")
    return file.getvalue()


RUNS = st.lists(st.tuples(st.integers(-1, 63), st.integers(-1, 9)).map(list) | JSON, max_size=3)
ASKED = st.fixed_dictionaries(
    {}, optional={"label": INTEGERS | JSON, "runs": RUNS, "superpixels": st.booleans() | JSON}
)
BODIES = ASKED.map(lambda body: json.dumps(body).encode()) | JSON.map(lambda body: json.dumps(body).encode())
PATHS = st.sampled_from([path for _, path, _ in replies.ROUTES]) | st.text(max_size=8)


@searched(
    st.lists(
        st.tuples(st.sampled_from(["GET", "POST", "PUT"]), PATHS, BODIES | st.binary(max_size=30), st.booleans()),
        max_size=6,
    ),
    CHANGES,
)
def test_whatever_the_page_is_asked_it_answers_in_words_and_goes_on(requests, changes) -> None:
    testclient = pytest.importorskip("starlette.testclient")
    guarded = Guard(application(Drawing()), TOKEN, "127.0.0.1", largest_body=10_000)
    url = f"http://{HOST}/{TOKEN}/"
    with testclient.TestClient(guarded, base_url=url, headers={"origin": f"http://{HOST}"}) as client:
        assert client.post("open", content=changed(an_image(), changes)).status_code in ANSWERS
        assert client.post("open", content=an_image()).status_code == 200
        for method, path, body, named in requests:
            if path == "example":  # a photograph, which takes seconds
                continue
            answer = client.request(method, url + quote(path), content=body, params={"name": "<b>"} if named else {})
            assert answer.status_code in ANSWERS
        assert client.post("open", content=an_image()).status_code == 200
        assert client.get("state").json()["shape"] == [7, 9]
