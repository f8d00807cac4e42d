"""How many numbers to hold at once, where all of them together would not fit.

Numbers along edges, or between all pairs, are many times those of the nodes: they are made a block at a time, and made
again where backward needs them.
"""

AT_ONCE = 2**20  # numbers in a block, 4 MB in float32: fewer cost more calls, more leave the cache
MAPS = 2**26  # numbers of one feature map or of probabilities at pixels, 256 MB in float32, where there is no backward
KEPT = 2**24  # numbers that one operation keeps for backward, 64 MB in float32: up to here making them again costs more
