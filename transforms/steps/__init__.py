"""The steps of the graph: thin PTransforms over the plain functions, a module for each room.

They stand apart because the processes of the pool load the functions without Beam. Page bodies
never cross a shuffle: what follows `FetchPages` is fused with it.
"""

NAMESPACE = "newsbeam"
"""Of our metrics."""
