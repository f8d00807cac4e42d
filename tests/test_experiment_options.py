"""What the options of experiments promise: names that are not known are refused with those that are, and so on."""

from importlib import import_module
from pathlib import Path

import pytest
import torch
from tiny_sets import make_sets

from experiments.lrw import train as lrw
from experiments.meshes import evaluate as meshes
from experiments.ndd import train as ndd
from experiments.rawks import train as rawks

SOME_NAMES = {
    "cuts.evaluate": ("--set",),
    "interactive.clicks": ("--sets", "--methods"),
    "interactive.evaluate": ("--sets", "--methods"),
    "interactive.features": ("--sets", "--candidates"),
    "interactive.prior": ("--sets",),
    "interactive.suggestions": ("--sets", "--criteria"),
    "interactive.wrong_strokes": ("--set",),
    "meshes.evaluate": ("--methods",),
    "node_labels.evaluate": ("--methods", "--split"),
    "node_labels.few_labels": ("--split",),
    "pretrained.evaluate": ("--set", "--methods"),
    "pretrained.pictures": ("--names",),
    "pretrained.train": ("--name",),
    "rawks.ablate": ("--set", "--rows", "--changes"),
    "rawks.evaluate": ("--set",),
    "rawks.train": ("--set", "--rows"),
    "rwn.evaluate": ("--set",),
    "rwn.train": ("--set", "--walk"),
    "superpixels.evaluate": ("--sets",),
}


@pytest.mark.parametrize(("script", "option"), [(script, each) for script, some in SOME_NAMES.items() for each in some])
def test_a_name_that_is_not_known_is_refused_with_those_that_are(script: str, option: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=f"There is no `cats` for {option}: .*[a-z]"):
        import_module(f"experiments.{script}").main(["--data", str(tmp_path), option, "cats"])


@pytest.mark.parametrize("choices", ["0", "4"])
def test_a_number_that_is_not_among_the_choices_is_refused_with_those_that_are(choices: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=f"There is no `{choices}` for --choices: 1; 2; 3"):
        import_module("experiments.node_labels.evaluate").main(["--data", str(tmp_path), "--choices", choices])


@pytest.mark.parametrize("script", ["ndd.evaluate", "ndd.weak", "rawks.evaluate", "rwn.evaluate"])
def test_weights_that_are_not_there_are_named(script: str, tmp_path: Path) -> None:
    option = "--model" if script == "ndd.weak" else "--models"
    main = import_module(f"experiments.{script}").main
    with pytest.raises(SystemExit, match=f"There is no `.*/cats`, given as {option}"):
        main(["--data", str(tmp_path), option, str(tmp_path / "cats")])
    if script in ("rawks.evaluate", "rwn.evaluate"):
        with pytest.raises(SystemExit, match=r"holds none of .*\.safetensors"):
            main(["--data", str(tmp_path), option, str(tmp_path)])


def test_a_network_that_nobody_knows_is_asked_about(tmp_path: Path) -> None:
    data = make_sets(tmp_path, "test")
    main = import_module("experiments.pretrained.evaluate").main
    with pytest.raises(SystemExit, match="What was `cats` trained on"):
        main(["--data", str(data), "--models", "cats"])
    with pytest.raises(SystemExit, match="There are no weights `cats`: give a file, or one of em_"):
        main(["--data", str(data), "--models", "cats", "--set", "em_isbi2012", "--split", "test"])


@pytest.mark.parametrize(
    "script", ["lrw.ablate", "lrw.train", "ndd.train", "pretrained.train", "rawks.train", "rwn.train"]
)
def test_a_training_on_a_device_that_is_not_there_ends_with_words(script: str) -> None:
    training = import_module(f"experiments.{script}")
    for device, words in (("cuda:99", "CUDA devices, and not `cuda:99`"), ("gpu", "no device `gpu`")):
        with pytest.raises(SystemExit, match=words):
            training.Config(device=device)


@pytest.mark.parametrize(
    "script", ["lrw.evaluate", "meshes.evaluate", "ndd.weak", "node_labels.evaluate", "ndd.picture"]
)
def test_what_a_script_does_not_heed_it_does_not_offer(script: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        import_module(f"experiments.{script}").main(["--device", "cpu"])
    assert "unrecognized arguments: --device" in capsys.readouterr().err


def test_a_gpu_trains_a_larger_variant_and_numbers_that_are_given_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    for cuda, width, steps in ((False, 32, 500), (True, 64, 2000)):
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: cuda)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
        assert (lrw.Config().width, ndd.Config().distance_steps, rawks.Config().steps) == (width, steps, steps)
        assert (lrw.Config(width=4).width, ndd.Config(tuned_steps=0).tuned_steps) == (4, 0)
        assert lrw.Config(device="cpu").width == 32


def test_without_folds_one_category_is_left_out_at_a_time() -> None:
    categories = [f"category {number}" for number in range(19)]
    assert meshes.folds(meshes.Config(), categories) == [{each} for each in categories]
    sizes = [len(fold) for fold in meshes.folds(meshes.Config(folds=5), categories)]
    assert sizes == [4, 4, 4, 4, 3]
