"""Self-attention as a walk."""

import pytest
import torch

import graphrw as rw


def attention(*shape):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).softmax(-1)


def transition(walk):
    """P with dense matrices."""
    matrix = walk.weight.new_zeros(walk.graph.num_nodes, walk.graph.num_nodes)
    matrix[walk.graph.edges[0], walk.graph.edges[1]] = walk.weight
    if not walk.graph.directed:
        matrix = matrix + matrix.T
    return matrix / matrix.sum(1, keepdim=True)


def test_directed_steps_with_the_diagonal_are_products_with_the_mean_of_the_heads():
    maps = attention(3, 7, 7)
    mean, f = maps.mean(0), torch.rand(7, 2, dtype=torch.float64)
    walk = rw.attention_walk(maps, directed=True)
    torch.testing.assert_close(rw.step(walk, f, self_loops=mean.diagonal()), mean @ f)


def test_both_directions_are_averaged_otherwise():
    maps = attention(7, 7)
    mean = ((maps + maps.T) / 2).fill_diagonal_(0)
    torch.testing.assert_close(transition(rw.attention_walk(maps)), mean / mean.sum(1, keepdim=True))


@pytest.mark.parametrize("directed", [False, True])
def test_a_batch_is_that_of_its_maps(directed):
    maps = attention(2, 3, 5, 5)
    walk = rw.attention_walk(maps, directed)
    assert walk.graph.num_graphs == 2
    alone = [rw.attention_walk(part, directed).weight for part in maps]
    assert torch.equal(walk.weight, torch.cat(alone))


def test_hitting_probabilities_solve_the_chain_of_the_maps():
    maps = attention(6, 6)
    seeds = torch.tensor([0, -1, -1, 1, -1, -1])
    free = seeds < 0
    expected = torch.linalg.solve(torch.eye(4) - maps[free][:, free], maps[free][:, ~free])
    found = rw.hitting_probabilities(rw.attention_walk(maps, directed=True), seeds)
    torch.testing.assert_close(found[free], expected)


def test_a_transformer_of_torch_learns_through_the_walk():
    layer = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    tokens = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(2))
    _, maps = layer(tokens, tokens, tokens, average_attn_weights=False)
    seeds = torch.tensor([0, -1, -1, 1, -1, -1]).repeat(2)
    rw.hitting_probabilities(rw.attention_walk(maps), seeds)[:, 0].sum().backward()
    assert float(layer.in_proj_weight.grad[:16].abs().amax()) > 0


def test_gradients_in_the_maps_are_right():
    maps = attention(2, 4, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda maps: rw.attention_walk(maps, directed=True).weight, maps)
    assert torch.autograd.gradcheck(lambda maps: rw.attention_walk(maps).weight, maps)


def test_maps_in_half_precision_become_float32():
    assert rw.attention_walk(attention(2, 5, 5).bfloat16()).weight.dtype == torch.float32
