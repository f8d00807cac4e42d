"""The plugin in a viewer of napari that nobody sees: `make napari`."""

import os
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import graphrw as rw

napari = pytest.importorskip("napari")
if sys.platform == "linux" and not os.environ.get("DISPLAY"):
    pytest.skip("a viewer needs a display: xvfb-run", allow_module_level=True)

from napari.utils.notifications import notification_manager  # noqa: E402
from npe2 import PluginManager, PluginManifest  # noqa: E402

from graphrw.napari.controls import ALL, PIXELS  # noqa: E402
from graphrw.napari.panel import Panel  # noqa: E402

MANIFEST = Path(rw.__file__).parent / "napari" / "napari.yaml"
CHANCE = np.random.default_rng(0)
IMAGE = np.where(np.hypot(*(np.indices((40, 50)) - [[[20]], [[20]]])) < 12, 0.8, 0.2) + 0.05 * CHANCE.random((40, 50))
STROKES = np.zeros((40, 50), dtype=int)
STROKES[18:22, 20], STROKES[2, 2:40] = 2, 5
VOLUME = np.stack([IMAGE] * 6) + 0.3 * CHANCE.random((6, *IMAGE.shape))
IN_VOLUME = np.zeros(VOLUME.shape, dtype=int)
IN_VOLUME[3] = STROKES


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def said():
    """The notifications of this test."""
    notification_manager.records.clear()
    return lambda: [record.message for record in notification_manager.records]


def opened(viewer, image, strokes, **placed) -> Panel:
    """The panel, docked, with an image and strokes on it."""
    viewer.add_image(image, name="image", **placed)
    placed.pop("rgb", None)
    viewer.add_labels(strokes.copy(), name="strokes", **placed)
    panel = Panel(viewer)
    viewer.window.add_dock_widget(panel.widget, name="graphrw")
    return panel


def wait(qtbot, panel) -> None:
    qtbot.waitUntil(lambda: not panel.background.running, timeout=60_000)


