"""Draws the pictures of walk.md: python docs/walk_pictures.py"""

from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot as plt

import graphrw as rw

OUT = Path(__file__).parent / "pictures"
SIZE = 61


def walled(connectivity: int = 1) -> tuple[rw.Graph, torch.Tensor, np.ndarray]:
    """A room with a wall that has a gap: its graph, its weights, and where the wall is."""
    wall = np.zeros((SIZE, SIZE), dtype=bool)
    wall[:, 30] = True
    wall[36:44, 30] = False
    graph = rw.grid_graph((SIZE, SIZE), connectivity)
    inside = torch.from_numpy(wall).reshape(-1)[graph.edges].any(0)
    return graph, torch.where(inside, 1e-3, 1.0).double(), wall


def paths(axis: plt.Axes, wall: np.ndarray) -> None:
    """Three walkers from one place, each until it meets one of two seeds."""
    random = np.random.default_rng(14)
    seeds = {(15, 12): "C0", (15, 48): "C3"}
    axis.imshow(np.where(wall, 0.3, 1.0), cmap="gray", vmin=0, vmax=1)
    for shade in (0.35, 0.6, 0.9):
        place, trail = np.array([40, 22]), []
        while all(np.abs(place - seed).max() > 2 for seed in seeds):
            trail.append(place)
            ahead = (place + [(0, 1), (1, 0), (0, -1), (-1, 0)][random.integers(4)]).clip(0, SIZE - 1)
            place = place if wall[tuple(ahead)] else ahead
        colour = next(colour for seed, colour in seeds.items() if np.abs(place - seed).max() <= 2)
        axis.plot(*np.array(trail).T[::-1], color=colour, alpha=shade, linewidth=0.8)
    for seed, colour in seeds.items():
        axis.scatter(*seed[::-1], color=colour, s=80, edgecolor="black", zorder=3)
    axis.scatter(22, 40, color="black", marker="x", s=60, zorder=3)
    axis.set_title("three walkers from ×")


def hitting() -> None:
    graph, weight, wall = walled()
    seeds = torch.full((SIZE**2,), -1)
    seeds[15 * SIZE + 12], seeds[15 * SIZE + 48] = 0, 1
    probability = rw.hitting_probabilities(rw.walk(graph, weight), seeds)
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.9), layout="constrained")
    paths(axes[0], wall)
    blue = axes[1].imshow(probability[:, 0].reshape(SIZE, SIZE).numpy(), cmap="coolwarm_r", vmin=0, vmax=1)
    axes[1].set_title("probability of the left seed")
    figure.colorbar(blue, ax=axes[1], shrink=0.85)
    nats = axes[2].imshow(rw.entropy(probability).reshape(SIZE, SIZE).numpy(), cmap="magma")
    axes[2].set_title("entropy, in nats")
    figure.colorbar(nats, ax=axes[2], shrink=0.85)
    finish(figure, axes, "hitting.png")


def killing() -> None:
    graph, weight, _ = walled()
    walk, source = rw.walk(graph, weight), torch.zeros(SIZE**2, dtype=torch.float64)
    source[40 * SIZE + 22] = 1.0
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.9), layout="constrained")
    for axis, alpha in zip(axes, (0.9, 0.99, 0.999), strict=True):
        visits = (1 - alpha) * rw.resolvent(rw.damp(walk, alpha), source)
        axis.imshow(visits.reshape(SIZE, SIZE).log10().numpy(), cmap="viridis", vmin=-7, vmax=-1.5)
        axis.set_title(f"α = {alpha}: {1 / (1 - alpha):.0f} steps on average")
    finish(figure, axes, "killing.png")


def spreading() -> None:
    graph, weight, _ = walled(
        connectivity=2
    )  # with 4 neighbours places would fall into black and white, as on a chess board
    walk = rw.walk(graph, weight)
    here = torch.tensor([40 * SIZE + 22])
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.9), layout="constrained")
    for axis, time in zip(axes, (20, 200, 2000), strict=True):
        distance = rw.diffusion_distance(walk, time, 100, rows=here)[0].sqrt()
        axis.imshow(distance.reshape(SIZE, SIZE).numpy(), cmap="cividis")
        axis.scatter(22, 40, color="red", marker="+", s=100)
        axis.set_title(f"distance from + at t = {time}")
    finish(figure, axes, "spreading.png")


def finish(figure: plt.Figure, axes: np.ndarray, name: str) -> None:
    for axis in axes:
        axis.set_axis_off()
    figure.savefig(OUT / name, dpi=90)


if __name__ == "__main__":
    plt.switch_backend("Agg")
    OUT.mkdir(exist_ok=True)
    hitting()
    killing()
    spreading()
