"""Images in files: what is written comes back, with spacing and place."""

import asyncio
import importlib.util
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nibabel
import nrrd
import numpy as np
import pytest
import tifffile
import zarr
from deep_pictures import deep_png
from PIL import Image

from graphrw.core.errors import MissingDependencyError
from graphrw.files import ImageFile, read_image, read_labels, replacing, smallest_type, write_image

VOLUMES = (".nii", ".nii.gz", ".nrrd", ".tif", ".zarr", ".npy")
IMAGES = (".png", *VOLUMES)
AFFINE = np.array([[-0.5, 0, 0, 10], [0, 0.4, -0.3, 20], [0, 0.3, 2, 30], [0, 0, 0, 1.0]])
SPACING = (0.5, 0.5, float(np.hypot(2, 0.3)))


def labels(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 300, shape).astype(np.uint16)


def nifti(path: Path, values: np.ndarray) -> ImageFile:
    """A file in millimetres, in a scanner's coordinates, read back."""
    image = nibabel.Nifti1Image(values, AFFINE)
    image.set_sform(AFFINE, 1)
    image.set_qform(AFFINE, 1)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)
    return read_image(path)


@pytest.mark.parametrize("ending", IMAGES)
def test_an_image_comes_back(ending: str, tmp_path: Path) -> None:
    values = labels(8, 9)
    write_image(tmp_path / f"a{ending}", ImageFile(values, axes="yx"))
    back = read_image(tmp_path / f"a{ending}").ordered("yx")
    np.testing.assert_array_equal(back.values, values)
    assert back.channel_axis is None
    assert os.listdir(tmp_path) == [f"a{ending}"]


@pytest.mark.parametrize("ending", VOLUMES)
def test_a_volume_comes_back_with_its_spacing_and_unit(ending: str, tmp_path: Path) -> None:
    original = nifti(tmp_path / "from.nii.gz", labels(5, 6, 7))
    assert original.spacing == pytest.approx(SPACING)
    write_image(tmp_path / f"a{ending}", original)
    back = read_image(tmp_path / f"a{ending}").ordered("xyz")
    np.testing.assert_array_equal(back.values, original.values)
    if ending != ".npy":
        assert back.spacing == pytest.approx(SPACING)
        assert back.unit == "mm"


@pytest.mark.parametrize("ending", VOLUMES)
def test_probabilities_come_back_with_labels_along_one_axis(ending: str, tmp_path: Path) -> None:
    original = nifti(tmp_path / "from.nii.gz", labels(5, 6, 7))
    share = np.random.default_rng(0).random((3, 5, 6, 7), dtype=np.float32)
    write_image(tmp_path / f"p{ending}", original.like(share, channel_axis=0))
    back = read_image(tmp_path / f"p{ending}").ordered("xyz")
    axis = 0 if ending == ".npy" else back.channel_axis
    np.testing.assert_array_equal(np.moveaxis(back.values, axis, 0), share)
    assert back.values.dtype == np.float32


@pytest.mark.parametrize("first", [".nii.gz", ".nrrd"])
@pytest.mark.parametrize("second", [".nii.gz", ".nrrd"])
def test_the_place_in_a_body_survives_every_way_between_nifti_and_nrrd(first: str, second: str, tmp_path: Path) -> None:
    original = nifti(tmp_path / "from.nii", labels(5, 6, 7))
    write_image(tmp_path / f"a{first}", original)
    write_image(tmp_path / f"b{second}", read_image(tmp_path / f"a{first}"))
    np.testing.assert_allclose(read_image(tmp_path / f"b{second}").affine, AFFINE, atol=1e-6)


def test_nifti_keeps_the_codes_of_its_coordinates(tmp_path: Path) -> None:
    write_image(tmp_path / "a.nii.gz", nifti(tmp_path / "from.nii", labels(5, 6, 7)))
    header = nibabel.load(tmp_path / "a.nii.gz").header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (1, 1)
    assert header.get_xyzt_units()[0] == "mm"


