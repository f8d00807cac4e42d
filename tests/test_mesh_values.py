"""Meshes: types, gradients, and what is refused."""

from typing import Any

import pytest
import torch
from meshes import CORNERS, CUBE, DOUBLE, SQUARES, plane, sphere
from torch import Tensor

from graphrw.build.mesh import cotangent_weight, mesh_dual_graph, mesh_graph, shared_edge_length


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_attributes_have_the_type_of_the_vertices_and_faces_may_be_int32(kind: torch.dtype) -> None:
    vertices, faces = sphere()
    for attribute in (
        lambda *mesh: mesh_graph(*mesh)[1],
        lambda *mesh: mesh_dual_graph(*mesh)[1],
        cotangent_weight,
        shared_edge_length,
    ):
        found = attribute(vertices.to(kind), faces.int())
        assert found.dtype == kind
        torch.testing.assert_close(found.double(), attribute(vertices, faces), rtol=1e-4, atol=1e-5)


def test_gradients_with_respect_to_vertices_are_those_of_finite_differences() -> None:
    vertices, faces = sphere(9)
    vertices = vertices * torch.linspace(0.8, 1.2, 9, dtype=DOUBLE)[:, None]
    vertices.requires_grad_()
    assert float(cotangent_weight(vertices.detach(), faces).min()) == 0.0  # clamped edges are among them
    for attribute in (
        lambda points: mesh_graph(points, faces)[1],
        lambda points: mesh_dual_graph(points, faces)[1],
        lambda points: cotangent_weight(points, faces),
        lambda points: shared_edge_length(points, faces),
    ):
        assert torch.autograd.gradcheck(attribute, vertices)
        assert torch.autograd.gradgradcheck(attribute, vertices)


def test_flat_meshes_have_finite_gradients_of_their_angles() -> None:
    vertices, faces = plane(3, 3)
    vertices.requires_grad_()
    _, angle = mesh_dual_graph(vertices, faces)
    assert torch.equal(angle.detach(), torch.zeros_like(angle))
    (gradient,) = torch.autograd.grad(angle.sum(), vertices)
    assert bool(gradient.isfinite().all())
    assert float(gradient[:, 2].abs().max()) > 0.1


def test_an_edge_of_length_0_has_gradient_0() -> None:
    vertices = torch.tensor([[0.0, 0, 0], [0, 0, 0], [0, 1, 0]], dtype=DOUBLE, requires_grad=True)
    _, length = mesh_graph(vertices, torch.tensor([[0, 1, 2]]))
    assert length.tolist() == [0.0, 1.0, 1.0]
    (gradient,) = torch.autograd.grad(length[0], vertices)
    assert torch.equal(gradient, torch.zeros_like(gradient))


BUILDERS = [mesh_graph, mesh_dual_graph, cotangent_weight, shared_edge_length]
every_builder = pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
NAN = CORNERS.clone()
NAN[5, 1] = torch.nan


@every_builder
@pytest.mark.parametrize(
    ("vertices", "faces", "message"),
    [
        (CORNERS[:, :2], CUBE, r"`vertices` must be \(V, 3\) float32 or float64; got \(8, 2\) .* let z = 0"),
        (CORNERS.flatten(), CUBE, r"`vertices` must be \(V, 3\) .* got \(24,\)"),
        (CORNERS.long(), CUBE, r"`vertices` must be \(V, 3\) .* got \(8, 3\) torch\.int64"),
        (CORNERS.half(), CUBE, r"`vertices` must be \(V, 3\) .* got \(8, 3\) torch\.float16"),
        (NAN, CUBE, r"`vertices` must be finite; got \[1\.0, nan, 1\.0\] at vertex 5"),
        (CORNERS, torch.tensor(SQUARES), r"`faces` must be \(F, 3\) int32 or int64; got \(6, 4\) .* into triangles"),
        (CORNERS, CUBE.flatten(), r"`faces` must be \(F, 3\) .* got \(36,\)"),
        (CORNERS, CUBE.double(), r"`faces` must be \(F, 3\) .* got \(12, 3\) torch\.float64"),
        (CORNERS, CUBE + 1, r"`faces` must name vertices from 0 to 7; got \[5, 7, 8\] at face 2\. Count .* from 0"),
        (CORNERS, CUBE - 1, r"`faces` must name vertices from 0 to 7; got \[-1, 0, 2\] at face 0"),
        (
            CORNERS,
            torch.tensor([[0, 1, 2], [3, 4, 3], [5, 5, 6]]),
            r"`faces` must have three different vertices each; got \[3, 4, 3\] at face 1\. .*\(2 in all\)",
        ),
        (
            CORNERS,
            torch.tensor([[0, 1, 2], [3, 4, 5], [2, 1, 0]]),
            r"`faces` must not repeat: face 2 has the same vertices as face 0\. .*\(1 such pairs\)",
        ),
    ],
)
def test_what_is_no_mesh_is_refused(build: Any, vertices: Tensor, faces: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(vertices, faces)


@every_builder
def test_faces_on_another_device_are_refused(build: Any) -> None:
    with pytest.raises(ValueError, match=r"`faces` is on meta but `vertices` on cpu; move one with `\.to`"):
        build(CORNERS, CUBE.to("meta"))


@pytest.mark.parametrize("build", [mesh_dual_graph, cotangent_weight])
@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("step", [(0.0, 0.0, 0.0), (0.1, 0.2, 0.7)])
def test_a_face_without_area_is_named(build: Any, kind: torch.dtype, step: tuple[float, float, float]) -> None:
    along = torch.tensor([[0.0], [1.0], [3.3]], dtype=DOUBLE) * torch.tensor(step, dtype=DOUBLE)
    vertices = torch.cat([CORNERS, along + 0.1]).to(kind)
    faces = torch.cat([CUBE, torch.tensor([[8, 9, 10]])])
    message = (
        r"`faces` holds 1 faces without area \(first: \[8, 9, 10\] at face 12\), which have neither .* Remove them"
    )
    with pytest.raises(ValueError, match=message):
        build(vertices, faces)
    assert mesh_graph(vertices, faces)[0].num_edges == 21
