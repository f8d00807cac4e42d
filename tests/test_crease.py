"""What joins the faces of a mesh: distances, features and weights of its dual graph."""

import math

import numpy as np
import pytest
import torch
from meshes import CORNERS, CUBE, DOUBLE, Tensor, every_mesh, plane, sphere
from scipy.spatial.transform import Rotation

import graphrw as rw
from graphrw.build import centroid_distance, crease_features, crease_weight, mesh_dual_graph, shared_edge_length


@every_mesh
def test_distances_are_those_of_a_loop_over_pairs_of_faces(mesh: tuple[Tensor, Tensor]) -> None:
    vertices, faces = mesh
    expected = []
    for i, j in mesh_dual_graph(vertices, faces)[0].edges.T.tolist():
        shared = sorted({*faces[i].tolist()} & {*faces[j].tolist()})
        middle = vertices[shared].mean(0)
        expected.append(sum(math.dist(vertices[faces[k]].mean(0).tolist(), middle.tolist()) for k in (i, j)))
    torch.testing.assert_close(centroid_distance(vertices, faces), torch.tensor(expected, dtype=DOUBLE))


def test_features_do_not_change_when_a_mesh_is_moved_turned_and_scaled() -> None:
    vertices, faces = sphere()
    turn = torch.from_numpy(Rotation.random(rng=np.random.default_rng(0)).as_matrix())
    moved = 7 * vertices @ turn.T + torch.tensor([1.0, -2.0, 3.0], dtype=DOUBLE)
    torch.testing.assert_close(crease_features(moved, faces), crease_features(vertices, faces))


def test_turned_inside_out_convex_becomes_concave() -> None:
    convex, concave, length, distance = crease_features(CORNERS, CUBE).T
    turned = crease_features(CORNERS, CUBE.flip(1)).T
    assert float(convex.max()) == pytest.approx(math.pi / 2)
    assert float(concave.max()) == 0.0
    torch.testing.assert_close(turned, torch.stack([concave, convex, length, distance]))


def test_the_weight_is_its_equation() -> None:
    vertices, faces = sphere()
    vertices = vertices * torch.linspace(0.5, 1.5, len(vertices), dtype=DOUBLE)[:, None]
    _, angle = mesh_dual_graph(vertices, faces)
    assert float(angle.min()) < -0.5 < 0.5 < float(angle.max())
    cost = torch.where(angle < 0, -4 * angle, 0.5 * angle)
    expected = shared_edge_length(vertices, faces) / centroid_distance(vertices, faces)
    expected = expected * (1e-3 + (1 - 1e-3) * torch.exp(-cost))
    found = crease_weight(vertices, faces, concave=4.0, convex=0.5, floor=1e-3)
    torch.testing.assert_close(found, expected)


def test_however_sharp_the_creases_a_walk_reaches_every_face() -> None:
    weight = crease_weight(CORNERS, CUBE.flip(1), concave=1e6)
    seeds = torch.full((12,), -1).index_fill(0, torch.tensor([0]), 0)
    answer = rw.hitting_probabilities(rw.walk(mesh_dual_graph(CORNERS, CUBE)[0], weight), seeds)
    torch.testing.assert_close(answer, torch.ones(12, 1, dtype=DOUBLE))


def test_gradients_with_respect_to_vertices_are_those_of_finite_differences() -> None:
    vertices, faces = sphere(9)
    vertices = (vertices * torch.linspace(0.8, 1.2, 9, dtype=DOUBLE)[:, None]).requires_grad_()
    for attribute in (centroid_distance, crease_features, crease_weight):
        assert torch.autograd.gradcheck(lambda points, of=attribute: of(points, faces), vertices)


def test_a_flat_mesh_has_the_same_weights_at_any_cost() -> None:
    vertices, faces = plane(4, 4)
    plain = crease_weight(vertices, faces, concave=0.0)
    torch.testing.assert_close(crease_weight(vertices, faces, concave=50.0), plain)
