"""The readers of the experiments, on folders of the same layout as the sets."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_sets import SIDE, make_sets

from experiments.data import graphs, meshes, photographs, strokes, tissue
from experiments.data.folders import set_folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sets(tmp_path_factory.mktemp("data"), "test")


@pytest.mark.parametrize("name", tissue.SETS)
def test_sections_have_segments_of_their_own_shape(data: Path, name: str) -> None:
    for section in tissue.SETS[name](data, "test"):
        assert section.segments.dtype == np.int64
        assert section.image.shape == section.segments.shape
        assert set(np.unique(section.segments)) - {0} == {1, 2, 3, 4}


def test_classes_of_photographs_are_known_or_minus_one(data: Path) -> None:
    (horse,), (street,) = photographs.weizmann_horses(data, "test"), photographs.camvid(data, "test")
    assert horse.image.shape == street.image.shape == (SIDE, SIDE, 3)
    assert set(np.unique(horse.classes)) == {0, 1}
    assert set(np.unique(street.classes)) == {-1, 3}


@pytest.mark.parametrize("listed", [True, False])
def test_every_annotator_has_segments_and_boundaries(data: Path, tmp_path: Path, listed: bool) -> None:
    folder = make_sets(tmp_path / "sets", "kept") / "bsds500"
    if not listed:
        (folder / "kept.txt").unlink()
    (image,) = photographs.bsds500(folder.parent, "kept")
    assert image.segments.shape == image.boundaries.shape == (2, SIDE, SIDE)
    assert image.segments.min() == 0
    np.testing.assert_array_equal(image.boundaries, image.segments > 0)


@pytest.mark.parametrize("name", strokes.SETS)
def test_strokes_are_on_what_they_mark(data: Path, name: str) -> None:
    reader, kinds = strokes.SETS[name]
    for kind in kinds:
        (case,) = reader(data, "test", kind)
        assert set(np.unique(case.strokes)) == {0, 1, 2}
        assert case.truth[case.strokes == strokes.OBJECT].all()
        assert not case.truth[case.strokes == strokes.BACKGROUND].any()
        assert not case.known[case.strokes > 0].any()


@pytest.mark.parametrize(("name", "kind"), [("ring", "official"), ("citations", "public")])
def test_graphs_are_read_with_their_splits(data: Path, name: str, kind: str) -> None:
    assert graphs.graph_names(data) == ["citations", "ring"]
    found = graphs.read_graph(data, name)
    assert found.kind == kind
    assert (found.graph.num_nodes, found.graph.num_edges, found.num_labels, found.homophily) == (60, 60, 2, 1.0)
    (split,) = found.splits
    nodes = torch.cat([split.train, split.val, split.test])
    assert sorted(nodes.tolist()) == list(range(60))
    sums = found.x.sum(1)
    np.testing.assert_allclose(sums[sums > 0], 1, rtol=1e-6)


def test_meshes_have_a_part_for_each_face_and_person(data: Path) -> None:
    mesh, _ = meshes.psb(data, "test")
    assert mesh.parts.shape == (2, len(mesh.faces))
    assert mesh.category == "Tetrahedron"


SPLITS = {
    **tissue.SETS,
    "weizmann_horses": photographs.weizmann_horses,
    "camvid_subset": photographs.camvid,
    "bsds500": photographs.bsds500,
    "meshes_psb": meshes.psb,
    "interactive_grabcut": lambda data, split: list(strokes.grabcut(data, split, "robot")),
}


@pytest.mark.parametrize("name", SPLITS)
def test_a_split_or_set_that_is_missing_is_named(data: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(SystemExit, match=f"`{name.removesuffix('_sections')}` has no split `elsewhere`.*test"):
        SPLITS[name](data, "elsewhere")
    with pytest.raises(SystemExit, match=f"holds no `{name.removesuffix('_sections')}`. There: nothing"):
        SPLITS[name](tmp_path, "test")


def test_an_image_without_its_labels_is_named(tmp_path: Path) -> None:
    data = make_sets(tmp_path / "sets", "test")
    (data / "em_isbi2012" / "test" / "instances" / "01.png").unlink()
    with pytest.raises(SystemExit, match=r"`raw/01\.png` has no file of its name in `instances`"):
        tissue.isbi2012(data, "test")


def test_the_folder_says_which_sets_there_are(data: Path) -> None:
    with pytest.raises(SystemExit, match=r"holds no `cats`\. There: bsds500, camvid_subset"):
        set_folder(data, "cats")
