"""Strokes on one image, one after the other: what a session is made of."""
