"""Draw objects that cuts find in photographs of scikit-image: docs/pictures/cuts.png.

Nothing was trained or tuned on these photographs. `experiments/README.md` says how to run this.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that the file runs by its path

import numpy as np
from matplotlib import pyplot as plt
from skimage.segmentation import mark_boundaries

from experiments.cuts.cutting import Walks, all_trunks
from experiments.cuts.evaluate import CHOSEN
from experiments.ndd.picture import photograph

OUT = Path(__file__).parents[2] / "docs" / "pictures" / "cuts.png"
NAMES = ("astronaut", "chelsea", "coffee", "rocket")
FAINT = 0.35  # how bright what is no object is shown


def main() -> None:
    plt.switch_backend("agg")
    trunks, chosen = all_trunks(), CHOSEN["weizmann_horses"]
    images = [photograph(name) for name in NAMES]
    ratios = [image.shape[1] / image.shape[0] for image in images]
    figure, axes = plt.subplots(
        len(chosen), len(NAMES), figsize=(12, 6.4), layout="constrained", gridspec_kw={"width_ratios": ratios}
    )
    for column, image in zip(axes.T, images, strict=True):
        walks = Walks(image, trunks)
        for axis, setting in zip(column, chosen, strict=True):
            mask = walks.mask(setting)
            shown = walks.image / 255 * np.where(mask, 1, FAINT)[..., None]
            axis.imshow(mark_boundaries(shown, mask, color=(1, 1, 0), mode="thick"))
            axis.set(xticks=[], yticks=[])
    for axis, setting in zip(axes[:, 0], chosen, strict=True):
        axis.set_ylabel(setting.method.replace(", ", ",\n"), fontsize=10)
    figure.savefig(OUT, dpi=80, pil_kwargs={"optimize": True})
    plt.close(figure)


if __name__ == "__main__":
    main()