def test_nrrd_of_a_scanner_counts_to_the_left_and_back(tmp_path: Path) -> None:
    header = {
        "space": "left-posterior-superior",
        "space directions": np.diag([2.0, 3.0, 4.0]),
        "space origin": [1, 2, 3],
    }
    nrrd.write(str(tmp_path / "a.nrrd"), labels(5, 6, 7), header)
    read = read_image(tmp_path / "a.nrrd")
    assert read.spacing == (2, 3, 4)
    np.testing.assert_array_equal(read.affine, [[-2, 0, 0, -1], [0, -3, 0, -2], [0, 0, 4, 3], [0, 0, 0, 1]])
    write_image(tmp_path / "b.nrrd", read.like(labels(5, 6, 7)))
    again = nrrd.read_header(str(tmp_path / "b.nrrd"))
    assert again["space"] == "left-posterior-superior"
    np.testing.assert_array_equal(again["space directions"], header["space directions"])
    np.testing.assert_array_equal(again["space origin"], header["space origin"])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_of_ome_zarr_the_finest_level_is_read_and_its_place_kept(version: str, tmp_path: Path) -> None:
    values = labels(1, 2, 5, 6, 7)
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=2 if version == "0.4" else 3)
    group.create_array("fine", data=values)
    group.create_array("coarse", data=values[..., ::2, ::2])
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    place = [
        {"type": "scale", "scale": [1, 1, 2, 0.5, 0.5]},
        {"type": "translation", "translation": [0, 0, 10, 20, 30]},
    ]
    datasets = [{"path": path, "coordinateTransformations": place} for path in ("fine", "coarse")]
    described = [{"axes": axes, "datasets": datasets, "version": version}]
    group.attrs.update({"multiscales": described} if version == "0.4" else {"ome": {"multiscales": described}})
    read = read_image(tmp_path / "a.zarr")
    np.testing.assert_array_equal(read.values, values[0])
    assert (read.channel_axis, read.axes, read.spacing, read.unit) == (0, "zyx", (2, 0.5, 0.5), "µm")
    write_image(tmp_path / "b.zarr", read.like(values[0, 0]))
    again = zarr.open_group(str(tmp_path / "b.zarr"), mode="r").attrs["multiscales"][0]
    assert again["datasets"][0]["coordinateTransformations"] == [
        {"type": "scale", "scale": [2, 0.5, 0.5]},
        {"type": "translation", "translation": [10, 20, 30]},
    ]


def test_an_array_within_zarr_is_read_by_its_name_and_a_group_without_description_names_its_arrays(
    tmp_path: Path,
) -> None:
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w")
    for name in ("raw", "truth"):
        group.create_array(name, data=labels(4, 5, 6))
    np.testing.assert_array_equal(read_image(tmp_path / "a.zarr" / "raw").values, labels(4, 5, 6))
    with pytest.raises(ValueError, match=r"raw.*truth"):
        read_image(tmp_path / "a.zarr")


def test_imagejs_stacks_tell_their_spacing(tmp_path: Path) -> None:
    values = labels(5, 6, 7)
    metadata = {"spacing": 3.0, "unit": "um", "axes": "ZYX"}
    tifffile.imwrite(tmp_path / "a.tif", values, imagej=True, resolution=(4, 2), metadata=metadata)
    read = read_image(tmp_path / "a.tif")
    assert (read.axes, read.spacing) == ("zyx", pytest.approx((3, 0.5, 0.25)))
    assert read.unit == "µm"


@pytest.mark.parametrize("kind", ["imagej", "ome", "plain"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.97])
def test_a_stack_that_was_cut_off_is_not_taken_for_what_is_left_of_it(kind: str, share: float, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 2**16, (7, 20, 30)).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif", values, photometric="minisblack", imagej=kind == "imagej", ome=kind == "ome", bigtiff=False
    )
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ValueError, match=r"a\.tif` is damaged"):
        read_image(tmp_path / "a.tif")


def test_a_stack_that_speaks_of_more_planes_than_there_are_is_refused(tmp_path: Path) -> None:
    told = "ImageJ=1.53\nimages=7\nslices=7\n"
    tifffile.imwrite(tmp_path / "a.tif", labels(20, 30), description=told, metadata=None)
    with pytest.raises(ValueError, match="speaks of 7 planes and has 1"):
        read_image(tmp_path / "a.tif")


