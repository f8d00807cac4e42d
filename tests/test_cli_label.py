"""`graphrw label`: graphs and labels in files."""

import csv
import gzip
import os
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from cli_files import run
from scipy import sparse

import graphrw as rw

CLUB = nx.karate_club_graph()
KNOWN = "node,label\n0,Hi\n33,Officer\n"


def table(text: str) -> dict[str, tuple[str, float]]:
    """Label and probability of each node."""
    rows = list(csv.reader(text.splitlines()))
    assert rows[0][:3] == ["node", "label", "probability"]
    return {row[0]: (row[1], float(row[2])) for row in rows[1:]}


def in_file(kind: str, folder: Path) -> Path:
    """The karate club with its weights, in a file of this kind."""
    path = folder / f"club{kind}"
    lines = [f"{tail} {head} {weight}" for tail, head, weight in CLUB.edges(data="weight")]
    if kind == ".txt":
        path.write_text("# the club\n" + "\n".join(lines) + "\n")
    elif kind == ".csv":
        path.write_text("source,target,weight\r\n" + "\r\n".join(line.replace(" ", ",") for line in lines))
    elif kind == ".tsv.gz":
        with gzip.open(path, "wt") as file:  # each edge in both directions
            for tail, head, weight in (line.split() for line in lines):
                file.write(f"{tail}\t{head}\t{weight}\n{head}\t{tail}\t{weight}\n")
    elif kind == ".graphml":
        nx.write_graphml(CLUB, path)
    else:
        sparse.save_npz(path, sparse.csr_array(nx.to_scipy_sparse_array(CLUB)))
    return path


@pytest.mark.parametrize("kind", [".txt", ".csv", ".tsv.gz", ".graphml", ".npz"])
def test_the_club_falls_apart_in_every_format(kind: str, tmp_path: Path) -> None:
    (tmp_path / "known.csv").write_text(KNOWN)
    answer = run("label", in_file(kind, tmp_path), tmp_path / "known.csv", "--no-class-mass")
    assert answer.exit_code == 0, answer.stderr
    graph, weight = rw.from_networkx(CLUB)
    seeds, classes = rw.convert.node_seeds(CLUB, {0: "Hi", 33: "Officer"})
    expected = rw.hitting_probabilities(rw.walk(graph, weight.double()), seeds)
    found = table(answer.stdout)
    assert len(found) == 34
    for node, row in enumerate(expected.tolist()):
        label, share = found[str(node)]
        assert label == classes[int(np.argmax(row))]
        assert share == pytest.approx(max(row), abs=1e-6)


@pytest.mark.parametrize("alpha", [None, 0.8])
def test_labels_are_those_of_the_classifier(alpha: float | None, tmp_path: Path) -> None:
    (tmp_path / "known.csv").write_text(KNOWN)
    options = () if alpha is None else ("--alpha", alpha)
    found = table(run("label", in_file(".npz", tmp_path), tmp_path / "known.csv", *options).stdout)
    known = np.array([-1] * 34, dtype=object)
    known[0], known[33] = "Hi", "Officer"
    classifier = rw.estimators.RandomWalkClassifier(precomputed=True, alpha=alpha)
    classifier.fit(sparse.csr_array(nx.to_scipy_sparse_array(CLUB).astype(float)), known)
    assert [found[str(node)][0] for node in range(34)] == classifier.transduction_.tolist()
    shares = [found[str(node)][1] for node in range(34)]
    np.testing.assert_allclose(shares, classifier.label_distributions_.max(1), atol=1e-6)


def test_where_walks_end_too_soon_the_label_is_left_empty(tmp_path: Path) -> None:
    (tmp_path / "path.txt").write_text("".join(f"{node} {node + 1}\n" for node in range(30)))
    (tmp_path / "known.txt").write_text("0 left\n1 left\n")
    answer = run("label", tmp_path / "path.txt", tmp_path / "known.txt", "--alpha", 0.5)
    assert "14 nodes (first: '17') lead to no labelled node, or hardly any walk from them comes to one" in answer.stderr
    assert [row[0] for row in table(answer.stdout).values()] == ["left"] * 17 + [""] * 14


def test_every_probability_and_a_file(tmp_path: Path) -> None:
    (tmp_path / "path.txt").write_text("a b\nb c\nc d\n")
    (tmp_path / "known.txt").write_text("a left\nd right\n")
    options = ("--probabilities", "--no-class-mass", "-o", tmp_path / "o.csv")
    answer = run("label", tmp_path / "path.txt", tmp_path / "known.txt", *options)
    assert answer.output == ""
    assert (tmp_path / "o.csv").read_text().splitlines() == [
        "node,label,probability,left,right",
        "a,left,1,1,0",
        "b,left,0.666667,0.666667,0.333333",
        "c,right,0.666667,0.333333,0.666667",
        "d,right,1,0,1",
    ]
    assert sorted(os.listdir(tmp_path)) == ["known.txt", "o.csv", "path.txt"]


def test_directed_edges_are_walked_one_way(tmp_path: Path) -> None:
    (tmp_path / "g.txt").write_text("a b\na c\nc d\n")
    (tmp_path / "known.txt").write_text("b left\nd right\n")
    answer = run("label", tmp_path / "g.txt", tmp_path / "known.txt", "--directed", "--no-class-mass")
    assert table(answer.stdout)["a"][1] == pytest.approx(0.5)
    assert table(answer.stdout)["c"] == ("right", 1.0)


