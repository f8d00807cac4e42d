"""Every experiment's `evaluate` runs, by its path, on a folder of the same layout that it has never seen."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_sets import make_sets

import graphrw

ROOT = Path(graphrw.__file__).parents[1]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sets(tmp_path_factory.mktemp("data"), "test")


def run(script: str, *options: object, expect: int = 0) -> str:
    """What a script prints."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    environment.pop("GRAPHRW_DATA", None)
    command = [sys.executable, str(ROOT / "experiments" / script), *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == expect, done.stderr
    return done.stdout + done.stderr


def figures(path: Path) -> list[dict]:
    result = json.loads(path.read_text(encoding="utf-8"))
    assert result["machine"]["torch"]
    assert str(path.parent) not in json.dumps(result)
    return result["figures"]


def test_the_learned_random_walker_is_trained_goes_on_and_is_scored(data: Path, tmp_path: Path) -> None:
    training = ["--data", data, "--out", tmp_path, "--minutes", 0.05, "--width", 4, "--crop", 32, "--judged", 1]
    run("lrw/train.py", *training, "--train-on", "test", "--choose-on", "test")
    run("lrw/train.py", *training, "--train-on", "test", "--choose-on", "test")  # both stages are done: at once
    assert "walk: done" in (tmp_path / "log.txt").read_text(encoding="utf-8")
    out = tmp_path / "scores.json"
    scoring = ["--data", data, "--split", "test", "--models", tmp_path / "walk.safetensors", "--draws", 2]
    assert "So free numbers are those that were best" in run("lrw/evaluate.py", *scoring)  # there is nothing else
    told = run("lrw/evaluate.py", *scoring, "--out", out, "--tune-on", "test", "--tune-sections", 1)
    assert "seeded watershed" in told
    rows = figures(out)
    assert len(rows) == 5 * 2 * 2
    assert all(0 <= row["VOI"] < 4 for row in rows)
    (training_of,) = json.loads(out.read_text(encoding="utf-8"))["trainings"]
    assert (training_of["stage"], training_of["width"], training_of["minutes"]) == ("walk", 4, 0.05)


def test_the_learned_random_walker_sees_the_sections_beside_one(data: Path, tmp_path: Path) -> None:
    training = ["--data", data, "--out", tmp_path, "--minutes", 0.03, "--width", 4, "--crop", 24, "--judged", 1]
    run("lrw/train.py", *training, "--train-on", "test", "--choose-on", "test", "--slices", 3, "--walk-crop", 32)
    scoring = ["--data", data, "--split", "test", "--models", tmp_path / "walk.safetensors", "--draws", 1]
    assert "seeded watershed" in run("lrw/evaluate.py", *scoring, "--slices", 3)


def test_parts_of_its_training_are_taken_away_one_by_one(data: Path, tmp_path: Path) -> None:
    training = ["--data", data, "--out", tmp_path, "--minutes", 0.03, "--width", 4, "--crop", 24, "--judged", 1]
    changes = ["as it is: the exact gradient", "gradient into 250 edges", "no gradient into edges at seeds"]
    changes += ["soft variation of information beside the loss", "the hardest of three draws of seeds"]
    options = ["--train-on", "test", "--choose-on", "test", "--split", "test", "--results", tmp_path / "a.json"]
    changes += ["Dice in place of the cross entropy", "a tenth of the labels", "a section by itself"]
    told = run("lrw/ablate.py", *training, *options, "--slices", 3, "--changes", *changes)
    assert "| a tenth of the labels |" in told
    assert len(figures(tmp_path / "a.json")) == 8 * 3 * 2 * 2
    edges = [(tmp_path / folder / "edges.pt").read_bytes() for folder in ("0", "2", "4", "11", "12", "16", "9", "13")]
    assert len(set(edges[:-2])) == 1
    assert len(set(edges)) == 3


def test_scenes_are_segmented_with_and_without_a_walk(data: Path, tmp_path: Path) -> None:
    where = ["--data", data, "--set", "weizmann_horses", "--reduce", 1]
    training = [*where, "--out", tmp_path / "run", "--train-on", "test", "--steps", 3, "--walk-steps", 3, "--crop", 16]
    for walk in ("learned", "none", "gaussian", "uniform"):
        run("rwn/train.py", *training, "--walk", walk)
    out = tmp_path / "scenes.json"
    scoring = [*where, "--models", tmp_path / "run", "--split", "test"]
    assert "So free numbers are those that were best" in run("rwn/evaluate.py", *scoring)
    told = run("rwn/evaluate.py", *scoring, "--tune-on", "test", "--out", out)
    assert "learned walk" in told
    rows = figures(out)
    assert {row["method"] for row in rows} >= {
        "network alone",
        "learned walk",
        "unlearned: uniform, trained through it",
    }
    assert all(0 <= row["mean IoU"] <= 100 for row in rows)


def test_segmenters_learn_from_scribbles_and_are_scored(data: Path, tmp_path: Path) -> None:
    where = ["--data", data, "--set", "interactive_grabcut", "--strokes", "robot"]
    training = [*where, "--out", tmp_path, "--train-on", "test", "--steps", 3, "--seeds", 0, "--guess-rate", 0.1]
    run("rawks/train.py", *training)
    out = tmp_path / "scores.json"
    told = run("rawks/evaluate.py", *where, "--split", "test", "--models", tmp_path / "0", "--out", out)
    assert "SPCON" in told
    rows = figures(out)
    methods = {row["method"] for row in rows}
    assert methods >= {"Q, sparse", "Q, then_q", "Q, segment", "Q, dense", "P, abstaining on 6%", "rw.segment"}
    assert methods >= {"P with guesses of Q, then_q", "random walker, colours, β = 1000"}
    assert all(0 <= row["mean IoU"] <= 100 for row in rows)


def test_segmenters_learn_from_scribbles_without_pretrained_features(data: Path, tmp_path: Path) -> None:
    where = ["--data", data, "--set", "weizmann_horses", "--scratch"]
    training = ["--out", tmp_path, "--train-on", "test", "--steps", 2, "--seeds", 0, "--rows", "joint"]
    run("rawks/train.py", *where, *training)
    assert "| Q, joint |" in run("rawks/evaluate.py", *where, "--split", "test", "--models", tmp_path / "0")


def test_scribbles_are_simulated_and_a_picture_is_made_of_them(data: Path, tmp_path: Path) -> None:
    where = ["--data", data, "--set", "weizmann_horses"]
    rows = ["--rows", "sparse", "joint", "then_q"]
    run("rawks/train.py", *where, "--out", tmp_path, "--train-on", "test", "--steps", 3, "--seeds", 0, *rows)
    picture = tmp_path / "a.png"
    run("rawks/picture.py", *where, "--split", "test", "--model", tmp_path / "0", "--scenes", 0, "--out", picture)
    assert picture.stat().st_size > 1000


def test_one_part_of_the_joint_training_is_changed_at_a_time(data: Path, tmp_path: Path) -> None:
    where = ["--data", data, "--set", "weizmann_horses", "--out", tmp_path, "--train-on", "test", "--steps", 3]
    changes = ["as it is", "a temperature of P is learned", "walls on cells of half the size"]
    told = run("rawks/ablate.py", *where, "--split", "test", "--changes", *changes, "--results", tmp_path / "a.json")
    assert "| walls on cells of half the size |" in told
    assert len(figures(tmp_path / "a.json")) == 3


@pytest.mark.parametrize(("name", "measure"), [("em_membranes_2d", "VOI"), ("nuclei_2d", "AP 0.5")])
def test_weights_that_ship_are_trained_and_scored(name: str, measure: str, data: Path, tmp_path: Path) -> None:
    training = ["--data", data, "--out", tmp_path, "--minutes", 0.05, "--name", name]
    run("pretrained/train.py", *training, "--train-on", "test", "--choose-on", "test")
    out = tmp_path / "scores.json"
    scoring = ["--data", data, "--split", "test", "--models", tmp_path / f"{name}.safetensors", "--draws", 1]
    assert "So free numbers are the usual ones" in run("pretrained/evaluate.py", *scoring)
    told = run("pretrained/evaluate.py", *scoring, "--out", out, "--tune-on", "test", "--tune-sections", 1)
    assert f"| {name} | watershed, same map |" in told
    assert f"| {name} | random walker, same map, differences |" in told
    assert all(0 <= row[measure] < 4 for row in figures(out))


@pytest.mark.parametrize("name", ["weizmann_horses", "bsds500"])
def test_objects_are_cut_out_and_scored(name: str, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "cuts.json"
    told = run("cuts/evaluate.py", "--data", data, "--split", "test", "--out", out, "--set", name)
    assert "colour" in told
    rows = figures(out)
    assert {row["method"] for row in rows} >= {"colour", "a rectangle in the middle"}
    assert all(0 <= row["IoU"] <= 100 for row in rows)
    assert rows[-1]["IoU"] > 40  # the disc is in the middle


def test_nested_segments_are_learned_and_scored_and_horses_found_by_labels_of_images(
    data: Path, tmp_path: Path
) -> None:
    training = ["--data", data, "--out", tmp_path, "--k", 16, "--train-on", "test"]
    steps = ["--affinity-steps", 2, "--distance-steps", 2, "--tuned-steps", 1]
    run("ndd/train.py", *training, *steps)
    run("ndd/train.py", *training, *steps)  # all stages are done: at once
    out = tmp_path / "segments.json"
    models = ["--models", tmp_path / "distance.pt", tmp_path / "tuned.pt", "--k", 16]
    run("ndd/evaluate.py", "--data", data, "--split", "test", "--out", out, *models)
    rows = figures(out)
    assert {"colours, normalised cuts", "tuned: learned features, diffusion distance"} <= {
        row["method"] for row in rows
    }
    assert all(0 < row["AVR (best)"] <= row["MAX (best)"] <= 1 for row in rows)
    out = tmp_path / "horses.json"
    options = ["--model", tmp_path / "tuned.pt", "--k", 16, "--train-on", "test", "--steps", 2, "--seeds", 1]
    run("ndd/weak.py", "--data", data, "--split", "test", "--out", out, *options)
    assert {row["pooling"] for row in figures(out)} == {"no pooling", "colours", "learned diffusion distance"}


def test_horses_are_found_in_a_folder_without_photographs_to_learn_from(data: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept" / "weizmann_horses"
    shutil.copytree(data / "weizmann_horses" / "test", kept / "test")
    options = ["--data", kept.parent, "--split", "test", "--k", 16, "--steps", 1, "--seeds", 1]
    assert "Give --train-data DIR" in run("ndd/weak.py", *options, expect=1)
    told = run("ndd/weak.py", *options, "--train-data", data, "--train-on", "test", "--out", tmp_path / "a.json")
    assert "| no pooling |" in told
    assert len(figures(tmp_path / "a.json")) == 2


def test_walks_over_superpixels_are_compared_with_those_over_pixels(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "superpixels.json"
    told = run("superpixels/evaluate.py", "--data", data, "--split", "test", "--out", out)
    assert "So β and the size of superpixels are the usual ones" in told
    rows = figures(out)
    assert {row["set"] for row in rows} >= {"bsds500", "grabcut, robot", "medscribble, 0", "em_fib25"}
    assert {row["method"] for row in rows} == {"pixels", "superpixels", "superpixels, half resolution", "squares"}
    assert all(row["accuracy"] > 50 for row in rows if row["method"] in ("pixels", "superpixels"))  # images are tiny
    tuned = ["--tune-on", "test", "--sets", "em_fib25", "--side", 16]
    run("superpixels/evaluate.py", "--data", data, "--split", "test", "--out", tmp_path / "tuned.json", *tuned)


def test_strokes_are_scored_on_every_set(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "strokes.json"
    methods = ["random_walker", "watershed"]
    run("interactive/evaluate.py", "--data", data, "--split", "test", "--out", out, "--methods", *methods)
    rows = figures(out)
    assert {row["set"] for row in rows} == {"grabcut", "medscribble", "berkeley", "coco_mval"}
    assert all(row["error"] < 20 for row in rows)


def test_a_robot_clicks_on_every_set_and_goes_on(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "clicks.json"
    for methods in (["segment"], ["segment", "watershed"]):
        run("interactive/clicks.py", "--data", data, "--split", "test", "--out", out, "--methods", *methods)
    rows = figures(out)
    assert {(row["set"], row["method"]) for row in rows} == {
        (name, method) for name in ("grabcut", "berkeley", "coco_mval") for method in ("segment", "watershed")
    }
    assert all(row["IoU"] >= 90 and row["clicks to 85 %"] <= row["clicks to 90 %"] <= 6 for row in rows)


def test_wrong_strokes_are_ranked_and_suggestions_answered(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "wrong.json"
    run("interactive/wrong_strokes.py", "--data", data, "--split", "test", "--out", out)
    assert all(1 <= row["suspects"] <= row["strokes"] for row in figures(out))
    out = tmp_path / "suggestions.json"
    criteria = ["--criteria", "expected change", "entropy of pixels"]
    run("interactive/suggestions.py", "--data", data, "--split", "test", "--out", out, *criteria)
    assert {row["method"] for row in figures(out)} == {"expected change", "entropy of pixels"}


def test_stages_of_features_are_compared_by_the_same_strokes(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "features.json"
    told = run("interactive/features.py", "--data", data, "--split", "test", "--out", out, "--sets", "grabcut")
    assert "| strides 4 to 32, width 0.1 |" in told
    assert figures(out)[0]["IoU"] > 90


def test_nodes_are_labelled_on_whatever_graphs_there_are(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "nodes.json"
    consistent = "walk with consistent guesses"
    methods = [
        "largest class",
        "harmonic",
        "harmonic, class masses",
        "MLP",
        consistent,
        f"{consistent}, learned weights",
    ]
    options = ["--split", "test", "--out", out, "--runs", 1, "--steps", 40, "--methods", *methods]
    run("node_labels/evaluate.py", "--data", data, *options)
    rows = figures(out)
    assert {row["graph"] for row in rows} == {"citations", "ring"}
    assert {row["method"] for row in rows} == {*methods, "MLP, PyG C&S"}
    assert all(row["test"] > 0.5 for row in rows if row["method"] not in ("MLP", "largest class"))


def test_few_labels_are_compared_on_whatever_graphs_there_are(data: Path, tmp_path: Path) -> None:
    told = run(
        "node_labels/few_labels.py", "--data", data, "--split", "val", "--draws", 1, "--out", tmp_path / "few.json"
    )
    assert "| citations | 1 a class |" in told
    assert "| mean | 20 % of nodes |" in told
    assert all(0 <= row["default"] <= 1 for row in figures(tmp_path / "few.json"))


def test_meshes_are_parted_and_the_weights_learned_on_other_categories(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "meshes.json"
    options = ["--data", data, "--split", "test", "--out", out, "--runs", 1, "--steps", 2, "--folds", 2]
    told = run("meshes/evaluate.py", *options, "--train-on", "test")
    assert "faces, learned GNN" in told
    rows = figures(out)
    assert len(rows) == 2 * 2 * 2 * 9  # meshes, people, draws, methods
    assert {row["mesh"] for row in rows} == {"one", "two"}
    assert all(0.2 < row["accuracy"] <= 1 for row in rows)  # the seeds at least


def test_without_meshes_to_learn_from_the_rest_is_scored_and_words_say_so(data: Path) -> None:
    told = run("meshes/evaluate.py", "--data", data, "--split", "test", "--draws", 1)
    assert "there is no `meshes_psb/train`" in told
    assert "faces, crease_weight" in told
    assert "learned GNN" not in told
    options = ["--data", data, "--split", "test", "--train-on", "test", "--largest", 3]
    assert "give a larger --largest" in run("meshes/evaluate.py", *options, expect=1)


def test_costs_of_creases_are_chosen(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "tune.json"
    told = run("meshes/tune.py", "--data", data, "--split", "test", "--concave", 1, 10, "--out", out)
    assert "of all 2 meshes of test" in told
    assert len(figures(out)) == 2 * 2 * 2  # concave, convex, floors


def test_without_data_a_script_says_what_it_needs(tmp_path: Path) -> None:
    assert "Give --data DIR" in run("lrw/evaluate.py", expect=1)
    assert "There is no folder" in run("lrw/evaluate.py", "--data", tmp_path / "none", expect=1)


def test_a_script_that_reads_no_sets_says_what_it_does_and_does_nothing() -> None:
    for script, page in (("report", "node_labels"), ("leaderboard", "leaderboard")):
        before = (ROOT / "docs" / f"{page}.md").stat().st_mtime_ns
        assert f"Write the table{'s' * (script == 'report')} of docs" in run(f"node_labels/{script}.py", "--help")
        assert (ROOT / "docs" / f"{page}.md").stat().st_mtime_ns == before


@pytest.mark.parametrize("system", ["rawks", "rwn"])
def test_time_ends_a_training_in_steps(system: str, data: Path, tmp_path: Path) -> None:
    where = ["--data", data, "--set", "weizmann_horses", "--out", tmp_path, "--train-on", "test", "--steps", 10**6]
    more = ["--rows", "joint"] if system == "rawks" else ["--walk-steps", 10**6, "--crop", 16, "--reduce", 1]
    run(f"{system}/train.py", *where, *more, "--minutes", 0.05)
    log = next(tmp_path.rglob("log.txt")).read_text(encoding="utf-8")
    assert log.count("done on c") == (1 if system == "rawks" else 2)
