"""PyG's transforms: encodings beside dense matrices, denser graphs beside PyG's own `GDC`."""

import pytest
import torch
from torch_geometric.data import Batch, Data
from torch_geometric.transforms import GDC, Compose, ToUndirected
from torch_geometric.utils import to_dense_adj, to_undirected

import graphrw as rw
from graphrw.transforms import (
    AddDiffusionDistance,
    AddDiffusionMap,
    AddHittingProbabilities,
    SparseHeat,
    SparsePageRank,
)

TIMES = (0.5, 1.0, 3.0)


def random_data(num_nodes=14, seed=0):
    generator = torch.Generator().manual_seed(seed)
    path = torch.stack([torch.arange(num_nodes - 1), torch.arange(1, num_nodes)])
    chords = torch.randint(num_nodes, (2, num_nodes), generator=generator)
    pairs = torch.cat([path, chords[:, chords[0] != chords[1]]], 1).sort(0).values.unique(dim=1)
    weight = torch.rand(pairs.shape[1], generator=generator, dtype=torch.float64) + 0.1
    edge_index, edge_weight = to_undirected(pairs, weight, num_nodes)
    return Data(edge_index=edge_index, edge_weight=edge_weight, num_nodes=num_nodes)


def ring(num_nodes):
    """All of whose eigenvalues but one or two repeat."""
    nodes = torch.arange(num_nodes)
    edge_index = to_undirected(torch.stack([nodes, (nodes + 1) % num_nodes]), num_nodes=num_nodes)
    return Data(edge_index=edge_index, num_nodes=num_nodes)


def matrix_of(data, name="edge_weight"):
    return to_dense_adj(data.edge_index, edge_attr=data[name], max_num_nodes=data.num_nodes)[0]


def dense_distances(data, time):
    """Σ_l (Pᵗ_il − Pᵗ_jl)² / π_l, and the same to π in place of the row of j."""
    matrix = matrix_of(data)
    rate = matrix.sum(1)
    rates, vectors = torch.linalg.eigh(matrix / (rate[:, None] * rate).sqrt())
    power = (vectors * (rates.abs() ** time)) @ vectors.T * (rate[None] / rate[:, None]).sqrt()
    equilibrium = rate / rate.sum()
    among = ((power[:, None] - power[None]).square() / equilibrium).sum(2)
    # Of |λ|ᵗ, as of Pᵗ for even t, rows sum to 1.
    return among, ((power - equilibrium).square() / equilibrium).sum(1)


def renumbered(data, order):
    """The same graph with node ``order[i]`` in place i."""
    place = order.argsort()
    return Data(edge_index=place[data.edge_index], edge_weight=data.edge_weight, num_nodes=data.num_nodes)


def test_the_map_gives_distances_from_equilibrium():
    data = random_data()
    expected = torch.stack([dense_distances(data, time)[1] for time in TIMES], 1)
    torch.testing.assert_close(AddDiffusionMap(TIMES)(data).diffusion_map, expected)


def test_edges_get_the_distance_of_their_ends():
    data = random_data()
    tail, head = data.edge_index
    expected = torch.stack([dense_distances(data, time)[0][tail, head] for time in TIMES], 1)
    torch.testing.assert_close(AddDiffusionDistance(TIMES)(data).diffusion_distance, expected)


@pytest.mark.parametrize("k", [None, 5])
def test_encodings_move_with_the_nodes_and_change_with_nothing_else(k):
    data, order = random_data(), torch.randperm(14, generator=torch.Generator().manual_seed(3))
    encode = Compose([AddDiffusionMap(TIMES, k), AddDiffusionDistance(TIMES, k)])
    first, again, moved = encode(data), encode(data), encode(renumbered(data, order))
    assert torch.equal(first.diffusion_map, again.diffusion_map)
    torch.testing.assert_close(moved.diffusion_map, first.diffusion_map[order])
    torch.testing.assert_close(moved.diffusion_distance, first.diffusion_distance)


