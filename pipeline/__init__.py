"""What runs: the plan, the graph, the command line, the demo and the embedded newsroom."""
