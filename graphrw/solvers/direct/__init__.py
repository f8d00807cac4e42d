"""Direct solvers: A is factorised once, and each right-hand side costs a substitution. One file per library.

`base` says what an analysis tells and how a factorisation is judged; `simplicial_kernels` is what numba compiles for
`simplicial`.
"""