def test_alike_nodes_are_encoded_alike_where_eigenvalues_repeat():
    data = Compose([AddDiffusionMap(TIMES), AddDiffusionDistance(TIMES)])(ring(9))
    for encoding in (data.diffusion_map, data.diffusion_distance):
        torch.testing.assert_close(encoding, encoding[:1].expand_as(encoding))


def test_a_k_that_cuts_equal_eigenvalues_warns():
    with pytest.warns(rw.spectral.SpectralCutWarning):
        AddDiffusionMap(TIMES, k=2)(ring(9))


@pytest.mark.parametrize("transform", [AddDiffusionMap(TIMES), AddDiffusionDistance(TIMES, k=4)])
def test_a_batch_is_encoded_as_its_graphs_are(transform):
    graphs = [random_data(14, 0), random_data(7, 1), random_data(3, 2)]
    apart, together = (
        Batch.from_data_list([transform(each) for each in graphs]),
        transform(Batch.from_data_list(graphs)),
    )
    torch.testing.assert_close(together[transform.attr_name], apart[transform.attr_name])


def test_isolated_nodes_are_at_the_origin():
    data = Data(edge_index=torch.tensor([[0, 1], [1, 0]]), num_nodes=3)
    assert AddDiffusionMap((1.0,))(data).diffusion_map[2].tolist() == [0.0]
    assert AddDiffusionMap()(Data(edge_index=torch.empty(2, 0, dtype=torch.int64), num_nodes=0)).num_nodes == 0


def test_hitting_probabilities_of_the_labels_that_the_mask_shows():
    data = random_data()
    data.y = torch.arange(14) % 3
    data.train_mask = torch.arange(14) % 4 == 0
    matrix = matrix_of(data)
    laplacian = torch.diag(matrix.sum(1)) - matrix
    seen = data.train_mask
    labels = torch.nn.functional.one_hot(data.y[seen], 3).double()
    expected = torch.linalg.solve(laplacian[~seen][:, ~seen], matrix[~seen][:, seen] @ labels)
    found = AddHittingProbabilities()(data).hitting_probabilities
    torch.testing.assert_close(found[~seen], expected)
    assert torch.equal(found[seen], labels)


def test_without_a_mask_all_labels_are_seeds_but_those_below_zero():
    data = random_data()
    data.y = torch.where(torch.arange(14) % 4 == 0, torch.arange(14) % 3, -1)
    data.seen = data.y >= 0
    found = AddHittingProbabilities(None, attr_name="found")(data).found
    assert torch.equal(found, AddHittingProbabilities("seen")(data).hitting_probabilities)


@pytest.mark.parametrize("mask", ["train_mask", None])
def test_labels_and_masks_may_be_columns(mask):
    data, encode = random_data(), AddHittingProbabilities(mask)
    data.y = torch.arange(14) % 4 - 1
    data.train_mask = torch.arange(14) < 6
    expected = encode(data.clone()).hitting_probabilities
    data.y, data.train_mask = data.y[:, None].int(), data.train_mask[:, None]
    assert torch.equal(encode(data).hitting_probabilities, expected)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"y": torch.zeros(14)}, r"`data.y` must be \(14,\) whole numbers, the label of each node; got torch.float32"),
        ({"y": torch.tensor([1])}, r"`data.y` must be \(14,\) whole numbers.*; got \(1,\)"),
        ({"y": torch.full((14,), -1)}, "`data.y` must hold labels ≥ 0, or −1 where none is known; got −1 alone"),
        ({"y": torch.full((14,), -3)}, "`data.y` must hold labels ≥ 0.*; got -3"),
        ({"train_mask": torch.ones(14, 10) > 0}, r"got \(14, 10\), a column.*data.train_mask\[:, 0\]`"),
        ({"train_mask": torch.ones(14)}, r"`data.train_mask` must be \(14,\) bool; got \(14,\) torch.float32"),
        ({"train_mask": torch.ones(3) > 0}, r"`data.train_mask` must be \(14,\) bool; got \(3,\) torch.bool"),
    ],
)
def test_labels_and_masks_that_are_none_are_refused_by_their_names(wrong, message):
    data = random_data()
    data.y, data.train_mask = torch.arange(14) % 3, torch.arange(14) < 6
    data.update(wrong)
    with pytest.raises(ValueError, match=message):
        AddHittingProbabilities()(data)


