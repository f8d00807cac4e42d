"""What a walk answers."""

import torch

from bad_calls.calls import call
from bad_calls.kinds import (
    a_graph,
    a_solver,
    a_walk,
    flag,
    floats,
    instance,
    number,
    scalar,
    several,
    whole,
    wholes,
)
from bad_calls.things import FEATURES, GRAPH, KILLED, PAIRS, PRIOR, SEEDS, SHARES, SQUARE, TRIANGLES, WALK, WEIGHT, N
from graphrw import functional
from graphrw.solvers import CG

A_WALK = {"walk": a_walk(WALK)}
SEEDED = wholes(SEEDS, -2).also({"huge": torch.where(SEEDS == 1, 2**62, SEEDS), "empty: no seed": SEEDS.clamp(max=-1)})
LABELS = whole(2, 0, -1, 1).called("seeds").optional()
DISTRIBUTION = floats(PRIOR, -0.5, 0.75).optional()
SOLVER = {"solver": a_solver()}
NODES = floats(torch.ones(N), -1.0).optional()
TIME = scalar(2.0, -1.0)
K = whole(2, 0, N + 1)
TOLERANCE = number(1e-8, 0.0, 0.5)
ROWS = wholes(torch.tensor([0, 5]), -1, N).without("shape: a row more", "empty").optional()
PAIRED = wholes(PAIRS, -1, N).without("shape: a row more", "empty")
LOOPS = scalar(0.5, -1.0).also({"shape: (2,)": torch.ones(2)})
CARRIED = floats(FEATURES).worded("The right-hand side must be finite")
PROBABILITY = floats(SHARES).without("shape: a row more", "shape: an axis more", "shape: ()", "NaN", "infinite")
DIM = whole(1, 2, -3)
MAPS = torch.linspace(0, 1, 8).reshape(1, 2, 2, 2)
IMAGE = torch.linspace(0, 1, 48).reshape(1, 3, 4, 4)
SIMILAR = torch.ones(N, N)

CHAIN = torch.tensor([[0.5, 0.5, 0.0], [0.25, 0.0, 0.75], [0.0, 0.0, 1.0]], dtype=torch.float64).to_sparse()
STATES = torch.tensor([0, -1, 1])
GROUPS = torch.where(SEEDS < 0, -1, (SEEDS >= 0).cumsum(0) - 1)
HELD = wholes(torch.tensor([0, 5]), -1, N).without("shape: a row more", "empty")
FILL = number(7.0, -1.0).without("infinite").optional()
LABELLED = {
    **A_WALK,
    "seeds": SEEDED.without("empty: no seed"),
    "num_labels": LABELS.called("absorption"),
    "absorption": floats(torch.ones(N, 2), -1.0).optional(),
    "self_loops": LOOPS,
    "unreachable": FILL,
    **SOLVER,
}

SEEDED_IN_GROUPS = {
    **A_WALK,
    "seeds": SEEDED.without("empty: no seed"),
    "groups": wholes(GROUPS, -2).optional(),
    "num_labels": LABELS.called("absorption"),
    "absorption": floats(torch.ones(N, 2), -1.0).optional(),
    **SOLVER,
}
CORRECTED = {
    **A_WALK,
    "probability": floats(SHARES),
    "seeds": SEEDED.called("probability"),
    "alpha": scalar(0.5, 0.0, 1.0),
}
PLANES, MARKS = floats(torch.linspace(0, 1, 12).reshape(1, 2, 2, 3)), torch.arange(6).reshape(1, 2, 3) // 3
COEFFICIENT, RADIUS = scalar(0.5, -1.0).without("shape: (2, 2)"), number(1.0, 0.5)

