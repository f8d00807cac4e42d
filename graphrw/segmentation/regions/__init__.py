"""The walk over superpixels and their colours, with borders drawn by pixels: what `segment` does."""
