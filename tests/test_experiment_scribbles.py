"""Trainings on scribbles: what they change, and what stays."""

from pathlib import Path

import torch
from tiny_sets import make_sets

from experiments.rawks.scenes import SIMULATED, read
from experiments.rawks.train import Config, begun, trained
from graphrw.models import rawks


def test_a_gain_that_is_tried_is_of_one_model_and_gone_in_the_end(tmp_path: Path) -> None:
    config = Config(set="weizmann_horses", scratch=True, out=tmp_path / "run", steps=3, alone=0.0, gain=1.0)
    data = make_sets(tmp_path / "sets", "test")
    scenes = read(data, config.set, "test", SIMULATED, scratch=True)
    model, tried = trained(config, "joint", begun(config, scenes), scenes), begun(config, scenes)
    tried.load_state_dict(torch.load(tmp_path / "run" / "joint.pt", weights_only=True))
    found, of_five = (each.boundary(scenes[0].features) / rawks.HEIGHT for each in (model, tried))
    torch.testing.assert_close(found, torch.sigmoid(torch.logit(of_five) / rawks.GAIN))
