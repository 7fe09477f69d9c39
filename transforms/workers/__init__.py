"""What a worker holds: the pool of parsers, signals, known ids, files of the plan."""
