"""PyG's edge lists: both directions fold into one edge, and nothing happens silently."""

import re

import numpy as np
import pytest
import torch
from torch_geometric import EdgeIndex

from graphrw.convert import from_edge_index, to_edge_index, to_scipy


def test_both_directions_fold_into_one_edge_with_half_of_the_gradient_each():
    edge_index = torch.tensor([[2, 0, 1, 1], [1, 1, 0, 2]])
    edge_weight = torch.tensor([5.0, 3.0, 3.0, 5.0], requires_grad=True)
    graph, weight = from_edge_index(edge_index, edge_weight)
    assert graph.edges.tolist() == [[2, 0], [1, 1]]
    assert weight.tolist() == [5.0, 3.0]
    (gradient,) = torch.autograd.grad(weight @ torch.tensor([1.0, 10.0]), edge_weight)
    assert gradient.tolist() == [0.5, 5.0, 5.0, 0.5]


def test_directed_keeps_each_direction_with_its_own_weight_and_gradient():
    edge_weight = torch.tensor([3.0, 4.0], requires_grad=True)
    graph, weight = from_edge_index(torch.tensor([[0, 1], [1, 0]]), edge_weight, directed=True)
    assert graph.edges.tolist() == [[0, 1], [1, 0]]
    (gradient,) = torch.autograd.grad(weight @ torch.tensor([1.0, 10.0]), edge_weight)
    assert gradient.tolist() == [1.0, 10.0]


@pytest.mark.parametrize("directed", [False, True])
def test_repeated_entries_are_summed(directed):
    edge_index = torch.tensor([[0, 1, 0, 1, 1, 2], [1, 0, 1, 0, 2, 1]])
    edge_weight = torch.tensor([1.0, 1.0, 2.0, 2.0, 7.0, 7.0])
    graph, weight = from_edge_index(edge_index, edge_weight, directed=directed)
    assert graph.num_edges == (4 if directed else 2)
    assert to_scipy(graph, weight).toarray().tolist() == [[0.0, 3.0, 0.0], [3.0, 0.0, 7.0], [0.0, 7.0, 0.0]]


def test_random_edge_lists_give_the_matrix_that_numpy_adds_up():
    generator = torch.Generator().manual_seed(0)
    row, col = torch.randint(0, 40, (2, 2000), generator=generator)
    row, col = row[row != col], col[row != col]
    weight = torch.randint(0, 9, row.shape, generator=generator).double()
    expected = np.zeros((40, 40))
    np.add.at(expected, (row.numpy(), col.numpy()), weight.numpy())
    directed = from_edge_index(torch.stack([row, col]), weight, 40, directed=True)
    assert np.array_equal(to_scipy(*directed).toarray(), expected)
    both = torch.stack([torch.cat([row, col]), torch.cat([col, row])])
    undirected = from_edge_index(both, weight.repeat(2), 40)
    assert np.array_equal(to_scipy(*undirected).toarray(), expected + expected.T)


@pytest.mark.parametrize("directed", [False, True])
def test_edges_keep_the_order_and_direction_in_which_they_are_first_listed(directed):
    generator = torch.Generator().manual_seed(0)
    listed = [
        tuple(pair) for pair in torch.randint(0, 30, (3000, 2), generator=generator).tolist() if len(set(pair)) == 2
    ]
    listed = listed + [pair[::-1] for pair in listed]
    first = {}
    for pair in listed:
        first.setdefault(pair if directed else frozenset(pair), pair)
    graph, _ = from_edge_index(torch.tensor(listed).T, directed=directed)
    assert [tuple(edge) for edge in graph.edges.T.tolist()] == list(first.values())


def test_missing_weights_are_ones_in_the_default_dtype():
    graph, weight = from_edge_index(torch.tensor([[0, 1], [1, 0]]))
    assert (graph.num_nodes, weight.tolist(), weight.dtype) == (2, [1.0], torch.get_default_dtype())


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool])
def test_whole_numbers_and_booleans_become_the_default_dtype(dtype):
    _, weight = from_edge_index(torch.tensor([[0, 1], [1, 0]]), torch.ones(2, dtype=dtype))
    assert (weight.tolist(), weight.dtype) == ([1.0], torch.get_default_dtype())


