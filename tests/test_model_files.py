"""Files of models: what comes back is the model that was saved, and what does not fit is refused in words."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from graphrw.models import NDD, RAWKS, RWN, InputScale, LearnedRandomWalker, Trunk
from graphrw.models.saving import Contents, write

SCALE = InputScale(4095.0, mean=(0.4,), std=(0.2,), percentiles=(1.0, 99.0))
MODELS = {
    "learned random walker": lambda: LearnedRandomWalker(1, 8, stride=4, input_scale=SCALE),
    "learned random walker in 3D": lambda: LearnedRandomWalker(1, 4, axes=3, input_scale=SCALE),
    "rawks": lambda: RAWKS(1, 3, 8, stride=2, input_scale=SCALE),
    "rwn": lambda: RWN(1, 3, 8, stride=4, early=4, alpha=0.7, radius=2.0, input_scale=SCALE),
    "ndd": lambda: NDD(1, 8, k=6, stride=2, radius=2.0, mu=0.3, time=3.0, scale=2.0, input_scale=SCALE),
}


class Pooled(nn.Module):
    """A trunk of the caller's own."""

    stride, out_channels = 2, 5

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 5, 3, stride=2, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.convolution(image)


def answer(model: nn.Module) -> torch.Tensor:
    shape = (12, 16) if model.axes == 2 else (4, 6, 8)
    image = torch.linspace(-1, 1, int(np.prod(shape))).reshape(1, 1, *shape).to(next(model.parameters()).dtype)
    if not isinstance(model, LearnedRandomWalker):
        return model.eval()(image)
    seeds = torch.full((1, *shape), -1)
    seeds[0, 0, 0], seeds[0, -1, -1] = 0, 1
    return model.eval()(image, seeds)


@pytest.mark.parametrize("name", MODELS)
def test_a_loaded_model_is_the_one_that_was_saved(name: str, tmp_path: Path) -> None:
    model = MODELS[name]()
    for value in model.parameters():
        value.data += 0.1 * torch.randn_like(value)
    model.save(tmp_path / "model.safetensors")
    again = type(model).load(tmp_path / "model.safetensors")
    assert torch.equal(answer(again), answer(model))
    assert again.input_scale == SCALE
    assert not again.training
    assert repr(again) == repr(model)
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_numbers_of_numpy_are_saved_as_any(tmp_path: Path) -> None:
    RWN(np.int64(1), np.int64(2), np.int64(8), alpha=np.float64(0.25)).save(tmp_path / "a")
    assert RWN.load(tmp_path / "a").alpha == 0.25


def test_the_file_says_what_is_in_it(tmp_path: Path) -> None:
    MODELS["rwn"]().save(tmp_path / "a")
    with safe_open(tmp_path / "a", "pt") as file:
        described = file.metadata()
    assert (described["format"], described["version"], described["model"]) == ("graphrw.model", "1", "RWN")
    assert json.loads(described["arguments"])["alpha"] == 0.7
    assert json.loads(described["input_scale"]) == {
        "unit": 4095.0,
        "mean": [0.4],
        "std": [0.2],
        "percentiles": [1.0, 99.0],
    }


@pytest.mark.parametrize(("stored", "loaded"), [(torch.float16, torch.float32), (torch.float64, torch.float64)])
def test_half_precision_is_widened_and_double_kept(stored: torch.dtype, loaded: torch.dtype, tmp_path: Path) -> None:
    model = MODELS["rawks"]().to(stored)
    model.save(tmp_path / "a")
    again = RAWKS.load(tmp_path / "a")
    assert {value.dtype for value in again.parameters()} == {loaded}
    assert torch.equal(again.classes.weight, model.classes.weight.to(loaded))


