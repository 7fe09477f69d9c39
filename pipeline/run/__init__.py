"""What runs: the plan, the graph, a run, a stream, on which engine."""
