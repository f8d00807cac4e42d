"""Block Gauss–Seidel, for walks that mostly go one way: `wells` orders nodes, `sweep` goes through them, and
`elimination` inverts the blocks without a subtraction.
"""
