r"""
Two molecules that message passing cannot tell apart
====================================================

Decalin and bicyclopentyl have ten carbon atoms each, and whatever atoms tell each other of their neighbours, round for
round, both tell the same (the test of Weisfeiler and Lehman). So no message-passing network can know one from the
other, unless its nodes are told where they are. Laplacian eigenvectors do, up to a sign that chance decides. How far a
walker from node :math:`i` still is from equilibrium after :math:`t` steps,

.. math:: \chi^2_t(i) = \sum_l \frac{(P^t_{il} - \pi_l)^2}{\pi_l} = \sum_m |\lambda_m|^{2t}\, \Phi_m(i)^2 - 1 ,

needs none: it is a function of :math:`P^t` alone (Coifman & Lafon 2006).
"""

import networkx as nx
import torch
from matplotlib import pyplot as plt
from torch_geometric.data import Batch, Data
from torch_geometric.transforms import AddLaplacianEigenvectorPE

from graphrw.transforms import AddDiffusionMap

# %%
# Two rings of six that share a bond, and two rings of five that are joined by one.

decalin = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0), (4, 6), (6, 7), (7, 8), (8, 9), (9, 5)]
bicyclopentyl = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0), (5, 6), (6, 7), (7, 8), (8, 9), (9, 5), (4, 5)]
bonds = {"decalin": decalin, "bicyclopentyl": bicyclopentyl}
molecules = [
    Data(edge_index=torch.tensor(pairs + [pair[::-1] for pair in pairs]).T, num_nodes=10) for pairs in bonds.values()
]

# %%
# Both as one batch, as from a `DataLoader`. Sorted, the encodings of the two differ: a network that sums over atoms can
# tell them apart. They are the same in every run; the eigenvector beside them is not.

encoded = AddDiffusionMap(times=(2, 4, 8))(Batch.from_data_list(molecules)).diffusion_map.view(2, 10, 3)
for name, values in zip(bonds, encoded, strict=True):
    print(f"{name:>13} after 4 steps:", *(f"{value:.2f}" for value in values[:, 1].sort().values))
again = AddDiffusionMap(times=(2, 4, 8))(Batch.from_data_list(molecules)).diffusion_map.view(2, 10, 3)
print("the same again:", torch.equal(encoded, again))

eigenvectors = []
for seed in (0, 1, 2):
    torch.manual_seed(seed)
    eigenvectors.append(AddLaplacianEigenvectorPE(1, is_undirected=True)(molecules[0].clone()).laplacian_eigenvector_pe)
print("eigenvectors of three runs, their first entries:", *(f"{float(vector[0]):+.2f}" for vector in eigenvectors))

# %%
# Dark atoms lie where walkers stay for long. Those that are shared by two rings are near to everything.

figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for panel, (name, pairs), values in zip(panels, bonds.items(), encoded[:, :, 1], strict=True):
    molecule = nx.Graph(pairs)
    nodes = nx.draw_networkx_nodes(
        molecule,
        place := nx.kamada_kawai_layout(molecule),
        nodelist=range(10),
        node_color=values,
        cmap="viridis_r",
        vmin=float(encoded[:, :, 1].min()),
        vmax=float(encoded[:, :, 1].max()),
        ax=panel,
    )
    nx.draw_networkx_edges(molecule, place, ax=panel, width=2)
    panel.set_title(name)
    panel.set_aspect("equal")
    panel.set_axis_off()
figure.colorbar(nodes, ax=panels, label="distance from equilibrium, t = 4")
plt.show()