def test_nodes_that_lead_to_no_label_stay_empty_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / "g.txt").write_text("a b\nx y\n")
    (tmp_path / "known.txt").write_text("a left\n")
    answer = run("label", tmp_path / "g.txt", tmp_path / "known.txt")
    assert answer.exit_code == 0
    assert "Warning: 2 nodes (first: 'x') lead to no labelled node" in answer.stderr
    assert table(answer.stdout) == {"a": ("left", 1), "b": ("left", 1), "x": ("", 0), "y": ("", 0)}


EDGES_AND_HEADERS = {  # the first lines of a graph, how many nodes there are then
    "node1 node2\nnode2 node3\n": 3,
    "node1 node2\nnode3 a\nb a\n": 5,
    "node1 node2 0.5\na b 1\n": 4,
    "id brain\nbrain heart\n": 3,
    "From To\na b\n": 2,
    "node,neighbor\na,b\n": 2,
    "source sink\na b\n": 2,
    "# friends\nsource\ttarget\na\tb\n": 2,
    "node1,node2,weight\nnode1,node3,1\n": 2,
}


@pytest.mark.parametrize("lines", EDGES_AND_HEADERS)
def test_a_first_line_that_may_be_an_edge_is_one(lines: str, tmp_path: Path) -> None:
    (tmp_path / "g.txt").write_text(lines)
    first_node = lines.splitlines()[-1].replace(",", " ").split()[0]
    (tmp_path / "known.txt").write_text(f"{first_node} left\n")
    answer = run("label", tmp_path / "g.txt", tmp_path / "known.txt")
    assert answer.exit_code == 0, answer.stderr
    assert len(table(answer.stdout)) == EDGES_AND_HEADERS[lines]


def test_a_first_label_is_kept_if_its_node_is_one_of_the_graph(tmp_path: Path) -> None:
    (tmp_path / "g.txt").write_text("name id\nid b\n")
    (tmp_path / "known.txt").write_text("name left\nb right\n")
    answer = run("label", tmp_path / "g.txt", tmp_path / "known.txt")
    assert table(answer.stdout)["name"] == ("left", 1)
    assert answer.stderr == ""


def test_names_of_columns_that_are_not_known_are_left_out_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / "g.txt").write_text("a b\n")
    (tmp_path / "known.txt").write_text("node,club\na,left\n")
    answer = run("label", tmp_path / "g.txt", tmp_path / "known.txt")
    assert "line 1: 'node club' is taken for the names of columns" in answer.stderr
    assert set(table(answer.stdout)) == {"a", "b"}


MISTAKES = {  # the graph, the labels, what the sentence says
    "a strange node": ("a b\n", "z left\n", "'z', which is no node of the graph"),
    "no edge": ("# nothing\n", "a left\n", "g.txt` holds no edge"),
    "no label": ("a b\n", "node,label\n", "known.txt` holds no label"),
    "four columns": ("a b 1 2\n", "a left\n", "g.txt`, line 1: expected two nodes"),
    "a weight below 0": ("a b\nb c -1\n", "a left\n", "line 2: a weight must be a number ≥ 0"),
    "a weight in words": ("a b\nb c much\n", "a left\n", "got 'much'"),
    "two weights": ("a b 1\nb a 2\n", "a left\n", "'b' – 'a' has the weights 1.0 and 2.0"),
    "two labels": ("a b\n", "a left\na right\n", "'a' has the labels 'left' and 'right'"),
    "three columns of labels": ("a b\n", "a left right\n", "line 1: expected a node and its label"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_text_names_its_line(mistake: str, tmp_path: Path) -> None:
    graph, labels, sentence = MISTAKES[mistake]
    (tmp_path / "g.txt").write_text(graph)
    (tmp_path / "known.txt").write_text(labels)
    answer = run("label", tmp_path / "g.txt", tmp_path / "known.txt", "-o", tmp_path / "o.csv")
    assert answer.exit_code == 1
    assert sentence in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert not (tmp_path / "o.csv").exists()


@pytest.mark.parametrize("name", ["g.txt", "g.txt.gz", "g.graphml", "g.npz", "g.graphml.gz"])
def test_a_graph_that_is_something_else_is_refused_by_name(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    (tmp_path / "known.txt").write_text("a left\n")
    answer = run("label", tmp_path / name, tmp_path / "known.txt")
    assert answer.exit_code == 1
    assert name in answer.stderr


def test_inputs_are_not_replaced_and_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "g.txt").write_text("a b\n")
    for arguments in (("g.txt", "no.txt"), ("no.txt", "g.txt"), ("g.txt", "g.txt", "-o", "nowhere/o.csv")):
        names = [tmp_path / word if "t" in word else word for word in arguments]
        assert run("label", *names).exit_code == 1
    answer = run("label", tmp_path / "g.txt", tmp_path / "g.txt", "-o", tmp_path / "g.txt")
    assert "would be replaced" in answer.stderr
    answer = run("label", tmp_path / "g.txt", tmp_path / "g.txt", "-o", tmp_path)
    assert "is a folder, which will not be replaced" in answer.stderr
    assert (tmp_path / "g.txt").exists()


def test_a_single_node_gets_what_the_walk_says(tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text("New York,Boston,3\nBoston,Salem,1\n")
    (tmp_path / "known.csv").write_text("New York,red\nSalem,blue\n")
    answer = run("label", tmp_path / "g.csv", tmp_path / "known.csv")
    assert "Boston,red,0.75" in answer.stdout
