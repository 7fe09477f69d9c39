"""Where rows go: the DuckDB database, its schema, the staged shards, and read-only queries."""
