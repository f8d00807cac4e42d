"""Files that are broken, lie about their size, unpack to gigabytes or bring code: refused, in bounded memory."""

import gzip
import io
import json
import os
import pickle
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import tifffile
import torch
import zarr
from deep_pictures import png
from numpy.typing import NDArray
from safetensors.numpy import save

from graphrw.cli.graph_files import read_graph
from graphrw.files import read_image
from graphrw.models import LearnedRandomWalker
from graphrw.models.training import Schedule, fit
from graphrw.segmentation import Session

BOUND = 32 * 2**20  # bytes, beyond which no refusal may go
BOMB = 4 * BOUND  # bytes to which a small file unpacks
HUGE = 10**6  # along each axis: terabytes in all


class Code:
    """What pickles can bring: a call, here of what leaves a trace."""

    def __init__(self, folder: Path) -> None:
        self.trace = folder / "trace"

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.trace),)


def npy(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return file.getvalue()


def nifti(shape: tuple[int, ...]) -> bytes:
    header = nibabel.Nifti1Header()
    header["dim"][: len(shape) + 1] = [len(shape), *shape]
    header["vox_offset"], header["magic"] = 352, b"n+1"
    return bytes(header.binaryblock) + bytes(100)


def nrrd(sizes: str, data: bytes, more: str = "", encoding: str = "raw") -> bytes:
    head = f"NRRD0004\ntype: uchar\ndimension: {len(sizes.split())}\nsizes: {sizes}\nencoding: {encoding}\n{more}\n"
    return head.encode() + data


def tiff(**options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, np.arange(256, dtype=np.uint8).reshape(16, 16), **options)
    return file.getvalue()


def ome(planes: int, entities: str = "") -> bytes:
    sizes = f'SizeX="16" SizeY="16" SizeZ="{planes}" SizeC="1" SizeT="1"'
    pixels = f'<Pixels DimensionOrder="XYZCT" {sizes} Type="uint8"><Channel/><TiffData/></Pixels>'
    space = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
    head, name = (f"<!DOCTYPE OME [{entities}]>", 'Name="&a9;"') if entities else ("", "")
    text = f'<?xml version="1.0"?>{head}<OME xmlns="{space}"><Image {name}>{pixels}</Image></OME>'
    return tiff(description=text, metadata=None)


def endless_tiff() -> bytes:
    """A page, and a second one without tags whose next is the first."""
    data = bytearray(tiff())
    (first,) = struct.unpack_from("<I", data, 4)
    (tags,) = struct.unpack_from("<H", data, first)
    struct.pack_into("<I", data, first + 2 + 12 * tags, len(data))
    return bytes(data) + struct.pack("<HI", 0, first)


def wide_tiff() -> bytes:
    data = bytearray(tiff())
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tags = [file.pages.first.tags[name] for name in ("ImageWidth", "ImageLength")]
    for tag in tags:
        data[tag.offset + 2 : tag.offset + 12] = struct.pack("<HIHH", 4, 1, *divmod(HUGE, 2**16)[::-1])
    return bytes(data)


LAUGHS = "".join(f'<!ENTITY a{i} "{10 * f"&a{i - 1};" if i else 1000 * "x"}">' for i in range(10))

FILES: dict[str, tuple[str, bytes | Callable[[], bytes]]] = {
    "a huge header of NPY": ("a.npy", npy((HUGE, HUGE)) + bytes(100)),
    "sizes of NPY that overflow": ("b.npy", npy((2**62, 2**62))),
    "a negative size of NPY": ("c.npy", npy((-1, 5)) + bytes(100)),
    "a header of NPY that breaks off": ("f.npy", npy((9, 9)).replace(b"(9, 9)", b"((9, 9")),
    "a pickle called NPY": ("d.npy", pickle.dumps([1, 2])),
    "an archive called NPY": ("e.npy", lambda: saved(np.savez, a=np.ones(3))),
    "a huge header of NIfTI": ("a.nii", nifti((30_000,) * 3)),
    "a huge header of NIfTI, packed": ("a.nii.gz", gzip.compress(nifti((30_000,) * 3))),
    "a negative size of NIfTI": ("b.nii", nifti((-5, 5, 5))),
    "an offset of NIfTI that is no number": ("c.nii", nifti((2, 2))[:108] + struct.pack("<f", np.nan) + bytes(400)),
    "a huge header of NRRD": ("a.nrrd", nrrd(f"{HUGE} {HUGE}", b"")),
    "NRRD that unpacks to more than it says": ("b.nrrd", lambda: nrrd("9 9", packed_zeros(), encoding="gzip")),
    "NRRD that skips lines for ever": ("c.nrrd", nrrd("9 9", bytes(81), "line skip: 999999999999999\n")),
    "NRRD of an unknown type": ("d.nrrd", nrrd("9 9", bytes(81)).replace(b"uchar", b"pointer")),
    "a huge TIFF": ("a.tif", wide_tiff),
    "a TIFF that was cut": ("b.tif", tiff(compression="zlib")[:-20]),
    "a TIFF that goes round in circles": ("c.tif", b"II*\0" + struct.pack("<IHI", 8, 0, 8)),
    "a TIFF whose second page is before its first": ("g.tif", endless_tiff),
    "OME-TIFF of more planes than bytes": ("d.ome.tif", ome(10**8)),
    "OME-TIFF whose planes are missing": ("e.ome.tif", ome(3)),
    "OME-TIFF whose entities grow": ("f.ome.tif", ome(1, LAUGHS)),
    "PNG of too many pixels": ("a.png", png(struct.pack(">IIBBBBB", HUGE, HUGE, 8, 0, 0, 0, 0), bytes(9))),
    "GIF of too many pixels": ("a.gif", b"GIF89a" + b"\xff" * 4 + b"\x80" + bytes(8) + b"," + bytes(4) + b"\xff" * 4),
}


def saved(write: Callable[..., None], **arrays: Any) -> bytes:
    file = io.BytesIO()
    write(file, **arrays)
    return file.getvalue()


def packed_zeros(before: bytes = b"", *, of: bytes = bytes(1)) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = of * (BOMB // 16)
    return packer.compress(before) + b"".join(packer.compress(block) for _ in range(16)) + packer.flush()


@contextmanager
def within_bound() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < BOUND
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", FILES)
def test_an_image_that_lies_or_is_broken_is_refused_by_name_in_bounded_memory(name: str, tmp_path: Path) -> None:
    ending, content = FILES[name]
    path = tmp_path / ending
    path.write_bytes(content() if callable(content) else content)
    with within_bound(), pytest.raises((ValueError, MemoryError)) as error:
        read_image(path)
    assert str(path) in str(error.value)


def test_texts_in_a_png_that_unpack_to_much_are_refused_by_name(tmp_path: Path) -> None:
    whole = png(struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0), bytes(72))
    text = b"zTXt" + b"a\0\0" + zlib.compress(bytes(BOMB))
    path = tmp_path / "a.png"
    path.write_bytes(
        whole[:33] + struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text)) + whole[33:]
    )
    with within_bound(), pytest.raises(ValueError, match=r"a\.png` is damaged: Decompressed data too large"):
        read_image(path)


