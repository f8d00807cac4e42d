"""Meshes that several people cut into parts."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments.data.folders import set_folder, split_folder


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle mesh and its parts."""

    name: str
    category: str
    vertices: NDArray[np.float32]  # (V, 3)
    faces: NDArray[np.int64]  # (F, 3)
    parts: NDArray[np.int64]  # (A, F): of each face, for each person


def psb(data: Path, split: str) -> list[Mesh]:
    """Princeton's benchmark: `SPLIT/NAME.npz` with `V`, `F`, `face_segs` (A, F) and `category`."""
    paths = sorted(split_folder(set_folder(data, "meshes_psb"), split).glob("*.npz"))
    if not paths:
        raise SystemExit(f"`meshes_psb/{split}` holds no mesh `NAME.npz`.")
    return [_mesh(path) for path in paths]


def _mesh(path: Path) -> Mesh:
    with np.load(path) as file:
        faces, parts = file["F"].astype(np.int64), file["face_segs"].astype(np.int64)
        return Mesh(path.stem, str(file["category"]), file["V"], faces, parts)
