"""What the Learned Random Walker's scripts rest on: their references give the library's gradient, and say what else."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import graphrw as rw
from experiments.lrw import table2

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def benchmark() -> dict[str, Any]:
    pytest.importorskip("skimage")
    return runpy.run_path(str(ROOT / "benchmarks" / "lrw_backward.py"))


def random_weight(num_edges: int) -> torch.Tensor:
    return torch.rand(num_edges, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.1


def three_seeds() -> torch.Tensor:
    seeds = torch.full((64,), -1)
    seeds[[0, 1, 27, 60]] = torch.tensor([0, 0, 1, 2])
    return seeds


def test_one_solve_per_edge_gives_the_gradient_of_the_one_adjoint_on_every_edge(benchmark: dict[str, Any]) -> None:
    graph = rw.grid_graph((8, 8))
    at = benchmark["problem"](graph, random_weight(graph.num_edges), three_seeds())
    everything = torch.arange(graph.num_edges)
    ours = benchmark["exact_adjoint"](at, everything)
    for reference in ("columns_per_edge", "column_per_edge"):
        torch.testing.assert_close(benchmark[reference](at, everything), ours, rtol=1e-10, atol=1e-12)
    touching = (three_seeds()[graph.edges] >= 0).any(0)
    assert float(ours[touching].abs().max()) > 0.01


def test_edges_that_touch_a_seed_hold_much_of_the_gradient() -> None:
    target = torch.arange(8).repeat(1, 8, 1) // 4
    example = table2.Example(target, {"sparse": rw.partition.oracle_seeds(target[0])[None]})
    assert 0.2 < table2.seed_edge_share(example, "sparse") < 1


def test_one_jacobi_step_has_the_value_of_the_layer_and_the_gradient_of_its_own_adjoint() -> None:
    graph, seeds = rw.grid_graph((8, 8)), three_seeds()
    image = rw.build.weight_images(random_weight(graph.num_edges), (8, 8))[None].requires_grad_()
    z = table2.one_jacobi_step(image, seeds.reshape(1, 8, 8))
    torch.testing.assert_close(z, rw.nn.HarmonicLabels()(image, seeds.reshape(1, 8, 8)))
    upstream = torch.randn(z.shape, generator=torch.Generator().manual_seed(1), dtype=z.dtype)
    (gradient,) = torch.autograd.grad(z, image, upstream)
    weight, x = rw.build.grid_weight(image.detach()[0], (8, 8)), z.detach().flatten(2)[0].T
    adjoint = upstream.flatten(2)[0].T / rw.core.walk.degree(graph, weight)[:, None] * (seeds < 0)[:, None]
    tail, head = graph.edges
    expected = -((adjoint[tail] - adjoint[head]) * (x[tail] - x[head])).sum(1)
    torch.testing.assert_close(rw.build.grid_weight(gradient[0], (8, 8)), expected)


def test_extended_seeds_fill_the_inner_half_of_each_segment() -> None:
    target = torch.tensor([[[0, 0, 0, 0, 0, 0, 1, 1]]])
    assert table2.inner_half(target).tolist() == [[[0, 0, 0, -1, -1, -1, -1, 1]]]


def test_a_missing_example_is_named_with_its_source_and_layout(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"em_cremi_lrw_example/example\.npz(.|\n)*pytorch-LearnedRandomWalker"):
        table2.main(["--data", str(tmp_path)])


def test_the_script_keeps_a_row_for_each_fit_that_it_prints(tmp_path: Path) -> None:
    target = np.kron(np.arange(4).reshape(2, 2), np.ones((8, 8), np.int64))
    seeds = np.zeros_like(target)
    seeds[4::8, 4::8] = target[4::8, 4::8] + 1
    (tmp_path / "em_cremi_lrw_example").mkdir()
    np.savez(tmp_path / "em_cremi_lrw_example" / "example.npz", target=target, seeds=seeds)
    out, script = tmp_path / "fits.json", str(ROOT / "experiments" / "lrw" / "table2.py")
    options = ["--data", str(tmp_path), "--steps", "3", "--out", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, script, *options], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text(encoding="utf-8"))["figures"]
    settings = {(row["seeding"], row["gradient"], row["rate"], row["run"]) for row in rows}
    assert (len(rows), len(settings)) == (12, 12)
    (exact,) = [row for row in rows if (row["seeding"], row["gradient"]) == ("sparse", "exact")]
    shown = " | ".join(f"{exact[name]:.3f}" for name in ("loss", "adjusted", "adapted"))
    assert f"| sparse | exact | 0.1 | {shown} | 0.01 |" in done.stdout
