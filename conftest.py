"""Which files can be read for doctests: those of the plugin only where napari is, which has tests of its own."""

from importlib.util import find_spec

NEED_NAPARI = ("background", "controls", "layers", "panel")
collect_ignore = [] if find_spec("napari") else [f"graphrw/napari/{name}.py" for name in NEED_NAPARI]
if not find_spec("anndata"):
    collect_ignore.append("graphrw/convert/anndata.py")
