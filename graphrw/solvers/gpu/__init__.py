"""Kernels in Triton for what a GPU does most often, and what launches them; `compiled` is their like on a CPU."""