def test_where_no_seed_is_in_reach_there_is_an_error_or_equal_shares():
    edges = torch.tensor([[0, 1], [1, 0]])
    data = Data(edge_index=edges, num_nodes=3, y=torch.tensor([1, -1, -1]))
    with pytest.raises(ValueError, match="`seeds`"):
        AddHittingProbabilities(None)(data)
    found = AddHittingProbabilities(None, unreachable=True)(data).hitting_probabilities
    assert found.tolist() == [[0.0, 1.0], [0.0, 1.0], [0.5, 0.5]]


def gdc(data, diffusion, sparse, *, ways="sym", loops=1.0, out="col"):
    given = Data(edge_index=data.edge_index, edge_attr=data.edge_weight, num_nodes=data.num_nodes)
    return GDC(loops, ways, out, diffusion, sparse, exact=True)(given)


@pytest.mark.parametrize("symmetric", [True, False], ids=["sym", "col"])
@pytest.mark.parametrize(
    ("ours", "sparse"),
    [({"top_k": 4}, {"method": "topk", "k": 4, "dim": 0}), ({"threshold": 0.03}, {"method": "threshold", "eps": 0.03})],
    ids=["top_k", "threshold"],
)
@pytest.mark.parametrize(
    ("make", "diffusion"),
    [
        (lambda **options: SparsePageRank(0.85, **options), {"method": "ppr", "alpha": 0.15}),
        (lambda **options: SparseHeat(3.0, **options), {"method": "heat", "t": 3.0}),
    ],
    ids=["pagerank", "heat"],
)
def test_diffusions_are_those_of_pyg(make, diffusion, ours, sparse, symmetric):
    data = random_data()
    expected = gdc(data, diffusion, sparse, ways="sym" if symmetric else "col")
    found = make(**ours, symmetric=symmetric)(data)
    torch.testing.assert_close(matrix_of(found), matrix_of(expected, "edge_attr"))
    bare = gdc(data, diffusion, sparse, ways="sym" if symmetric else "col", loops=0, out=None)
    found = make(**ours, symmetric=symmetric, self_loops=0.0, normalize=False)(data)
    torch.testing.assert_close(matrix_of(found), matrix_of(bare, "edge_attr"))


@pytest.mark.parametrize("transform", [SparsePageRank(top_k=3), SparseHeat(threshold=0.01)])
def test_columns_come_in_blocks_that_change_nothing(transform, monkeypatch):
    data = random_data()
    whole = transform(data)
    monkeypatch.setattr("graphrw.transforms.sparse_diffusion.AT_ONCE", 30)  # two columns of 14 at a time
    parts = transform(data)
    assert torch.equal(parts.edge_index, whole.edge_index)
    torch.testing.assert_close(parts.edge_weight, whole.edge_weight)


def test_other_attributes_of_edges_go_and_those_of_nodes_stay():
    data = random_data()
    data.x, data.edge_attr = torch.rand(14, 2), torch.rand(data.num_edges, 3)
    found = SparsePageRank(top_k=3)(data)
    assert "edge_attr" not in found
    assert torch.equal(found.x, data.x)
    assert "edge_attr" in data  # the given one is left as it was


