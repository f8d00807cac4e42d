"""Thumbnails that show one panel of a wide figure, large, where sphinx-gallery would show all of them, small."""

from pathlib import Path
from typing import Any

from PIL import Image

# Which part of a figure's width and height, from left and top, each thumbnail shows.
PARTS = {
    "plot_coarse_prediction": (0.66, 1.0, 0.05, 1.0),
    "plot_coins": (0.69, 1.0, 0.07, 0.93),
    "plot_cut": (0.335, 0.665, 0.08, 1.0),
    "plot_hierarchy": (0.4, 0.6, 0.09, 1.0),
    "plot_learned_session": (0.665, 1.0, 0.08, 1.0),
    "plot_nuclei": (0.335, 0.665, 0.07, 0.7),
    "plot_superpixels": (0.335, 0.665, 0.06, 0.8),
    "plot_wrong_stroke": (0.0, 0.335, 0.09, 1.0),
    "plot_volume": (0.5, 1.0, 0.09, 1.0),
    "plot_learn_weights": (0.75, 1.0, 0.08, 1.0),
    "plot_scribbles": (0.0, 0.5, 0.07, 1.0),
    "plot_pagerank": (0.0, 0.6, 0.0, 1.0),
    "plot_fates": (0.0, 0.335, 0.07, 0.88),
    "plot_karate": (0.0, 0.8, 0.0, 1.0),
    "plot_resistance": (0.0, 0.85, 0.0, 1.0),
    "plot_diffusion_map": (0.5, 1.0, 0.0, 0.95),
    "plot_mesh_parts": (0.37, 0.66, 0.05, 0.95),
    "plot_heat": (0.5, 0.75, 0.0, 1.0),
}
SIZE = (480, 320)


def cropped(app: Any) -> None:
    for path in Path(app.srcdir).glob("gallery/*/images/sphx_glr_plot_*_001.png"):
        name = path.stem.removeprefix("sphx_glr_").removesuffix("_001")
        left, right, top, bottom = PARTS.get(name, (0.0, 1.0, 0.0, 1.0))
        with Image.open(path) as figure:
            width, height = figure.size
            part = figure.convert("RGB").crop(
                (int(left * width), int(top * height), int(right * width), int(bottom * height))
            )
        part.thumbnail(SIZE)
        sheet = Image.new("RGB", SIZE, "white")
        sheet.paste(part, ((SIZE[0] - part.width) // 2, (SIZE[1] - part.height) // 2))
        sheet.save(path.parent / "thumb" / f"sphx_glr_{name}_thumb.png")


def setup(app: Any) -> dict[str, bool]:
    app.connect("builder-inited", cropped, priority=900)  # after sphinx-gallery has drawn the figures
    return {"parallel_read_safe": True, "parallel_write_safe": True}