@pytest.mark.skipif(os.name == "nt", reason="rights are those of POSIX")
def test_weights_are_for_whom_files_are_by_default(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        MODELS["rawks"]().save(tmp_path / "a")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_folder_is_refused_by_name_and_weights_are_not_called_like_images(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=r"is a folder\. Name the file in it"):
        RAWKS.load(tmp_path)
    with pytest.raises(ValueError, match=r"a\.nii\.gz` ends like an image; .*Take `.*a\.safetensors`"):
        MODELS["rawks"]().save(tmp_path / "a.nii.gz")


def test_a_trunk_of_the_callers_own_is_given_again(tmp_path: Path) -> None:
    model = LearnedRandomWalker(1, trunk=Pooled())
    model.save(tmp_path / "a")
    again = LearnedRandomWalker.load(tmp_path / "a", trunk=Pooled())
    assert torch.equal(answer(again), answer(model))
    with pytest.raises(ValueError, match=r"made with a `trunk` of its own, a Pooled: give one made alike"):
        LearnedRandomWalker.load(tmp_path / "a")
    LearnedRandomWalker(1, 8).save(tmp_path / "b")
    with pytest.raises(ValueError, match=r"made with no `trunk` of its own: give none"):
        LearnedRandomWalker.load(tmp_path / "b", trunk=Pooled())


def test_rawks_has_two_trunks_or_one_that_is_shared(tmp_path: Path) -> None:
    shared = Pooled()
    model = RAWKS(1, 2, trunk=shared, boundary_trunk=shared)
    model.save(tmp_path / "a")
    again = RAWKS.load(tmp_path / "a", trunk=(other := Pooled()), boundary_trunk=other)
    assert torch.equal(answer(again), answer(model))
    assert torch.equal(again.boundary(torch.ones(1, 1, 6, 6)), model.boundary(torch.ones(1, 1, 6, 6)))
    with pytest.raises(ValueError, match=r"made with a `boundary_trunk` of its own, a Pooled"):
        RAWKS.load(tmp_path / "a", trunk=Pooled())


def test_rwn_has_a_trunk_for_its_affinities(tmp_path: Path) -> None:
    model = RWN(1, 2, 8, affinity_trunk=Pooled(), radius=2.0)
    assert model.early_features(torch.rand(1, 1, 6, 7)).shape == (1, 1 + Pooled().out_channels, 6, 7)
    model.save(tmp_path / "a")
    again = RWN.load(tmp_path / "a", affinity_trunk=Pooled())
    assert torch.equal(answer(again), answer(model))
    with pytest.raises(ValueError, match=r"made with an? `affinity_trunk` of its own, a Pooled"):
        RWN.load(tmp_path / "a")


def damaged(tmp_path: Path, name: str, value: torch.Tensor | None) -> Path:
    """The file of a small model with one tensor changed, or taken away."""
    model = LearnedRandomWalker(1, 8)
    tensors = dict(model.state_dict())
    tensors[name] = value
    tensors = {key: tensor for key, tensor in tensors.items() if tensor is not None}
    arguments = {"in_channels": 1, "width": 8, "stride": None, "axes": 2}
    scale = {"unit": None, "mean": [0.0], "std": [1.0]}
    write(tmp_path / "a", Contents("LearnedRandomWalker", arguments, scale, {}, tensors))
    return tmp_path / "a"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "trunk.out.bias",
            None,
            r"does not fit LearnedRandomWalker: `trunk.out.bias` is missing\. The file is damaged",
        ),
        ("more", torch.ones(1), r"`more` belongs to nothing"),
        ("trunk.out.bias", torch.ones(3), r"`trunk.out.bias` is \(3,\) instead of \(8,\)"),
    ],
)
def test_other_weights_are_refused(tmp_path: Path, name: str, value: torch.Tensor | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LearnedRandomWalker.load(damaged(tmp_path, name, value))


def test_another_class_is_refused(tmp_path: Path) -> None:
    MODELS["rawks"]().save(tmp_path / "a")
    with pytest.raises(ValueError, match=r"holds a RAWKS, not a LearnedRandomWalker: use `RAWKS.load`"):
        LearnedRandomWalker.load(tmp_path / "a")


def test_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphrw.models.saving.VERSION", 2)
    MODELS["rawks"]().save(tmp_path / "a")
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"has version 2 of the file format; this graphrw reads version 1"):
        RAWKS.load(tmp_path / "a")


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    save_file({"weight": torch.ones(2)}, tmp_path / "foreign")
    with pytest.raises(ValueError, match=r"holds tensors, but no model of graphrw"):
        RAWKS.load(tmp_path / "foreign")
    torch.save({"weight": torch.ones(2)}, tmp_path / "pickle")
    with pytest.raises(ValueError, match=r"is no safetensors file .*`model.load_state_dict\(torch.load\(path\)\)`"):
        RAWKS.load(tmp_path / "pickle")
    with pytest.raises(FileNotFoundError):
        RAWKS.load(tmp_path / "nowhere")