def zarr_array(path: Path, version: int = 2) -> Path:
    """Of four chunks; returns the first of them."""
    zarr.create_array(str(path), shape=(64, 64), chunks=(32, 32), dtype="u1", zarr_format=version)[:] = 7
    return path / ("0.0" if version == 2 else "c/0/0")


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("content", [b"", b"cut", bytes(500)])
def test_a_broken_chunk_of_zarr_is_refused_and_not_filled(version: int, content: bytes, tmp_path: Path) -> None:
    zarr_array(tmp_path / "a.zarr", version).write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.zarr` "):
        read_image(tmp_path / "a.zarr")


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": [HUGE * 10, HUGE * 10]},
        {"compressor": {"id": "unknown"}},
        {"dtype": "|O", "filters": [{"id": "pickle", "protocol": 5}], "compressor": None},
    ],
    ids=["huge", "an unknown codec", "pickles"],
)
def test_descriptions_of_zarr_that_lie_are_refused_by_name(changes: dict[str, Any], tmp_path: Path) -> None:
    chunk, described = zarr_array(tmp_path / "a.zarr"), tmp_path / "a.zarr" / ".zarray"
    chunk.write_bytes(pickle.dumps(Code(tmp_path)))
    described.write_text(json.dumps(json.loads(described.read_text()) | changes))
    with within_bound(), pytest.raises((ValueError, MemoryError), match=r"a\.zarr` "):
        read_image(tmp_path / "a.zarr")
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("described", ['{"zarr_format": 2,', '{"path": "../secret.zarr"}'])
def test_groups_of_zarr_that_are_broken_or_point_elsewhere_are_refused(described: str, tmp_path: Path) -> None:
    zarr_array(tmp_path / "secret.zarr")
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=2)
    group.create_array("0", data=np.ones((4, 4), np.uint8))
    if "path" in described:
        group.attrs["multiscales"] = [{"axes": ["y", "x"], "datasets": [json.loads(described)]}]
    else:
        (tmp_path / "a.zarr" / ".zgroup").write_text(described)
    with pytest.raises(ValueError, match=r"a\.zarr` "):
        read_image(tmp_path / "a.zarr")