def test_isolated_nodes_keep_to_themselves():
    data = Data(edge_index=torch.tensor([[0, 1], [1, 0]]), num_nodes=3)
    for transform in (SparsePageRank(top_k=3, self_loops=0.0), SparseHeat(top_k=3, self_loops=0.0)):
        found = matrix_of(transform(data))
        torch.testing.assert_close(found[2], torch.tensor([0.0, 0.0, 1.0]))


def test_self_loops_of_the_data_count():
    data = Data(edge_index=torch.tensor([[0, 1, 0], [1, 0, 0]]), edge_weight=torch.tensor([1.0, 1.0, 2.0]), num_nodes=2)
    expected = gdc(data, {"method": "ppr", "alpha": 0.15}, {"method": "threshold", "eps": 0.0})
    torch.testing.assert_close(matrix_of(SparsePageRank(threshold=0.0)(data)), matrix_of(expected, "edge_attr"))


def test_it_is_one_of_top_k_and_threshold():
    for options in ({}, {"top_k": 3, "threshold": 0.1}):
        with pytest.raises(ValueError, match="and not both"):
            SparsePageRank(**options)


def test_data_without_labels_are_refused():
    with pytest.raises(ValueError, match="`data` has no `y`"):
        AddHittingProbabilities()(random_data())
    with pytest.raises(ValueError, match="`data` must be"):
        AddDiffusionMap()(None)


@pytest.mark.parametrize("encode", [AddDiffusionMap(TIMES), AddDiffusionDistance(TIMES)])
def test_small_graphs_take_a_short_way_to_the_same_answer(encode, monkeypatch):
    graphs = [random_data(), ring(9), Data(edge_index=torch.tensor([[0, 1], [1, 0]]), num_nodes=3)]
    short = [encode(data)[encode.attr_name] for data in graphs]
    monkeypatch.setattr("graphrw.transforms.add_diffusion.SMALL", 0)
    for data, found in zip(graphs, short, strict=True):
        torch.testing.assert_close(found, encode(data)[encode.attr_name])
        assert found.dtype == (torch.float64 if "edge_weight" in data else torch.float32)


def test_what_is_wrong_with_a_small_graph_is_said_by_the_converter():
    one_way = Data(edge_index=torch.tensor([[0, 1], [1, 2]]), num_nodes=3)
    looped = Data(edge_index=torch.tensor([[0, 1, 2], [1, 0, 2]]), num_nodes=3)
    beyond = Data(edge_index=torch.tensor([[0, 3], [3, 0]]), num_nodes=3)
    negative = Data(edge_index=torch.tensor([[0, 1], [1, 0]]), edge_weight=-torch.ones(2), num_nodes=3)
    cases = ((one_way, "differ so"), (looped, "1 self loops"), (beyond, "names node 3"), (negative, "not negative"))
    for data, says in cases:
        with pytest.raises(ValueError, match=says):
            AddDiffusionMap()(data)


@pytest.mark.parametrize(
    "transform", [AddDiffusionMap(), AddDiffusionDistance(), AddHittingProbabilities(None), SparsePageRank(top_k=2)]
)
def test_no_error_of_a_transform_recommends_an_option_that_it_does_not_have(transform):
    one_way = Data(edge_index=torch.tensor([[0, 1], [1, 2]]), num_nodes=3, y=torch.tensor([0, 1, -1]))
    with pytest.raises(ValueError, match=r"`torch_geometric.transforms.ToUndirected\(reduce='mean'\)`") as raised:
        transform(one_way)
    assert "directed=True" not in str(raised.value)
    transform(ToUndirected(reduce="mean")(one_way))
    if isinstance(transform, AddDiffusionMap | AddDiffusionDistance):
        looped = Data(edge_index=torch.tensor([[0, 1, 2], [1, 0, 2]]), num_nodes=3)
        with pytest.raises(ValueError, match=r"remove them with `.*RemoveSelfLoops\('edge_weight'\)") as raised:
            transform(looped)
        assert "self_loops" not in str(raised.value)
