"""Nested dissection of a grid, whose pixels may be held and freed again without factorising anew.

`dissection` orders the pixels, `factor` factorises, `bordered` changes what is held, `operator` multiplies without
lists of edges, and `nested_dissection` is the solver.
"""