def test_of_an_archive_within_a_file_no_code_runs(tmp_path: Path) -> None:
    arrays = {"format": np.array(b"csr"), "indices": np.zeros(1, int), "indptr": np.array([0, 1]), "shape": np.ones(2)}
    np.savez(tmp_path / "a.npz", data=np.array([Code(tmp_path)], dtype=object), **arrays)
    (tmp_path / "b.npy").write_bytes((npy((1,))).replace(b"'<f8'", b"'|O' ") + pickle.dumps(Code(tmp_path)))
    with pytest.raises(ValueError, match=r"a\.npz` holds no matrix.*allow_pickle"):
        read_graph(tmp_path / "a.npz", directed=False)
    with pytest.raises(ValueError, match=r"b\.npy` cannot be read"):
        read_image(tmp_path / "b.npy")
    assert not (tmp_path / "trace").exists()


def matrix(**changes: Any) -> dict[str, NDArray[Any]]:
    """A matrix [[0, 1], [1, 0]] as SciPy saves it, with something else in it."""
    whole = {"format": b"csr", "data": np.ones(2), "indices": [1, 0], "indptr": [0, 1, 2], "shape": [2, 2]} | changes
    return {name: np.array(value) for name, value in whole.items()}


@pytest.mark.parametrize(
    "changes",
    [
        {"indices": [5, -9]},
        {"format": b"csc", "indices": [5, -9]},  # SciPy would write beyond its arrays
        {"format": b"csc", "indptr": [0, 9, 2]},
        {"format": b"exec"},
        {"format": b"bsr"},
        {"data": np.ones(2) * 1j},
        {"shape": [2]},
        {"indptr": ["a", "b", "c"]},
    ],
    ids=str,
)
def test_a_matrix_that_is_broken_is_refused_by_name(changes: dict[str, Any], tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **matrix(**changes))
    with pytest.raises(ValueError, match=r"a\.npz` holds no matrix"):
        read_graph(tmp_path / "a.npz", directed=False)


