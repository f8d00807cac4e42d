"""Where learned edge weights start: near those of a plain walk, from which every direction is open."""

WEIGHT = 0.5  # of every edge, from a head of its own: here both log w and log (1 − w) have room to move
EXPONENT = 0.1  # of an edge whose features differ by 1 in each channel, in exp(−…): a weight of 0.9