def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    MODELS["rawks"]().save(path)
    before = path.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("graphrw.models.saving.save_file", fail)
    with pytest.raises(OSError, match="no space left"):
        MODELS["rawks"]().save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


# --- trunks of the caller's own -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make", [LearnedRandomWalker, lambda n, **k: RAWKS(n, 2, **k), lambda n, **k: RWN(n, 2, **k), NDD]
)
def test_a_trunk_that_does_not_fit_is_refused(make) -> None:
    for broken, message in [
        (
            nn.Conv2d(1, 4, 3),
            r"`trunk` \(Conv2d\) must have the attribute `stride`, a whole number from 1: .* got \(1, 1\)",
        ),
        (
            nn.Identity(),
            r"`trunk` \(Identity\) must have the attribute `stride`, .* got none\. Set it: `trunk.stride =",
        ),
        (Trunk, r"`trunk` must be a torch.nn.Module; got type"),
        (Trunk(1, 4, stride=2, levels=1, axes=3), r"`axes` is 2, but the `axes` of `trunk` is 3"),
    ]:
        with pytest.raises(ValueError, match=message):
            make(1, trunk=broken)
    with pytest.raises(
        ValueError, match=r"`stride` is 4, but the `stride` of `trunk` is 2\. Leave `stride` to the trunk"
    ):
        make(1, trunk=Pooled(), stride=4)
    with pytest.raises(ValueError, match=r"`width` is 8, but the `out_channels` of `trunk` is 5"):
        make(1, width=8, trunk=Pooled())


def test_features_of_another_shape_than_said_are_refused() -> None:
    trunk = Pooled()
    trunk.stride = 4
    with pytest.raises(
        ValueError, match=r"must give features of shape \(1, 5, 2, 2\) for images \(1, 1, 8, 8\), since"
    ):
        LearnedRandomWalker(1, trunk=trunk).edge_weights(torch.zeros(1, 1, 8, 8))


IMAGES = {
    "numpy": (np.zeros((1, 1, 8, 8), np.float32), r"\(B, 1, H, W\); got ndarray\. `as_input` makes one"),
    "one": (torch.zeros(1, 8, 8), r"got \(1, 8, 8\)\. One image is a batch of one: `image\[None\]`"),
    "channels": (torch.zeros(1, 3, 8, 8), r"`image` must be a torch tensor \(B, 1, H, W\); got \(1, 3, 8, 8\)"),
    "bytes": (torch.zeros(1, 1, 8, 8, dtype=torch.uint8), r"of floats; got torch.uint8\. `as_input` scales"),
    "double": (torch.zeros(1, 1, 8, 8).double(), r"must have one type; got torch.float64 and torch.float32"),
    "empty": (torch.zeros(1, 1, 0, 8), r"with at least one pixel; got \(1, 1, 0, 8\)"),
    "nan": (torch.full((1, 1, 8, 8), torch.nan), r"`image` holds NaN or infinite values"),
}


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("name", [name for name in MODELS if "3D" not in name])
def test_images_that_do_not_fit_are_refused(name: str, image: str) -> None:
    model, (wrong, message) = MODELS[name](), IMAGES[image]
    call = model.edge_weights if isinstance(model, LearnedRandomWalker) else model
    with pytest.raises(ValueError, match=message):
        call(wrong)


def test_under_autocast_double_is_no_mistake() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert LearnedRandomWalker(1, 8).edge_weights(torch.zeros(1, 1, 8, 8)).shape == (1, 2, 4, 4)


def test_numbers_that_were_changed_since_are_saved(tmp_path: Path) -> None:
    rwn, ndd = MODELS["rwn"](), MODELS["ndd"]()
    rwn.alpha, rwn.radius, ndd.k, ndd.radius = 0.9, 3.0, 4, 3.0
    for model, name in ((rwn, "rwn"), (ndd, "ndd")):
        model.save(tmp_path / f"{name}.safetensors")
        assert torch.equal(answer(type(model).load(tmp_path / f"{name}.safetensors")), answer(model))