def test_an_archive_that_speaks_of_terabytes_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(tmp_path / "a.npz", **matrix())
    with zipfile.ZipFile(tmp_path / "a.npz") as there, zipfile.ZipFile(tmp_path / "b.npz", "w") as lies:
        for part in there.namelist():
            lies.writestr(part, npy((HUGE, HUGE)) if part == "data.npy" else there.read(part))
    with pytest.raises((ValueError, MemoryError), match=r"b\.npz` holds"):
        read_graph(tmp_path / "b.npz", directed=False)
    np.savez_compressed(tmp_path / "c.npz", **matrix(data=np.zeros(BOMB // 8)))
    monkeypatch.setattr("graphrw.core.memory.available_memory", lambda: BOMB)
    with within_bound(), pytest.raises(MemoryError, match=r"c\.npz` needs about"):
        read_graph(tmp_path / "c.npz", directed=False)


@pytest.mark.parametrize(
    ("ending", "content", "message"),
    [
        ("a.txt.gz", lambda: packed_zeros(of=b"a"), "line 1, is longer than 65536 characters"),
        ("a.txt.gz", lambda: gzip.compress(bytes(9000))[:-20], "is no text: Compressed file ended"),
        ("a.txt.gz", lambda: gzip.compress(bytes(range(97, 123)) * 99)[:40] + b"\xff" * 60, "is no text"),
        ("a.csv", lambda: b'a,"' + b"b" * 200_000, "longer than"),
        ("a.graphml", lambda: graphml(LAUGHS, "&a9;"), "cannot be read as GraphML: limit on input amplification"),
        ("a.graphml", lambda: graphml('<!ENTITY b SYSTEM "file:///etc/passwd">', "&b;"), "external entity"),
        ("a.graphml.gz", lambda: gzip.compress(graphml("", "a"))[:60], "cannot be read as GraphML"),
    ],
    ids=["one line", "cut", "garbage", "an open quote", "entities that grow", "another file", "cut GraphML"],
)
def test_a_list_of_edges_that_is_broken_is_refused_by_name(
    ending: str, content: Callable[[], bytes], message: str, tmp_path: Path
) -> None:
    path = tmp_path / ending
    path.write_bytes(content())
    with within_bound(), pytest.raises(ValueError, match=message) as error:
        read_graph(path, directed=False)
    assert str(path) in str(error.value)


def graphml(entities: str, node: str) -> bytes:
    space = "http://graphml.graphdrawing.org/xmlns"
    graph = f'<graph edgedefault="undirected"><node id="{node}"/></graph>'
    return f'<?xml version="1.0"?><!DOCTYPE g [{entities}]><graphml xmlns="{space}">{graph}</graphml>'.encode()


def test_graphml_that_unpacks_to_more_than_the_memory_is_refused_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphrw.core.memory.available_memory", lambda: BOMB)
    (tmp_path / "a.graphml.gz").write_bytes(packed_zeros(b'<graphml><graph><node id="'))
    with within_bound(), pytest.raises(MemoryError, match=r"a\.graphml\.gz` needs about"):
        read_graph(tmp_path / "a.graphml.gz", directed=False)


LAW = {"format": "graphrw.model", "version": "1", "model": "LearnedRandomWalker", "arguments": "{}", "modules": "{}"}


@pytest.mark.parametrize(
    "changes",
    [
        {"version": None},
        {"model": None},
        {"arguments": None},
        {"arguments": "{"},
        {"arguments": "[" * 20_000},
        {"arguments": '{"unknown": 1}'},
        {"arguments": '{"in_channels": 1, "width": -3}'},
        {"input_scale": '{"nothing": 2}'},
    ],
    ids=lambda changes: str(changes)[:30],
)
def test_a_file_of_weights_that_describes_nothing_is_refused_by_name(
    changes: dict[str, str | None], tmp_path: Path
) -> None:
    described = {"input_scale": "{}", **LAW, **changes}
    path = tmp_path / "a.safetensors"
    path.write_bytes(save({"a": np.ones(1)}, {name: text for name, text in described.items() if text is not None}))
    with pytest.raises(ValueError, match=r"a\.safetensors` "):
        LearnedRandomWalker.load(path)


@pytest.mark.parametrize("size", [2**40, 2**63])
def test_a_file_of_weights_with_a_huge_header_is_refused(size: int, tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", size) + b"{")
    with within_bound(), pytest.raises(ValueError, match=r"a\.safetensors` is no safetensors file"):
        LearnedRandomWalker.load(tmp_path / "a.safetensors")


def test_of_a_checkpoint_no_code_runs(tmp_path: Path) -> None:
    torch.save({"model": Code(tmp_path)}, tmp_path / "a.checkpoint")
    for content in (None, b"", b"cut", (tmp_path / "a.checkpoint").read_bytes()[:-30]):
        if content is not None:
            (tmp_path / "a.checkpoint").write_bytes(content)
        model = torch.nn.Linear(1, 1)
        with pytest.raises(ValueError, match=r"a\.checkpoint` is no checkpoint of this model"):
            fit(
                model,
                lambda step, model=model: model.weight.sum(),
                schedule=Schedule(1),
                checkpoint=tmp_path / "a.checkpoint",
            )
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize(
    "strokes",
    [
        "[" * 100_000,
        "[" * 500,
        '"abc"',
        '[{"label": 1e999, "kept": 0, "runs": []}]',
        '[{"label": 99999999999999999999, "kept": 0, "runs": []}]',
    ],
    ids=lambda strokes: strokes[:24],
)
def test_a_log_of_strokes_that_is_nested_or_no_list_is_refused_by_name(strokes: str, tmp_path: Path) -> None:
    session = Session(np.zeros((4, 5)))
    session.save_log(tmp_path / "a.json")
    text = (tmp_path / "a.json").read_text().replace('"strokes": []', f'"strokes": {strokes}')
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=r"a\.json` "):
        session.replay(tmp_path / "a.json")
