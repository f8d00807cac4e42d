"""How two regions differ: in colour, along their border, in features."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from graphrw.build import edge_length
from graphrw.core.finite import check_finite
from graphrw.segmentation.regions.image_regions import ImageRegions


def edge_terms(regions: ImageRegions, features: Tensor) -> Tensor:
    """(E, 3): |f_i − f_j|² / m of mean colours, the contrast along the border over its mean (0 where regions do not
    touch), and |F_i − F_j|² over its mean, for `features` F (R, C)."""
    mean = edge_length(regions.touching, features).square().mean()
    apart = edge_length(regions.graph, features).square() / mean.clamp(min=torch.finfo(mean.dtype).tiny)
    return torch.stack([regions.difference, _contrast(regions), apart], dim=1)


def region_features(regions: ImageRegions, features: Tensor) -> Tensor:
    """(R, C) float64: means over regions of `features` (C, \\*any shape), stretched over the image; of unit size."""
    shape = tuple(regions.segments.shape)
    if features.ndim != len(shape) + 1 or features.numel() == 0:
        got = tuple(features.shape)
        raise ValueError(f"`features` must be (C, *cells), with {len(shape)} axes of cells, not empty; got {got}.")
    check_finite("features", features)
    node, count = regions.segments.flatten().long(), len(regions.mean)
    mode = "bilinear" if len(shape) == 2 else "trilinear"
    found = torch.zeros(count + 1, len(features))
    size = node.bincount(minlength=count) if bool((node >= 0).all()) else node[node >= 0].bincount(minlength=count)
    for place, block in enumerate(features.detach().cpu().float().split(16)):
        stretched = interpolate(block[None], size=shape, mode=mode)[0].flatten(1)
        found[:, 16 * place : 16 * place + len(block)].index_add_(0, torch.where(node < 0, count, node), stretched.T)
    means = (found[:count] / size[:, None]).double()
    means = means - means.mean(0)
    return means / means.square().sum(1).mean().sqrt().clamp(min=torch.finfo(means.dtype).tiny)


def _contrast(regions: ImageRegions) -> Tensor:
    """(E,): the mean difference of colour between pixels on both sides of a border, over the mean of all borders."""
    segments, features, count = regions.segments.long(), regions.features, len(regions.mean)
    keys, steps = [], []
    for axis, extent in enumerate(segments.shape):
        first, second = (segments.narrow(axis, begin, extent - 1) for begin in (0, 1))
        across = (first != second) & (first >= 0) & (second >= 0)
        here, there = (features.narrow(axis, begin, extent - 1)[across] for begin in (0, 1))
        keys.append(torch.minimum(first, second)[across] * count + torch.maximum(first, second)[across])
        steps.append((here - there).norm(dim=-1).double())
    if not any(len(key) for key in keys):
        return torch.zeros_like(regions.length)
    pairs, place = torch.cat(keys).unique(return_inverse=True)
    mean = torch.zeros(len(pairs), dtype=torch.float64).index_add(0, place, torch.cat(steps)) / place.bincount()
    tail, head = regions.graph.edges
    edge = torch.minimum(tail, head) * count + torch.maximum(tail, head)
    found = torch.searchsorted(pairs, edge).clamp(max=len(pairs) - 1)
    touch = pairs[found] == edge
    unit = max(float(mean.mean()), torch.finfo(mean.dtype).tiny)
    return torch.where(touch, mean[found], 0.0).div(unit)
