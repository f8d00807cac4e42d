"""A page in the browser to label an image with strokes: `graphrw.Session` and nothing more, on this machine alone."""

from graphrw.page.serve import serve

__all__ = ["serve"]
