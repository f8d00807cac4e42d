"""Where learned edge weights start: near those of a plain walk, from which every direction is open."""

from torch import nn

WEIGHT = 0.5  # of every edge, from a head of its own: here both log w and log (1 − w) have room to move
EXPONENT = 0.1  # of an edge whose features differ by 1 in each channel, in exp(−…): a weight of 0.9


def reset(module: nn.Module) -> None:
    """A new draw of what `module` starts with, by its own `reset_parameters`, or by those of its parts.

    As PyG's function of this name, which would load all of PyG with every command that has a network in it.
    """
    if callable(own := getattr(module, "reset_parameters", None)):
        own()
    else:
        for part in module.children():
            reset(part)
