"""Features pooled over the regions of a similarity, as a layer."""

from torch import Tensor, nn

from graphrw.core.whole import check_whole
from graphrw.functional.pooling import Rows, check_threshold, region_pooling


class RegionPooling(nn.Module):
    """`region_pooling` as a layer: ``layer(x, similarity)``, (N, F) → (N, F).

    In `torch_geometric.nn.Sequential` it stands between convolutions as ``(RegionPooling(), "x, k -> x")``.

    Args:
        threshold, rows_at_once: as in `region_pooling`.

    >>> import torch
    >>> RegionPooling()(torch.eye(2), torch.ones(2, 2))
    tensor([[0.5000, 0.5000],
            [0.5000, 0.5000]])
    """

    def __init__(self, threshold: float = 0.0, rows_at_once: int = 1024) -> None:
        super().__init__()
        self.threshold = check_threshold(threshold)
        self.rows_at_once = check_whole("rows_at_once", rows_at_once, 1)

    def reset_parameters(self) -> None:
        """Nothing: the layer has no parameters, but PyG's containers ask every layer for this."""

    def forward(self, x: Tensor, similarity: Tensor | Rows) -> Tensor:
        """Pooled features, (N, F)."""
        return region_pooling(x, similarity, threshold=self.threshold, rows_at_once=self.rows_at_once)

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}, rows_at_once={self.rows_at_once}"
