"""Iterative solvers: products with A under a preconditioner, until a small residual means a small error.

`base` says when that is, `krylov` holds the methods themselves, and `certified` bounds errors on directed graphs. The
other files are solvers; `amg` has the options of `petsc`. Multigrid is a folder of its own.
"""
