"""Open napari with the plugin and an example: `make napari`, or `python -m graphrw.napari`."""

import napari

from graphrw.napari.panel import Panel
from graphrw.napari.sample import astronaut

if __name__ == "__main__":
    viewer = napari.Viewer(title="graphrw")
    for data, settings, kind in astronaut():
        viewer.add_layer(napari.layers.Layer.create(data, settings, kind))
    viewer.window.add_dock_widget(Panel(viewer).widget, name="Label with strokes")
    napari.run()
