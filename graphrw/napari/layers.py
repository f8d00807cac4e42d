"""Layers of napari: which there are to choose from, and how answers become some."""

from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer, Points
from napari.utils.transforms import Affine

from graphrw.napari.frames import Array, Frames
from graphrw.napari.results import Results

OURS = "graphrw: made from"  # in the metadata of what we made: the name of the image


def images(viewer: Any) -> list[Any]:
    """Layers that can be labelled."""
    return [layer for layer in viewer.layers if isinstance(layer, Image) and OURS not in layer.metadata]


def scribbles(viewer: Any) -> list[Any]:
    """Layers that can hold strokes."""
    return [layer for layer in viewer.layers if isinstance(layer, Labels) and OURS not in layer.metadata]


def frames_of(image: Any, axes: int) -> Frames:
    """An image layer in frames of so many axes; of a pyramid, the finest."""
    data = image.data[0] if image.multiscale else image.data
    return Frames(data, bool(image.rgb), axes, tuple(map(float, image.scale)))


def usual_axes(image: Any) -> int:
    """Of a frame: 3 if the image has them, unless the first of three is called time."""
    in_time = image.ndim == 3 and image.axis_labels[0].lower() in ("t", "time", "frame")
    return 2 if in_time else min(int(image.ndim), 3)


def new_scribbles(viewer: Any, image: Any) -> Any:
    """An empty layer for strokes on an image, ready to be painted on."""
    shape = frames_of(image, 2).shape
    layer = Labels(np.zeros(shape, dtype=np.uint16), name="scribbles", opacity=1.0, **_placed(image))
    viewer.add_layer(layer)
    layer.brush_size = max(3, min(shape[-2:]) // 50)
    layer.mode = "paint"
    return layer


def show_results(viewer: Any, image: Any, strokes: Any, results: Results) -> None:
    """Show what has been found, below the strokes, in place of what was shown before."""
    mine, name = {OURS: image.name}, image.name
    here = {"metadata": mine, **_placed(image)}
    if results.entropy is not None:
        limits = (0.0, float(np.log(max(2, len(results.ids)))))
        look = {"colormap": "magma", "blending": "additive", "contrast_limits": limits, **here}
        _show(viewer, strokes, Image(results.entropy, name=f"{name} entropy", **look))
    if results.probabilities is not None:
        here = {"metadata": {**mine, "labels": results.ids.tolist()}, **_placed_in_planes(image)}
        look = {"colormap": "viridis", "contrast_limits": (0.0, 1.0), "visible": False, **here}
        _show(viewer, strokes, Image(results.probabilities, name=f"{name} probabilities", **look))
    found = Labels(results.labels, name=f"{name} labels", opacity=0.4, metadata=mine, **_placed(image))
    _show(viewer, strokes, found)


def show_suggestions(viewer: Any, image: Any, strokes: Any, places: Array) -> None:
    """Mark (K, axes of the layer) places, the best first, and turn the sliders to the first."""
    size = max(5.0, max(frames_of(image, 2).shape[-2:]) / 30)
    look = {"symbol": "ring", "face_color": "yellow", "border_color": "black", "size": size}
    name = f"{image.name} suggestions"
    _show(viewer, strokes, Points(places, name=name, metadata={OURS: image.name}, **look, **_placed(image)))
    world = image.data_to_world(places[0])
    viewer.dims.set_point(list(range(viewer.dims.ndim - len(world), viewer.dims.ndim)), list(world))


def _show(viewer: Any, above: Any, layer: Layer) -> None:
    """Give the layer of this name and image the new data; if there is none, insert it below another."""
    for old in viewer.layers:
        if old.name == layer.name and old.metadata.get(OURS) == layer.metadata[OURS]:
            old.data, old.metadata = layer.data, layer.metadata
            if isinstance(layer, Image):
                old.contrast_limits = layer.contrast_limits
            return
    active = viewer.layers.selection.active  # who paints wants to go on, on the same layer
    viewer.layers.insert(viewer.layers.index(above), layer)
    viewer.layers.selection.active = active


def _placed(image: Any) -> dict[str, Any]:
    """What puts a layer of the same axes where an image is."""
    names = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
    return {name: getattr(image, name) for name in names}


def _placed_in_planes(image: Any) -> dict[str, Any]:
    """Likewise with one axis more in front."""
    inner = Affine(scale=image.scale, translate=image.translate, rotate=image.rotate, shear=image.shear)
    whole = np.eye(image.ndim + 2)
    whole[1:, 1:] = image.affine.affine_matrix @ inner.affine_matrix
    return {"affine": whole, "units": ("pixel", *map(str, image.units)), "axis_labels": ("label", *image.axis_labels)}