def test_the_manifest_is_right_and_leads_to_what_it_names():
    manifest = PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    project = tomllib.loads((MANIFEST.parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["napari.manifest"] == {manifest.name: "graphrw.napari:napari.yaml"}


def test_the_menus_open_the_widget_and_the_example(viewer, qtbot):
    plugins = PluginManager.instance()
    if "graphrw" not in plugins:  # on the path alone, not installed
        plugins.register(PluginManifest.from_file(MANIFEST))
    viewer.open_sample("graphrw", "astronaut")
    _, widget = viewer.window.add_plugin_dock_widget("graphrw", "Label with strokes")
    assert widget.panel.controls.image.value.name == "astronaut"
    assert widget.panel.controls.scribbles.value.name == "scribbles"
    widget.panel.run()
    wait(qtbot, widget.panel)
    assert viewer.layers["astronaut labels"].data[430, 400] == 3


@pytest.mark.parametrize("walk_over_pixels", [False, True])
def test_labels_entropy_and_probabilities_are_those_of_a_session(viewer, qtbot, walk_over_pixels):
    panel = opened(viewer, IMAGE, STROKES)
    session = rw.Session(IMAGE, spacing=(1.0, 1.0), superpixels=not walk_over_pixels, beta=50.0)
    session.paint(2, STROKES == 2), session.paint(5, STROKES == 5)
    if walk_over_pixels:
        panel.controls.walk.value = PIXELS
    panel.controls.beta.value = 50.0
    panel.controls.entropy.value = panel.controls.probabilities.value = True
    panel.controls.run.native.click()
    assert panel.background.running
    wait(qtbot, panel)
    np.testing.assert_array_equal(viewer.layers["image labels"].data, session.labels)
    np.testing.assert_allclose(viewer.layers["image entropy"].data, session.entropy, atol=1e-6)
    np.testing.assert_allclose(viewer.layers["image probabilities"].data, session.probabilities, atol=1e-6)
    assert viewer.layers["image probabilities"].metadata["labels"] == [2, 5]


def probabilities(image, strokes, **options):
    """Those of a session."""
    session = rw.Session(image, **options)
    for label in (2, 5):
        session.paint(label, strokes == label)
    return session.probabilities


def test_the_options_are_those_of_the_session(viewer, qtbot):
    panel = opened(viewer, IMAGE, STROKES)
    panel.controls.n_segments.value, panel.controls.band.value = 100, 1
    panel.controls.colour_model.value = False
    panel.controls.probabilities.value = True
    panel.run()
    wait(qtbot, panel)
    found = viewer.layers["image probabilities"].data
    options = {"n_segments": 100, "band": 1, "colour_model": False}
    np.testing.assert_allclose(found, probabilities(IMAGE, STROKES, **options), atol=1e-6)
    for name in options:
        others = {other: value for other, value in options.items() if other != name}
        assert abs(found - probabilities(IMAGE, STROKES, **others)).max() > 1e-4, name


def test_red_green_and_blue_are_channels(viewer, qtbot):
    colours = (255 * np.stack([IMAGE, 1 - IMAGE, IMAGE**2], axis=-1).clip(0, 1)).astype(np.uint8)
    panel = opened(viewer, colours, STROKES, rgb=True)
    panel.run()
    wait(qtbot, panel)
    expected = rw.segment(colours, STROKES, channel_axis=-1)
    np.testing.assert_array_equal(viewer.layers["image labels"].data, expected)


def test_a_volume_is_walked_through_with_the_scale_of_its_layer(viewer, qtbot):
    panel = opened(viewer, VOLUME, IN_VOLUME, scale=(6.0, 2.0, 2.0), translate=(1.0, 2.0, 3.0))
    assert not panel.controls.which.enabled
    panel.controls.probabilities.value = True
    panel.run()
    wait(qtbot, panel)
    planes = viewer.layers["image probabilities"].data
    np.testing.assert_allclose(planes, probabilities(VOLUME, IN_VOLUME, spacing=(3.0, 1.0, 1.0)), atol=1e-6)
    assert abs(planes - probabilities(VOLUME, IN_VOLUME)).max() > 1e-3
    found = viewer.layers["image labels"]
    np.testing.assert_array_equal(found.scale, (6, 2, 2))
    np.testing.assert_array_equal(found.translate, (1, 2, 3))


def test_of_frames_in_time_the_one_that_is_shown_is_labelled_or_all(viewer, qtbot):
    movie, strokes = np.stack([IMAGE, IMAGE[:, ::-1], IMAGE]), np.stack([STROKES, STROKES[:, ::-1], 0 * STROKES])
    panel = opened(viewer, movie, strokes)
    panel.controls.axes.value = 2
    assert panel.controls.which.enabled
    viewer.dims.set_current_step(0, 1)
    panel.run()
    wait(qtbot, panel)
    found = viewer.layers["image labels"]
    assert (found.data[[0, 2]] == 0).all()
    np.testing.assert_array_equal(found.data[1], rw.segment(movie[1], strokes[1]))
    panel.controls.which.value = ALL
    panel.run()
    wait(qtbot, panel)
    np.testing.assert_array_equal(found.data[0], rw.segment(movie[0], strokes[0]))
    assert (found.data[2] == 0).all()


def test_an_axis_called_time_is_no_depth(viewer):
    assert opened(viewer, VOLUME, IN_VOLUME).controls.axes.value == 3
    viewer.layers.clear()
    assert opened(viewer, VOLUME, IN_VOLUME, axis_labels=("t", "y", "x")).controls.axes.value == 2


def test_volumes_in_time_have_frames_of_three_axes(viewer, qtbot):
    movie, strokes = np.stack([VOLUME[:3], VOLUME[:3]]), np.stack([0 * IN_VOLUME[:3], IN_VOLUME[1:4]])
    panel = opened(viewer, movie, strokes)
    assert panel.controls.axes.value == 3
    panel.controls.which.value = ALL
    panel.run()
    wait(qtbot, panel)
    np.testing.assert_array_equal(viewer.layers["image labels"].data[1], rw.segment(movie[1], strokes[1]))


def test_what_is_found_lies_where_the_image_lies(viewer, qtbot):
    panel = opened(viewer, IMAGE, STROKES, scale=(2.0, 3.0), rotate=30, shear=[0.2], translate=(5.0, -4.0))
    panel.controls.entropy.value = panel.controls.probabilities.value = True
    panel.suggest()
    wait(qtbot, panel)
    world = viewer.layers["image"].data_to_world((7, 11))
    for name in ("labels", "entropy", "suggestions"):
        np.testing.assert_allclose(viewer.layers[f"image {name}"].data_to_world((7, 11)), world)
    np.testing.assert_allclose(viewer.layers["image probabilities"].data_to_world((1, 7, 11)), (1, *world))


def test_a_run_can_be_cancelled_and_begun_again(viewer, qtbot, said):
    panel = opened(viewer, IMAGE, STROKES)
    panel.run()
    panel.controls.cancel.native.click()
    wait(qtbot, panel)
    assert "image labels" not in viewer.layers
    assert panel.controls.words.value == "Cancelled."
    assert said() == []
    panel.run()
    wait(qtbot, panel)
    assert "image labels" in viewer.layers
    assert panel.controls.words.value == "Done."
    assert panel.controls.bar.value == 100


def test_progress_is_told_in_the_thread_of_the_viewer(viewer, qtbot):
    panel = opened(viewer, IMAGE, STROKES)
    seen = []
    panel.controls.bar.changed.connect(lambda value: seen.append((value, panel.controls.words.value)))
    panel.run()
    wait(qtbot, panel)
    assert len(seen) >= 3
    assert [share for share, _ in seen] == sorted(share for share, _ in seen)


def test_what_is_missing_is_said_in_words(viewer, qtbot, said):
    panel = Panel(viewer)
    panel.run()
    panel.new_scribbles()
    viewer.add_image(IMAGE, name="image")
    panel.run()
    panel.new_scribbles()
    panel.run()
    viewer.add_image(IMAGE[:30], name="other")
    panel.controls.image.value = viewer.layers["other"]
    panel.run()
    assert [words.split(":")[0] for words in said()] == [
        "Open an image first.",
        "Open an image first",
        "Make a layer for strokes first, and paint on it.",
        "There are no strokes yet",
        "Strokes must lie on the pixels of their image",
    ]
    assert not panel.background.running


def test_errors_of_the_calculation_are_shown_in_words_and_the_panel_goes_on(viewer, qtbot, said):
    broken = IMAGE.copy()
    broken[3, 3] = np.nan
    panel = opened(viewer, broken, STROKES)
    panel.run()
    wait(qtbot, panel)
    with pytest.raises(ValueError, match="finite") as error:
        rw.segment(broken, STROKES)
    assert said() == [str(error.value)]
    assert panel.controls.words.value == "There is no answer."
    viewer.layers["strokes"].selected_label = 9
    viewer.layers["image"].data = IMAGE
    panel.keep()
    wait(qtbot, panel)
    assert said()[1].startswith("Label 9 has no pixels")


def test_with_live_every_stroke_is_answered_and_undo_too(viewer, qtbot):
    panel = opened(viewer, IMAGE, STROKES)
    panel.controls.live.value = True
    strokes = viewer.layers["strokes"]
    strokes.paint((38, 45), 7)
    qtbot.waitUntil(lambda: "image labels" in viewer.layers, timeout=60_000)
    wait(qtbot, panel)
    found = viewer.layers["image labels"]
    assert found.data[38, 45] == 7
    strokes.undo()
    qtbot.waitUntil(lambda: found.data[38, 45] == 5, timeout=60_000)
    np.testing.assert_array_equal(found.data, rw.segment(IMAGE, STROKES))


def test_a_stroke_while_another_is_answered_comes_in_its_place(viewer, qtbot):
    panel = opened(viewer, IMAGE, STROKES)
    panel.controls.live.value = True
    panel.run()
    viewer.layers["strokes"].paint((38, 45), 7)
    panel.answer_stroke()
    qtbot.waitUntil(lambda: "image labels" in viewer.layers, timeout=60_000)
    assert viewer.layers["image labels"].data[38, 45] == 7


def test_without_live_strokes_wait_for_the_button(viewer, qtbot):
    panel = opened(viewer, IMAGE, STROKES)
    viewer.layers["strokes"].paint((38, 45), 7)
    qtbot.wait(600)
    assert not panel.background.running
    assert "image labels" not in viewer.layers


def test_a_kept_label_stays_until_it_is_released(viewer, qtbot):
    panel = opened(viewer, IMAGE, STROKES)
    strokes = viewer.layers["strokes"]
    strokes.selected_label = 2
    panel.controls.keep.native.click()
    wait(qtbot, panel)
    found = viewer.layers["image labels"]
    disc = found.data == 2
    strokes.fill((20, 20), 7)
    panel.run()
    wait(qtbot, panel)
    np.testing.assert_array_equal(found.data == 2, disc)
    panel.release()
    wait(qtbot, panel)
    np.testing.assert_array_equal(found.data == 7, disc)


def test_suggestions_are_those_of_the_session_and_in_a_volume_the_slider_goes_there(viewer, qtbot):
    panel = opened(viewer, VOLUME, IN_VOLUME)
    viewer.dims.set_current_step(0, 0)
    panel.suggest()
    wait(qtbot, panel)
    session = rw.Session(VOLUME, spacing=(1.0, 1.0, 1.0))
    session.paint(2, IN_VOLUME == 2), session.paint(5, IN_VOLUME == 5)
    np.testing.assert_array_equal(viewer.layers["image suggestions"].data, session.suggest(3))
    assert viewer.dims.current_step[0] == session.suggest(1)[0, 0]


def test_who_paints_stays_on_the_layer_of_strokes(viewer, qtbot):
    panel = Panel(viewer)
    viewer.add_image(VOLUME, name="image", scale=(3.0, 1.0, 1.0))
    panel.new_scribbles()
    strokes = panel.controls.scribbles.value
    assert strokes.data.shape == VOLUME.shape
    assert strokes.mode == "paint"
    np.testing.assert_array_equal(strokes.scale, (3, 1, 1))
    strokes.data = IN_VOLUME
    panel.controls.entropy.value = True
    panel.suggest()
    wait(qtbot, panel)
    assert viewer.layers.selection.active is strokes
    assert viewer.layers[-1] is strokes


def test_layers_that_we_made_cannot_be_chosen_and_are_used_again(viewer, qtbot):
    panel = opened(viewer, IMAGE, STROKES)
    panel.controls.entropy.value = True
    for _ in range(2):
        panel.suggest()
        wait(qtbot, panel)
    assert len(viewer.layers) == 5
    assert [layer.name for layer in panel.controls.image.choices] == ["image"]
    assert [layer.name for layer in panel.controls.scribbles.choices] == ["strokes"]


def test_layers_may_be_closed_while_an_answer_is_made(viewer, qtbot, said):
    panel = opened(viewer, IMAGE, STROKES)
    panel.run()
    viewer.layers.clear()
    wait(qtbot, panel)
    assert len(viewer.layers) == 0
    assert said() == []


def test_a_pyramid_is_labelled_at_its_finest(viewer, qtbot):
    panel = opened(viewer, IMAGE, STROKES)
    viewer.layers.remove("image")
    viewer.add_image([IMAGE, IMAGE[::2, ::2]], name="image", multiscale=True)
    panel.run()
    wait(qtbot, panel)
    np.testing.assert_array_equal(viewer.layers["image labels"].data, rw.segment(IMAGE, STROKES))
