"""Draws the picture of how_to/napari.md: xvfb-run .venv-napari/bin/python docs/napari_picture.py"""

import time
from pathlib import Path

import napari
from PIL import Image
from qtpy.QtWidgets import QApplication

from graphrw.napari.panel import Panel
from graphrw.napari.sample import astronaut

OUT = Path(__file__).parent / "pictures" / "napari.png"


def wait(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.02)


if __name__ == "__main__":
    viewer = napari.Viewer(title="graphrw", show=True)
    for data, settings, kind in astronaut():
        viewer.add_layer(napari.layers.Layer.create(data, settings, kind))
    panel = Panel(viewer)
    viewer.window.add_dock_widget(panel.widget, name="Label with strokes")
    viewer.window.resize(1360, 800)
    panel.controls.entropy.value = True
    panel.suggest()
    while panel.background.running:
        wait(0.1)
    viewer.layers["astronaut entropy"].visible = False
    viewer.layers["scribbles"].mode = "paint"
    viewer.reset_view(margin=0.02)
    wait(1.0)
    picture = Image.fromarray(viewer.screenshot(canvas_only=False, flash=False)).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(OUT, optimize=True)
