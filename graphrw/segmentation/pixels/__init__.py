"""The walk over pixels: what `random_walker` and `Session(superpixels=False)` share."""