CALLS = (
    call(functional.absorption_time, **LABELLED),
    call(functional.absorption_time_variance, **LABELLED),
    call(functional.abstain, probability=PROBABILITY.without("empty"), fraction=number(0.5, -0.1, 1.5), dim=DIM),
    call(
        functional.most_probable_labels,
        **A_WALK,
        seeds=SEEDED.without("empty: no seed"),
        num_labels=LABELS,
        **SOLVER,
    ),
    call(
        functional.target_probability,
        **A_WALK,
        seeds=SEEDED.without("empty: no seed"),
        target=wholes(SEEDS.clamp(min=0), -2, 2).without("empty"),
        num_labels=LABELS,
        **SOLVER,
    ),
    call(functional.attention_walk, maps=floats(SIMILAR / N, -1.0).without("shape: an axis more"), directed=flag()),
    call(
        functional.attentional_interpolation,
        values=floats(MAPS).without("NaN", "infinite"),
        high=floats(IMAGE).called("values").without("NaN", "infinite"),
        low=floats(IMAGE[:, :, :2, :2]).without("NaN", "infinite").optional(),
        scale=scalar(2.0, 0.0, -1.0),
        window=whole(3, 0),
        align_corners=flag(),
    ),
    call(functional.blame, **SEEDED_IN_GROUPS),
    call(functional.influence, **SEEDED_IN_GROUPS),
    call(
        functional.boundary_probabilities,
        graph=a_graph(GRAPH),
        boundary=floats(torch.linspace(0, 1, N), -1.0),
        seeds=SEEDED.without("empty: no seed"),
        num_labels=LABELS,
        weight=floats(WEIGHT, -1.0).optional(),
        stay=NODES,
        exits=NODES,
        degree_normalised=flag(True).called("exits"),
        unreachable=DISTRIBUTION,
        **SOLVER,
    ),
    call(
        functional.class_maps,
        logits=floats(SHARES).without("shape: a row more", "shape: an axis more", "NaN", "infinite").called("batch"),
        sharpness=floats(torch.ones(2)).without("NaN", "infinite"),
        batch=wholes(torch.tensor([0, 0, 0, 1, 1, 1]), -1, 3).optional(),
    ),
    call(
        functional.class_mass_normalize,
        probability=floats(SHARES, -1.0).called("seeds"),
        seeds=wholes(SEEDS, -2, 2).also({"huge": torch.where(SEEDS == 1, 2**62, SEEDS)}).without("range: -2"),
        prior=DISTRIBUTION,
        pseudo_labels=number(0.0, -1.0),
    ),
    call(
        functional.correct,
        **CORRECTED,
        autoscale=flag(),
        scale=number(1.0, -1.0),
        self_loops=LOOPS,
        **SOLVER,
    ),
    call(functional.smooth, **CORRECTED, self_loops=LOOPS, **SOLVER),
    call(functional.commute_time, **A_WALK, pairs=PAIRED, self_loops=LOOPS, **SOLVER),
    call(
        functional.normalised_cut,
        **A_WALK,
        num_segments=whole(2, 0).optional(),
        threshold=number(0.5, 0.0, -1.0).without("infinite"),
    ),
    call(functional.normalised_cut_cost, **A_WALK, labels=wholes(SEEDS.clamp(min=0), -1)),
    call(
        functional.limit,
        **A_WALK,
        f=floats(FEATURES),
        alpha=scalar(0.5, 0.0, 1.0),
        rtol=number(1e-4, 0.0, 1.0),
    ),
    call(
        functional.local_step, f=PLANES.called("features"), features=PLANES.called("f"), beta=COEFFICIENT, radius=RADIUS
    ),
    call(
        functional.local_affinity_loss,
        features=PLANES.called("target"),
        beta=COEFFICIENT,
        target=wholes(MARKS).called("features"),
        radius=RADIUS,
        ignore_index=whole(-1),
    ),
    call(functional.damp, **A_WALK, alpha=scalar(0.5, 0.0, 1.0), self_loops=LOOPS),
    call(
        functional.dense_squared_distance,
        graph=a_graph(GRAPH),
        z=floats(FEATURES).without("NaN", "infinite"),
    ),
    call(
        functional.diffusion_distance,
        **A_WALK,
        time=TIME,
        k=K,
        pairs=PAIRED.optional(),
        tolerance=TOLERANCE,
    ),
    call(functional.diffusion_distance, **A_WALK, time=TIME, k=K, rows=ROWS),
    call(functional.diffusion_map, **A_WALK, time=TIME, k=K, tolerance=TOLERANCE),
    call(
        functional.diffusion_similarity,
        distance=floats(torch.ones(3, 3)).without("shape", "empty", "infinite", "NaN"),
        scale=scalar(2.0, -1.0),
    ),
    call(functional.effective_resistance, **A_WALK, pairs=PAIRED, **SOLVER),
    call(functional.entropy, probability=PROBABILITY.without("empty"), dim=DIM),
    call(
        functional.fate_probabilities,
        transition=instance(CHAIN, "sparse", tensor=CHAIN.to_dense(), graph=GRAPH)
        .also(
            {
                "range: a row of sum 2": 2 * CHAIN,
                "range: killing": KILLED,
                "shape: not square": torch.ones(2, 3).to_sparse(),
            }
        )
        .called("tensor"),
        terminal_states=wholes(STATES, -2, 3).without("shape: a row more").also({"empty: none": STATES.clamp(max=-1)}),
        **SOLVER,
    ),
    call(
        functional.geodesic_distance,
        vertices=floats(SQUARE).called("faces").without("shape: a row more", "dtype: int64"),
        faces=wholes(TRIANGLES, -1, 4).without("empty"),
        sources=wholes(torch.tensor([0]), -1, 4).without("shape: a row more"),
        smoothing=scalar(1.0, 0.0, -1.0).also({"shape: (2,)": torch.ones(2)}),
        **SOLVER,
    ),
    call(
        functional.harmonic,
        **A_WALK,
        nodes=wholes(torch.tensor([0, 5]), -1, N, 5).without("empty").called("values"),
        values=floats(torch.ones(2, 2)).worded("The right-hand side must be finite"),
        **SOLVER,
        prune=flag(),
        start=floats(torch.ones(N, 2)).optional(),
    ),
    call(
        functional.hitting_probabilities,
        **A_WALK,
        seeds=SEEDED.without("empty: no seed"),
        num_labels=LABELS.called("absorption"),
        absorption=floats(torch.ones(N, 2), -1.0).optional(),
        unreachable=DISTRIBUTION,
        **SOLVER,
        prune=flag(),
        start=floats(torch.ones(N, 2)).optional(),
    ),
    call(
        functional.heat,
        **A_WALK,
        f=CARRIED.without("NaN", "infinite"),
        time=scalar(0.5, -1.0).also({"shape: (3,)": torch.ones(3)}),
        mass=scalar(2.0, -1.0, 0.0).also({"shape: (2,)": torch.ones(2)}).optional(),
        rtol=number(1e-8, 0.0, 1.0),
        **SOLVER,
    ),
    call(functional.hitting_time, **A_WALK, nodes=HELD, self_loops=LOOPS, unreachable=FILL, **SOLVER),
    call(functional.hitting_time_variance, **A_WALK, nodes=HELD, self_loops=LOOPS, unreachable=FILL, **SOLVER),
    call(functional.map_mask, graph=a_graph(GRAPH), k=K),
    call(
        functional.missing_neighbours,
        shape=several((2, 3), 0, -1, whole=True)
        .also({"huge": (10**8, 10**8)})
        .worded("each pixel of (100000000, 100000000)"),
    ),
    call(
        functional.pagerank,
        **A_WALK,
        alpha=scalar(0.5, 0.0, 1.0),
        start=floats(torch.ones(N, 2), -1.0).optional(),
        **SOLVER,
        self_loops=LOOPS,
    ),
    call(
        functional.poisson_labels,
        **A_WALK,
        seeds=SEEDED.called("prior"),
        num_labels=LABELS,
        prior=DISTRIBUTION,
        unreachable=DISTRIBUTION,
        **SOLVER,
    ),
    call(
        functional.region_pooling,
        x=floats(FEATURES).called("similarity").without("NaN", "infinite"),
        similarity=floats(SIMILAR, -1.0).also({"type: a class": CG}),
        threshold=number(0.5),
        rows_at_once=whole(2, 0),
    ),
    call(
        functional.renumber_labels,
        labels=wholes(SEEDS, -2).without("shape", "empty", "dtype: float"),
        unlabelled=whole(-1),
    ),
    call(
        functional.resolvent,
        walk=a_walk(KILLED),
        f=CARRIED,
        **SOLVER,
        self_loops=LOOPS,
        symmetric=flag(),
        transpose=flag(),
    ),
    call(
        functional.restore_labels,
        seeds=wholes(SEEDS, -2, 2).without("shape", "empty"),
        ids=wholes(torch.tensor([4, 7])).without("shape: a row more").called("seeds"),
        unlabelled=whole(-1),
    ),
    call(
        functional.sample_gradient,
        graph=a_graph(GRAPH),
        weight=floats(WEIGHT).without("NaN", "infinite"),
        num_samples=whole(3, 0, -1, huge=False),
    ),
    call(
        functional.step,
        **A_WALK,
        f=CARRIED.without("NaN", "infinite"),
        steps=whole(2, -1, huge=False),
        restart=scalar(0.5, 0.0, 1.0).optional(),
        self_loops=LOOPS,
        symmetric=flag(),
    ),
    call(
        functional.unrolled_diffusion_map,
        **A_WALK,
        time=TIME,
        k=K,
        rounds=whole(2, 0, huge=False),
        steps=whole(2, 0, huge=False),
        as_published=flag(),
    ),
)
