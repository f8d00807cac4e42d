"""Models in Lightning, as its users write them: two processes take the step that one takes."""

import pytest
import torch
from data_parallel import MODELS, PROCESSES, batch_of, gradients, made

lightning = pytest.importorskip("pytorch_lightning")
from torch.utils.data import DataLoader  # noqa: E402

pytestmark = [
    pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="torch has no gloo here"),
    # Lightning asks for more workers, and finds no logger.
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
]


class Training(lightning.LightningModule):
    """Every model at once, so that processes are started once."""

    def __init__(self) -> None:
        super().__init__()
        self.losses = torch.nn.ModuleDict({name: made(name) for name in MODELS})

    def training_step(self, batch: torch.Tensor, number: int) -> torch.Tensor:
        """Each process finds its own pictures by the number that its sampler gives it."""
        (rank,) = batch.tolist()
        return sum(loss(*batch_of(name, rank)) for name, loss in self.losses.items())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1.0)


def test_a_step_in_two_processes_is_that_of_one_for_every_model(tmp_path):
    training = Training()
    before = {name: value.detach().clone() for name, value in training.named_parameters()}
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    trainer = lightning.Trainer(
        accelerator="cpu", devices=PROCESSES, strategy="ddp_spawn", max_epochs=1, default_root_dir=tmp_path, **quiet
    )
    trainer.fit(training, DataLoader(range(PROCESSES), batch_size=1))
    for model in MODELS:
        loss = made(model)
        for rank in range(PROCESSES):
            (loss(*batch_of(model, rank)) / PROCESSES).backward()
        for name, gradient in gradients(loss).items():
            key = f"losses.{model}.{name}"
            step = before[key] - dict(training.named_parameters())[key].detach()
            torch.testing.assert_close(step, gradient, rtol=1e-6, atol=1e-12)
