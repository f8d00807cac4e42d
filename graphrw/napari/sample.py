"""An image with strokes on it, to try the plugin on: File → Open Sample → graphrw."""

from typing import Any

import numpy as np
from skimage import data
from skimage.draw import line
from skimage.morphology import dilation, disk

STROKES = {  # label: lines from (row, column) to (row, column)
    1: [((40, 215), (30, 250)), ((110, 200), (150, 240)), ((260, 190), (480, 110)), ((290, 285), (480, 275))],
    2: [((20, 30), (230, 40)), ((20, 330), (110, 330)), ((250, 470), (30, 480)), ((308, 385), (322, 500))],
    3: [((340, 420), (420, 480)), ((380, 350), (480, 320)), ((440, 400), (490, 450))],
}


def astronaut() -> list[tuple[Any, dict[str, Any], str]]:
    """The layers: a photograph, and strokes on a person (1), what is around her (2) and her helmet (3)."""
    image = data.astronaut()
    strokes = np.zeros(image.shape[:2], dtype=np.uint8)
    for label, lines in STROKES.items():
        for start, end in lines:
            strokes[line(*start, *end)] = label
    thick = dilation(strokes, disk(4))
    return [(image, {"name": "astronaut"}, "image"), (thick, {"name": "scribbles", "opacity": 1.0}, "labels")]
