"""`Propagation` as a module among others: saving, moving, autocast, compiled models, and what it refuses."""

import copy
import io
from collections.abc import Callable

import pytest
import torch
from propagation_layers import alpha_of, normal, weights
from torch import Tensor, nn

from graphrw import Graph, grid_graph, record_solves, solvers
from graphrw.nn.propagation import Propagation

# --- a module among others ------------------------------------------------------------------------------------------

LAYERS = {
    "limit": Propagation(0.9),
    "steps": Propagation(0.9, steps=4),
    "learned": Propagation(0.9, learn_alpha=True),
    "symmetric": Propagation(0.9, symmetric=True, self_loops=1.0),
}
every_layer = pytest.mark.parametrize("layer", LAYERS.values(), ids=list(LAYERS))


@every_layer
def test_a_used_layer_can_be_copied_and_saved(layer: Propagation) -> None:
    graph, x = grid_graph((12, 13)), torch.rand(156, 2)  # too large for `Dense`: plans are compiled objects
    answer = layer(x, graph)
    buffer = io.BytesIO()
    torch.save(layer, buffer)
    buffer.seek(0)
    for other in (copy.deepcopy(layer), torch.load(buffer, weights_only=False)):
        torch.testing.assert_close(other(x, graph), answer, rtol=0, atol=0)
        assert repr(other) == repr(layer)


def test_the_state_of_a_layer_is_its_learned_alpha() -> None:
    assert Propagation(0.9).state_dict() == {}
    trained, fresh = Propagation(0.6, learn_alpha=True), Propagation(learn_alpha=True)
    assert list(trained.state_dict()) == ["logit"]
    fresh.load_state_dict(trained.state_dict())
    assert alpha_of(fresh) == pytest.approx(0.6)
    assert "alpha=0.6, learn_alpha=True, steps=None, average=True, symmetric=False" in repr(fresh)
    assert "alpha=None, steps=1" in repr(Propagation(None, steps=1))


def test_parameters_move_with_the_module() -> None:
    model = nn.Sequential(nn.Linear(2, 2), Propagation(learn_alpha=True)).to("meta")
    assert model[1].logit.device.type == "meta"
    assert model.double()[1].logit.dtype == torch.float64


@every_layer
def test_the_answer_does_not_depend_on_the_device(layer: Propagation, device: str) -> None:
    graph, x = grid_graph((12, 13)), normal(156, 2)
    weight = weights(graph)
    expected = layer(x, graph, weight).detach()
    moved = copy.deepcopy(layer).to(device)
    answer = moved(x.to(device), graph.to(device), weight.to(device).requires_grad_())
    assert answer.device.type == device
    torch.testing.assert_close(answer.detach().cpu(), expected)
    answer.sum().backward()


@every_layer
def test_autocast_leaves_the_walk_in_the_precision_of_its_weights(layer: Propagation) -> None:
    graph, x, weight = grid_graph((4, 5)), torch.rand(20, 2), torch.rand(31)
    with torch.autocast("cpu", torch.bfloat16):
        answer = layer(x, graph, weight)
    torch.testing.assert_close(answer, layer(x, graph, weight), rtol=0, atol=0)


def test_features_of_a_layer_under_autocast_are_widened() -> None:
    torch.manual_seed(0)
    linear, graph = nn.Linear(3, 2), grid_graph((4, 5))
    with torch.autocast("cpu", torch.bfloat16):
        features = linear(torch.rand(20, 3))
        answer = Propagation()(features, graph)
    assert features.dtype == torch.bfloat16
    torch.testing.assert_close(answer, Propagation()(features.float(), graph))
    answer[:, 0].sum().backward()
    assert linear.weight.grad is not None
    assert bool(linear.weight.grad[0].all())


@pytest.mark.parametrize("layer", [LAYERS["learned"], LAYERS["steps"]], ids=["limit", "steps"])
@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # raised by the compiler, which looks at it
def test_the_model_around_a_layer_can_be_compiled(layer: Propagation) -> None:
    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.before, self.walk, self.after = nn.Linear(2, 3), copy.deepcopy(layer), nn.Linear(3, 2)

        def forward(self, x: Tensor, graph: Graph) -> Tensor:
            y: Tensor = self.after(self.walk(self.before(x).relu(), graph))
            return y

    torch.manual_seed(0)
    model, graph, x = Around(), grid_graph((4, 5)), torch.rand(20, 2)
    compiled = torch.compile(model, backend="aot_eager")
    slopes = []
    for run in (model, compiled):
        answer = run(x, graph)
        slopes.append((answer, *torch.autograd.grad(answer.square().sum(), tuple(model.parameters()))))
    torch.testing.assert_close(*slopes)


def test_the_solver_is_the_one_that_is_asked_for() -> None:
    with record_solves() as reports:
        Propagation(solver=solvers.CG())(torch.rand(20, 2), grid_graph((4, 5)))
        Propagation(steps=3, solver=solvers.CG())(torch.rand(20, 2), grid_graph((4, 5)))
    assert [report.solver for report in reports] == [solvers.CG()]


# --- errors ---------------------------------------------------------------------------------------------------------

X, GRID = torch.rand(6, 2), grid_graph((2, 3))
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "alpha 1": (lambda: Propagation(1.0), r"`alpha` must lie in \(0, 1\); got 1\.0\. At 1 the walk never ends\."),
    "alpha 0": (lambda: Propagation(0.0), r"`alpha` must lie in \(0, 1\); got 0\.0\."),
    "no end": (lambda: Propagation(None), "`alpha=None` never ends without `steps`"),
    "nothing to learn": (lambda: Propagation(None, 1, learn_alpha=True), "`learn_alpha` needs an `alpha` to start"),
    "steps": (lambda: Propagation(steps=-1), r"`steps` must be a whole number from 0, or None \(the limit\); got -1"),
    "half steps": (lambda: Propagation(steps=0.5), r"`steps` must be a whole number from 0, .*; got 0\.5"),  # type: ignore[arg-type]
    "a sum of steps": (lambda: Propagation(steps=3, average=False), "`average=False` is for the limit .* `steps=3`"),
    "loops": (lambda: Propagation(self_loops=-0.5), "`self_loops` must be finite and not negative; got -0.5"),
    "features of another graph": (lambda: Propagation()(X[1:], GRID), r"`f` must be .* N = 6; got \(5, 2\)"),
    "weights of another graph": (lambda: Propagation()(X, GRID, torch.ones(3)), r"`weight` must have shape \(E,\)"),
    "negative weights": (lambda: Propagation()(X, GRID, -torch.ones(7)), "`weight` must be .* not negative; got -1"),
    "one way": (
        lambda: Propagation()(X, GRID.edges),
        "or make the layer with `directed=True`, as for attention weights and for edges dropped in one direction alone",
    ),
    "no graph": (lambda: Propagation()(X, None), "`graph` must be a `Graph`, or PyG's edge_index .*; got NoneType"),
    "a list of edges": (lambda: Propagation()(X, [[0], [1]]), "`graph` must be a `Graph`, or PyG's .*; got list"),
    "no features": (lambda: Propagation()(None, GRID), r"`x` must be \(N, K\) floats, of torch or NumPy; got NoneType"),
    "no messages": (lambda: Propagation().propagate(GRID.edges), "sends no messages along single edges"),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_has_no_answer_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(NotImplementedError if "messages" in message else ValueError, match=message):
        call()
