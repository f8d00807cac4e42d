"""Distances along meshes by heat: ours beside potpourri3d, which is geometry-central's heat method in C++.

Claim: the same distances within some per cent of an edge's length, and on spheres errors no larger than the peer's.
Peers: potpourri3d's MeshHeatMethodDistanceSolver, robust (intrinsic Delaunay triangles, as ours). It keeps its factors:
a second source costs it little, where we begin anew. It has no gradient.
Run: pip install -e '.[peers]', then OMP_NUM_THREADS=1 python benchmarks/geodesics.py --data DIR
where DIR (or GRAPHRW_DATA) holds meshes_plain/*.npz with V (V, 3) and F (F, 3); without it spheres alone.
Last result: docs/benchmarks.md.
Distances are from vertex 0, and differences in per cent of the largest. Seconds are of the processor: medians of runs
in turns.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import child
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from torch import Tensor

import graphrw as rw

try:
    import potpourri3d
except ImportError:
    sys.exit("Needs the peer potpourri3d, which is not installed: pip install potpourri3d.")

SOURCE = torch.tensor([0])


def sphere(num_points: int) -> tuple[Tensor, Tensor]:
    """Random points on the unit sphere and the triangles of their convex hull, seen from outside."""
    points = torch.randn(num_points, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    points = torch.nn.functional.normalize(points, dim=1)
    faces = torch.from_numpy(ConvexHull(points.numpy()).simplices).long()
    turned = torch.linalg.det(points[faces]) < 0
    return points, torch.where(turned[:, None], faces.flip(1), faces)


def meshes(folder: Path | None, spheres: list[int], most: int) -> Iterator[tuple[str, Tensor, Tensor, Tensor | None]]:
    """Name, vertices, faces, and the true distances where they are known."""
    for size in spheres:
        vertices, faces = sphere(size)
        yield "sphere", vertices, faces, (vertices @ vertices[0]).clamp(-1, 1).arccos()
    if folder is not None:
        loaded = [(path.stem, np.load(path)) for path in folder.glob("meshes_plain/*.npz")]
        for name, mesh in sorted(loaded, key=lambda pair: len(pair[1]["V"])):
            if len(mesh["V"]) <= most:
                yield name, torch.from_numpy(mesh["V"]).double(), torch.from_numpy(mesh["F"]).long(), None


def seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def timed(vertices: Tensor, faces: Tensor, runs: int) -> list[float]:
    """Ours, ours with the gradient in the vertices, the peer's first source, and its next one."""
    plain, corners = vertices.numpy(), faces.numpy()

    def gradient() -> None:
        leaf = vertices.clone().requires_grad_()
        rw.geodesic_distance(leaf, faces, SOURCE).sum().backward()

    taken: list[list[float]] = [[], [], [], []]
    for _ in range(runs):
        peer: list[potpourri3d.MeshHeatMethodDistanceSolver] = []
        taken[0].append(seconds(lambda: rw.geodesic_distance(vertices, faces, SOURCE)))
        taken[1].append(seconds(gradient))
        build = seconds(lambda peer=peer: peer.append(potpourri3d.MeshHeatMethodDistanceSolver(plain, corners)))
        taken[3].append(seconds(lambda peer=peer: peer[0].compute_distance(0)))
        taken[2].append(build + taken[3][-1])
    return [statistics.median(each) for each in taken]


def off(found: NDArray[np.float64], true: NDArray[np.float64]) -> str:
    """Mean and largest difference in per cent of the largest distance."""
    difference = np.abs(found - true) / true.max() * 100
    return f"{difference.mean():.2f} / {difference.max():.2f}"


def report(name: str, mesh: tuple[Tensor, Tensor], true: Tensor | None, runs: int) -> None:
    vertices, faces = mesh
    ours = rw.geodesic_distance(vertices, faces, SOURCE).numpy()
    peer = potpourri3d.MeshHeatMethodDistanceSolver(vertices.numpy(), faces.numpy()).compute_distance(0)
    errors = ["–", "–"] if true is None else [off(found, true.numpy()) for found in (ours, peer)]
    cells = [f"{each:.3f}" for each in timed(vertices, faces, runs)]
    print(f"| {name} | {len(vertices):,} | {' | '.join([off(ours, peer), *errors, *cells])} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("GRAPHRW_DATA"))
    parser.add_argument("--spheres", type=int, nargs="*", default=[1_000, 10_000, 40_000])
    parser.add_argument("--most", type=int, default=200_000, help="vertices of a mesh that is still tried")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    folder = None if options.data is None else Path(options.data)
    print(f"{child.machine()}, CPU seconds, medians of {options.runs} runs in turns; differences: mean / largest, %\n")
    print("| mesh | vertices | ours to peer | ours to truth | peer to truth | ours | with gradient | peer | its next |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, vertices, faces, true in meshes(folder, options.spheres, options.most):
        report(name, (vertices, faces), true, options.runs)


if __name__ == "__main__":
    main()