def test_the_number_of_nodes_is_the_largest_plus_one_unless_given():
    edge_index = torch.tensor([[0, 4], [4, 0]], dtype=torch.int32)
    assert from_edge_index(edge_index)[0].num_nodes == 5
    assert from_edge_index(edge_index, num_nodes=9)[0].num_nodes == 9
    assert from_edge_index(edge_index[:, :0])[0].num_nodes == 0


def test_an_edge_index_object_of_pyg_gives_plain_tensors():
    graph, weight = from_edge_index(EdgeIndex([[0, 1], [1, 0]], sparse_size=(2, 2)))
    assert type(graph.edges) is torch.Tensor
    assert type(weight) is torch.Tensor


@pytest.mark.parametrize(("dtype", "close", "apart"), [(torch.float32, 5e-5, 5e-4), (torch.float64, 5e-13, 5e-12)])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_directions_may_differ_by_rounding_and_no_more(dtype, close, apart, scale):
    edge_index = torch.tensor([[0, 1], [1, 0]])
    _, weight = from_edge_index(edge_index, torch.tensor([1.0, 1.0 + close], dtype=dtype) * scale)
    assert float(weight) == pytest.approx((1 + close / 2) * scale, rel=1e-6)
    with pytest.raises(ValueError, match="An undirected edge has one weight"):
        from_edge_index(edge_index, torch.tensor([1.0, 1.0 + apart], dtype=dtype) * scale)


def test_weights_too_small_for_their_precision_may_differ_by_more():
    _, weight = from_edge_index(torch.tensor([[0, 1], [1, 0]]), torch.tensor([1.0e-40, 1.01e-40]))
    assert float(weight) == pytest.approx(1.005e-40, rel=1e-3)


def test_jacrev_goes_through_the_fold():
    edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    jacobian = torch.func.jacrev(lambda w: from_edge_index(edge_index, w)[1])(torch.ones(4))
    assert jacobian.tolist() == [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]