def test_of_several_images_in_a_file_the_first_is_read_with_a_warning(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for plane in labels(3, 20, 30):
            writer.write(plane, photometric="minisblack")
    with pytest.warns(UserWarning, match=r"a\.tif` holds 3 images, of which the first is read"):
        assert read_image(tmp_path / "a.tif").shape == (20, 30)


@pytest.mark.parametrize(("mode", "shape"), [("L", (8, 9)), ("RGB", (8, 9, 3)), ("P", (8, 9, 3)), ("I;16", (8, 9))])
def test_pictures_of_every_kind_are_grey_or_have_three_colours(
    mode: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    picture = Image.fromarray(labels(8, 9)) if mode == "I;16" else Image.new("RGB", (9, 8), "red").convert(mode)
    picture.save(tmp_path / "a.png")
    read = read_image(tmp_path / "a.png")
    assert read.values.shape == shape
    assert read.shape == (8, 9)


@pytest.mark.parametrize("kind", ["RGB", "RGBA", "LA"])
def test_channels_of_sixteen_bits_are_refused_where_they_would_be_halved(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(deep_png(kind))
    with pytest.raises(ValueError, match=r"a\.png` has channels of 16 bits.*Save it as TIFF or NPY"):
        read_image(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes(deep_png("L"))
    assert (read_image(tmp_path / "a.png").values == 0x1234).all()


def test_webp_is_read_and_what_pillow_hands_to_other_programs_is_not(tmp_path: Path) -> None:
    Image.new("RGB", (5, 4), (10, 20, 30)).save(tmp_path / "a.webp", lossless=True)
    assert (read_image(tmp_path / "a.webp").values == (10, 20, 30)).all()
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(ValueError, match="none of PNG"):
        read_image(tmp_path / "a.png")


def test_photographs_stand_upright(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("L", (9, 8)).save(tmp_path / "a.jpg", exif=turned)
    assert read_image(tmp_path / "a.jpg").shape == (9, 8)


def test_what_is_transparent_is_white_in_an_image_and_no_seed_in_labels(tmp_path: Path) -> None:
    values = np.zeros((4, 5, 4), np.uint8)
    values[0, 0], values[1, 1] = (255, 0, 0, 255), (0, 0, 255, 255)
    values[2, 2, :3] = 77  # a colour that nobody sees
    Image.fromarray(values).save(tmp_path / "a.png")
    assert (read_image(tmp_path / "a.png").values[2:] == 255).all()
    expected = np.zeros((4, 5), int)
    expected[0, 0], expected[1, 1] = 2, 1  # blue comes before red
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png").values, expected)


def test_numbers_of_a_palette_are_labels(tmp_path: Path) -> None:
    picture = Image.fromarray(np.array([[0, 3], [7, 3]], np.uint8), mode=None).convert("L")
    picture.putpalette([index for colour in range(256) for index in (colour, 255 - colour, 0)])
    assert picture.mode == "P"
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png").values, [[0, 3], [7, 3]])


def test_grey_colours_are_their_values(tmp_path: Path) -> None:
    values = np.array([[0, 3], [7, 3]], np.uint8)
    Image.fromarray(np.stack([values] * 3, axis=-1)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png").values, values)


def test_a_soft_brush_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 20, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="hard brush"):
        read_labels(tmp_path / "a.png")


def test_labels_have_the_smallest_type() -> None:
    kinds = [smallest_type(np.array([most])).dtype for most in (0, 255, 256, 65535, 65536, 2**32)]
    assert kinds == [np.uint8, np.uint8, np.uint16, np.uint16, np.uint32, np.uint64]


@pytest.mark.parametrize("ending", IMAGES)
def test_a_file_that_is_something_else_is_refused_by_name(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    if ending == ".zarr":
        path.mkdir()
    else:
        path.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=f"a{ending}"):
        read_image(path)


@pytest.mark.parametrize("shape", [(), (4,), (2, 2, 2, 2, 2)])
def test_a_file_of_too_few_or_too_many_axes_is_refused_by_name(shape: tuple[int, ...], tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones(shape))
    for read in (read_image, read_labels):
        with pytest.raises(ValueError, match=r"a\.npy` must hold an image or a volume"):
            read(tmp_path / "a.npy")


@pytest.mark.parametrize("ending", [".png", ".nii.gz", ".nrrd", ".tif", ".npy"])
def test_a_file_that_was_cut_off_is_refused_by_name(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    write_image(path, ImageFile(labels(50, 60), axes="yx"))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(ValueError, match=f"a{ending}"):
        read_image(path)


@pytest.mark.parametrize("ending", IMAGES)
def test_a_write_that_fails_leaves_what_was_there(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"a{ending}"
    write_image(path, ImageFile(labels(8, 9), axes="yx"))
    kind = {".png": "picture", ".tif": "tiff", ".nrrd": "nrrd_file", ".zarr": "ome_zarr", ".npy": "npy"}
    module = f"graphrw.files.{kind.get(ending, 'nifti')}.write"

    def full(unfinished: Path, file: ImageFile) -> None:
        if ending == ".zarr":
            unfinished.mkdir()
        (unfinished / "part" if ending == ".zarr" else unfinished).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, full)
    with pytest.raises(OSError, match="No space"):
        write_image(path, ImageFile(labels(8, 9) + 1, axes="yx"))
    np.testing.assert_array_equal(read_image(path).ordered("yx").values, labels(8, 9))
    assert os.listdir(tmp_path) == [f"a{ending}"]


def test_no_part_of_a_zarr_comes_back_after_the_disk_was_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put = zarr.storage.LocalStore.set

    async def nearly_full(store: zarr.storage.LocalStore, key: str, value: object) -> None:
        if key.endswith("0/0/0/0"):
            raise OSError(28, "No space left on device")
        if key.startswith("0/"):
            await asyncio.sleep(0.2)
        await put(store, key, value)

    monkeypatch.setattr(zarr.storage.LocalStore, "set", nearly_full)
    with pytest.raises(OSError, match="No space"):
        write_image(tmp_path / "a.zarr", ImageFile(labels(2, 140, 140)))
    time.sleep(0.5)
    assert os.listdir(tmp_path) == []


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "true.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "true.txt")
    with replacing(tmp_path / "link.txt") as unfinished:
        unfinished.write_text("new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "true.txt").read_text() == "new"


@pytest.mark.parametrize(("at", "left"), [(1, "old"), (2, "old"), (3, "new")])
def test_a_folder_is_whole_wherever_its_exchange_is_interrupted(
    at: int, left: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(text: str) -> None:
        with replacing(tmp_path / "a") as unfinished:
            unfinished.mkdir()
            (unfinished / "text").write_text(text)
            (unfinished / "zarr.json").touch()

    put("old")
    steps = []
    for owner, name in ((Path, "replace"), (shutil, "rmtree")):
        move = getattr(owner, name)

        def interrupted(path: Path, *rest: Path, move: Callable[..., object] = move, **options: bool) -> object:
            steps.extend([path] if not options else [])
            if len(steps) == at:
                raise KeyboardInterrupt
            return move(path, *rest, **options)

        monkeypatch.setattr(owner, name, interrupted)
    with pytest.raises(KeyboardInterrupt):
        put("new")
    monkeypatch.undo()
    assert (tmp_path / "a" / "text").read_text() == left
    put("newest")
    assert (tmp_path / "a" / "text").read_text() == "newest"
    assert os.listdir(tmp_path) == ["a"]


def test_a_folder_that_zarr_has_not_made_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "thesis.txt").write_text("precious")
    with pytest.raises(IsADirectoryError, match="will not be replaced"):
        write_image(tmp_path / "a.zarr", ImageFile(labels(8, 9)))
    assert (tmp_path / "a.zarr" / "thesis.txt").exists()


def test_a_compression_that_wants_another_package_names_it(tmp_path: Path) -> None:
    if importlib.util.find_spec("imagecodecs"):
        pytest.skip("imagecodecs is installed")
    Image.fromarray(labels(50, 60).astype(np.uint8)).save(tmp_path / "a.tif", compression="tiff_lzw")
    with pytest.raises(MissingDependencyError, match="pip install imagecodecs"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize(("ending", "library"), [(".nii", "nibabel"), (".nrrd", "nrrd"), (".zarr", "zarr")])
def test_a_missing_library_is_one_sentence(
    ending: str, library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    for module in ("nifti", "nrrd_file", "ome_zarr"):
        monkeypatch.delitem(sys.modules, f"graphrw.files.{module}", raising=False)
    with pytest.raises(MissingDependencyError, match=r"pip install 'graphrw\[volumes\]'"):
        write_image(tmp_path / f"a{ending}", ImageFile(labels(8, 9)))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_folder_that_is_no_zarr_is_never_replaced(kind: str, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "thesis.txt").write_text("years")
    with (
        pytest.raises(IsADirectoryError, match=r"results` is a folder.* not be replaced\. Take another name"),
        replacing(tmp_path / "results") as unfinished,
    ):
        unfinished.write_text("42") if kind == "file" else unfinished.mkdir()
    assert [path.name for path in tmp_path.rglob("*")] == ["results", "thesis.txt"]


def test_an_empty_folder_or_a_zarr_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    for mark in (None, "zarr.json"):
        if mark:
            (tmp_path / "a.zarr" / mark).write_text("{}")
        with pytest.raises(IsADirectoryError, match="is a folder"), replacing(tmp_path / "a.zarr") as unfinished:
            unfinished.write_text("42")
    assert [path.name for path in tmp_path.rglob("*")] == ["a.zarr", "zarr.json"]
