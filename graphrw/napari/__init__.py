"""A plugin for napari: strokes on an image layer become labels. It loads with the extra `napari`; see `napari.yaml`."""