def test_an_unequal_pair_is_refused_by_naming_the_first_and_both_weights():
    edge_index = torch.tensor([[0, 1, 1, 2, 3, 2], [1, 0, 2, 1, 2, 3]])
    message = (
        "`edge_index` gives 1 → 2 the weight 2.0 but 2 → 1 the weight 3.0; 2 of 3 edges differ so. An undirected edge "
        "has one weight: symmetrise with "
        "`torch_geometric.utils.to_undirected(edge_index, edge_weight, reduce='mean')`, "
        "or pass `directed=True` for a walk that may go one way only."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        from_edge_index(edge_index, torch.tensor([1.0, 1.0, 2.0, 3.0, 4.0, 5.0]))


@pytest.mark.parametrize("weight", [2.5, 0.0])
def test_a_missing_reverse_is_refused_whatever_its_weight(weight):
    message = rf"`edge_index` gives 1 → 2 the weight {weight} but 2 → 1 no entry \(weight 0\); 1 of 2 edges"
    with pytest.raises(ValueError, match=message):
        from_edge_index(torch.tensor([[0, 1, 1], [1, 0, 2]]), torch.tensor([1.0, 1.0, weight]))


@pytest.mark.parametrize(
    ("edge_index", "message"),
    [
        ([[0, 1], [1, 0]], r"`edge_index` must be a tensor of whole numbers, \(2, M\), of torch or NumPy; got list\."),
        (torch.zeros(2, 3), r"`edge_index` must be a tensor of whole numbers, \(2, M\); got torch\.float32\."),
        (torch.zeros(2, 3, dtype=torch.bool), r"whole numbers, \(2, M\); got torch\.bool\."),
        (torch.zeros(3, 2, dtype=torch.int64), r"`edge_index` must have shape \(2, M\); got \(3, 2\)\."),
        (torch.zeros(2, dtype=torch.int64), r"`edge_index` must have shape \(2, M\); got \(2,\)\."),
        (torch.tensor([[0, -3], [1, 0]]), r"`edge_index` names node -3, .* there are 4 \(num_nodes=4\)\."),
        (torch.tensor([[0, 1], [7, 0]]), r"`edge_index` names node 7, .* there are 4 \(num_nodes=4\)\."),
        (
            torch.tensor([[0, 3], [1, 3]]),
            r"`edge_index` holds 1 self loops \(first: node 3\)\. They change no hitting.*`self_loops=True`",
        ),
    ],
)
def test_an_edge_index_that_is_no_edge_list_is_refused(edge_index, message):
    with pytest.raises(ValueError, match=message):
        from_edge_index(edge_index, num_nodes=4)


@pytest.mark.parametrize(
    ("edge_weight", "message"),
    [
        ([1.0, 1.0], r"`edge_weight` must be float32 or float64, of torch or NumPy; got list\. Make a tensor of"),
        (torch.ones(2).half(), r"must be a float32 or float64 tensor; got torch\.float16\."),
        (torch.ones(2).bfloat16(), r"must be a float32 or float64 tensor; got torch\.bfloat16\."),
        (torch.ones(2, dtype=torch.complex64), r"must be a float32 or float64 tensor; got torch\.complex64\."),
        (torch.ones(3), r"`edge_weight` must have shape \(2,\), one per entry; got \(3,\)\."),
        (torch.ones(2, 2), r"`edge_weight` must have shape \(2,\), one per entry; got \(2, 2\)\."),
        ({0: 1.0}, r"`edge_weight` must be float32 or float64, of torch or NumPy; got dict\."),
        (torch.tensor([1.0, -2.0]), r"`edge_weight` must be finite and not negative; got -2\.0 for 1 → 0 \(1 such"),
        (torch.tensor([torch.nan, torch.nan]), r"got nan for 0 → 1 \(2 such entries\)\."),
        (torch.tensor([1.0, torch.inf]), r"got inf for 1 → 0 \(1 such entries\)\."),
        (torch.tensor([1, -2]), r"got -2\.0 for 1 → 0 \(1 such entries\)\."),
        (torch.ones(2, device="meta"), r"`edge_weight` is on meta, but `edge_index` is on cpu\."),
    ],
)
def test_edge_weights_that_no_walk_can_use_are_refused(edge_weight, message):
    with pytest.raises(ValueError, match=message):
        from_edge_index(torch.tensor([[0, 1], [1, 0]]), edge_weight)


def test_graph_and_weights_stay_on_the_device(device):
    graph, weight = from_edge_index(torch.tensor([[0, 1], [1, 0]], device=device))
    assert (graph.device.type, weight.device.type) == (device, device)


# --- arrays of NumPy, one column, and numbers that int64 does not hold -----------------------------------------------


def test_arrays_of_numpy_are_taken_as_they_come():
    ends = np.array([[1, 0], [0, 1]], dtype=">i4")[:, ::-1]
    values = np.broadcast_to(np.float64(2.0), 2)
    graph, weight = from_edge_index(ends, values)
    assert (graph.edges.tolist(), weight.tolist(), weight.dtype) == ([[0], [1]], [2.0], torch.float64)
    assert torch.equal(to_edge_index(graph, weight.numpy())[1], torch.tensor([2.0, 2.0]).double())


def test_weights_in_one_column_are_taken_as_pygs_layers_take_them():
    column = torch.tensor([[3.0], [3.0]], requires_grad=True)
    _, weight = from_edge_index(torch.tensor([[0, 1], [1, 0]]), column)
    assert torch.autograd.grad(weight.sum(), column)[0].tolist() == [[0.5], [0.5]]


def test_nodes_that_int64_does_not_hold_are_refused_by_their_number():
    ends = np.array([[0, 2**63 + 5], [2**63 + 5, 0]], dtype=np.uint64)
    with pytest.raises(ValueError, match=r"`edge_index` holds 9223372036854775813, which is more than int64 does"):
        from_edge_index(ends)
    small = torch.tensor([[0, 1], [1, 0]]).to(torch.uint64)
    assert from_edge_index(small)[0].num_nodes == 2


def test_node_numbers_whose_pairs_int64_does_not_count_are_refused():
    """Their keys i · N + j overflowed: 2³² · 2³² + 2³² is that of node 0 again."""
    ends = torch.tensor([[0, 2**40], [2**40, 0]])
    with pytest.raises(ValueError, match=r"would have 1099511627777 nodes, more than 3037000499\. If few .* renumber"):
        from_edge_index(ends)


@pytest.mark.parametrize("num_nodes", [2.0, "2", True])
def test_a_number_of_nodes_that_is_no_whole_number_is_refused(num_nodes):
    with pytest.raises(ValueError, match=r"`num_nodes` must be a whole number from 0; got"):
        from_edge_index(torch.tensor([[0, 1], [1, 0]]), num_nodes=num_nodes)
