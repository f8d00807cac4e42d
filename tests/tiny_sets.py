"""Folders of the same layout as the sets of the experiments, with tiny generated images in them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage import io

SIDE = 48


def make_sets(data: Path, split: str) -> Path:
    """All sets, one or two images each, with one split."""
    chance = np.random.default_rng(0)
    _tissue(data, split, chance)
    _photographs(data, split, chance)
    _strokes(data, split, chance)
    graph(data / "graphs" / "ring.npz", "masks")
    graph(data / "graphs" / "citations.npz", "public")
    mesh(data / "meshes_psb" / split / "one.npz", "Tetrahedron", 1.0)
    mesh(data / "meshes_psb" / split / "two.npz", "Spike", 5.0)
    (data / "em_cremi_lrw_example").mkdir()
    target = np.kron(np.arange(4).reshape(2, 2), np.ones((16, 16), np.uint8)).astype(np.uint8)
    seeds = np.zeros((32, 32), np.int16)
    seeds[8::16, 8::16] = target[8::16, 8::16] + 1
    np.savez(data / "em_cremi_lrw_example" / "example.npz", target=target, seeds=seeds)
    return data


def graph(path: Path, kind: str) -> None:
    """Two rings of 30 nodes, one for each class, with features that tell them apart, mostly."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size, chance = 30, np.random.default_rng(1)
    ring = np.stack([np.arange(size), (np.arange(size) + 1) % size])
    edges = np.sort(np.concatenate([ring, ring + size], 1), 0)
    y = np.repeat([0, 1], size)
    x = (chance.random((2 * size, 6)) < np.where(np.arange(6) % 2 == y[:, None], 0.7, 0.2)).astype(np.float32)
    x[0] = 0
    order = chance.permutation(2 * size)
    parts = {"train": order[:10], "val": order[10:25], "test": order[25:]}
    if kind == "public":
        rows, columns = x.nonzero()
        pointer = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=2 * size))])
        arrays = {f"{part}_idx": nodes for part, nodes in parts.items()}
        arrays |= {
            "x_data": np.ones(1, np.float32),
            "x_indices": columns,
            "x_indptr": pointer,
            "x_shape": np.array(x.shape),
        }
    else:
        arrays = {f"{part}_masks": np.isin(np.arange(2 * size), nodes)[None] for part, nodes in parts.items()}
        arrays["x"] = x
    np.savez(path, edges=edges.astype(np.int32), y=y.astype(np.int16), **arrays)


def mesh(path: Path, category: str, height: float) -> None:
    """Four faces, as two people parted them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, height]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    parts = np.array([[0, 0, 1, 1], [0, 1, 1, 1]], np.uint8)
    np.savez(path, V=corners, F=faces, face_segs=parts, category=category)


def _tissue(data: Path, split: str, chance: np.random.Generator) -> None:
    for name, images, labels in (
        ("em_isbi2012", "raw", "instances"),
        ("em_vnc_sstem", "raw", "instances"),
        ("cells_dsb2018", "images", "labels"),
    ):
        for number in ("00", "01"):
            segments = _cells(chance)
            _save(data / name / split / images / f"{number}.png", _seen(segments, chance))
            _save(data / name / split / labels / f"{number}.png", segments.astype(np.uint16))
    volume = np.repeat(_cells(chance)[None], 16, 0).clip(min=1)
    (data / "em_fib25").mkdir()
    np.savez(data / "em_fib25" / f"{split}.npz", raw=_seen(volume, chance), **_volume(volume))


def _volume(segments: NDArray[np.int64]) -> dict[str, NDArray[np.uint16]]:
    """Segments, and supervoxels within them: each in two."""
    halves = np.arange(segments.shape[-1]) // (segments.shape[-1] // 2)
    return {"labels": segments.astype(np.uint16), "supervoxels": (2 * segments + halves % 2).astype(np.uint16)}


def _photographs(data: Path, split: str, chance: np.random.Generator) -> None:
    mask = _disc()
    _save(data / "weizmann_horses" / split / "images" / "a.jpg", _colour(mask, chance))
    _save(data / "weizmann_horses" / split / "masks" / "a.png", 255 * mask.astype(np.uint8))
    _save(data / "camvid_subset" / split / "images" / "a.png", _colour(mask, chance))
    _save(data / "camvid_subset" / split / "labels" / "a.png", np.where(mask, 3, 11).astype(np.uint8))
    _save(data / "bsds500" / "images" / split / "7.jpg", _colour(mask, chance))
    segments = np.stack([mask + 1, _cells(chance).clip(min=1)]).astype(np.uint8)
    truth = data / "bsds500" / "groundTruth" / split
    truth.mkdir(parents=True)
    np.savez(truth / "7.npz", segs=segments, boundaries=np.packbits(segments > 1, axis=-1))
    (data / "bsds500" / f"{split}.txt").write_text("7\n")


def _strokes(data: Path, split: str, chance: np.random.Generator) -> None:
    mask, strokes = _disc(), np.zeros((SIDE, SIDE), np.uint8)
    strokes[SIDE // 2, SIDE // 2 - 4 : SIDE // 2 + 4], strokes[2, 2:-2] = 1, 2
    root = data / "interactive_grabcut"
    _save(root / "images" / "b.jpg", _colour(mask, chance))
    _save(root / "gt_trimap" / "b.png", 255 * mask.astype(np.uint8))
    for number in (1, 2):
        _save(root / f"scribbles{number}" / "b.png", strokes)
    (root / f"{split}.txt").write_text("b\n")
    root = data / "interactive_medscribble" / "WBC"  # and no list
    root.mkdir(parents=True)
    drawn = np.stack([np.stack([255 * (strokes == 1), 255 * (strokes == 2)])] * 3).astype(np.uint8)
    np.savez(
        root / "c.npz", img=(_seen(mask, chance) / 255).astype(np.float16), seg=mask.astype(np.uint8), scribbles=drawn
    )
    _save(data / "interactive_berkeley" / "masks" / "7.png", 255 * mask.astype(np.uint8))
    (data / "interactive_berkeley" / "index.tsv").write_text(f"mask\timage\n7\tbsds500/images/{split}/7.jpg\n")
    _save(data / "interactive_coco_mval" / "images" / "d.jpg", _colour(mask, chance))
    _save(data / "interactive_coco_mval" / "masks" / "d.png", 255 * mask.astype(np.uint8))


def _cells(chance: np.random.Generator) -> NDArray[np.int64]:
    """Four cells with membrane (0) between."""
    segments = np.kron(np.arange(1, 5).reshape(2, 2), np.ones((SIDE // 2, SIDE // 2), np.int64))
    cut = SIDE // 2 + int(chance.integers(-3, 4))
    segments[cut - 1 : cut + 2], segments[:, SIDE // 2 - 1 : SIDE // 2 + 2] = 0, 0
    return segments


def _disc() -> NDArray[np.bool_]:
    row, column = np.indices((SIDE, SIDE)) - SIDE / 2
    return row**2 + column**2 < (SIDE / 4) ** 2


def _seen(labels: NDArray, chance: np.random.Generator) -> NDArray[np.uint8]:
    return (200 * (labels > 0) + chance.integers(0, 40, labels.shape)).astype(np.uint8)


def _colour(mask: NDArray, chance: np.random.Generator) -> NDArray[np.uint8]:
    return np.stack([_seen(mask, chance)] * 3, -1)


def _save(path: Path, values: NDArray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    io.imsave(path, values, check_contrast=False)
